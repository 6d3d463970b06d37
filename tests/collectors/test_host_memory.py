"""Memory and swap."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from machines import host, values
from stoker.collectors.host_memory import HostMemory
from stoker.collectors.host_swap import HostSwap
from stoker.errors import SourceError
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

MEMINFO = """MemTotal:        8000000 kB
MemFree:         1000000 kB
MemAvailable:    3000000 kB
Buffers:           20000 kB
Cached:          1500000 kB
SwapCached:            0 kB
SwapTotal:       2000000 kB
SwapFree:        1900000 kB
SReclaimable:     500000 kB
HugePages_Total:       7
"""
VMSTAT = "nr_free_pages 5\npswpin 10\npswpout 20\noom_kill 0\n"


def test_used_is_total_less_available_and_cached_is_the_page_cache_alone(tmp_path: Path) -> None:
    assert values(HostMemory(host(tmp_path, {"proc/meminfo": MEMINFO})).collect()) == {
        "stoker_host_memory_total_bytes": 8_000_000 * 1024,
        "stoker_host_memory_available_bytes": 3_000_000 * 1024,
        "stoker_host_memory_used_bytes": 5_000_000 * 1024,
        "stoker_host_memory_cached_bytes": 1_500_000 * 1024,
        "stoker_host_memory_buffers_bytes": 20_000 * 1024,
    }


def test_what_the_kernel_does_not_say_is_left_out_and_not_zero(tmp_path: Path) -> None:
    found = values(HostMemory(host(tmp_path, {"proc/meminfo": "MemTotal: 8 kB\nCached: 2 kB\n"})).collect())
    assert found == {"stoker_host_memory_total_bytes": 8192, "stoker_host_memory_cached_bytes": 2048}


def test_swap_traffic_is_counted_in_pages_of_this_machine(tmp_path: Path) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    reading = HostSwap(host(tmp_path, {"proc/meminfo": MEMINFO, "proc/vmstat": VMSTAT})).collect()
    assert not reading.failures
    assert values(reading) == {
        "stoker_host_swap_total_bytes": 2_000_000 * 1024,
        "stoker_host_swap_used_bytes": 100_000 * 1024,
        "stoker_host_swap_in_bytes_total": 10 * page,
        "stoker_host_swap_out_bytes_total": 20 * page,
    }


def test_swap_space_is_served_without_its_traffic(tmp_path: Path) -> None:
    reading = HostSwap(host(tmp_path, {"proc/meminfo": MEMINFO, "proc/vmstat": "x y z\n"})).collect()
    assert list(values(reading)) == ["stoker_host_swap_total_bytes", "stoker_host_swap_used_bytes"]
    assert len(reading.failures) == 1
    assert reading.failures[0].startswith("traffic: ")


def test_no_meminfo_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="meminfo: No such file"):
        HostMemory(host(tmp_path, {})).collect()


def test_it_agrees_with_proc_on_this_machine() -> None:
    with open("/proc/meminfo") as file:
        meminfo = {line.split()[0]: int(line.split()[1]) * 1024 for line in file}
    found = values(HostMemory(Host(Machine())).collect())
    assert found["stoker_host_memory_total_bytes"] == meminfo["MemTotal:"]
    slack = 0.05 * meminfo["MemTotal:"]
    assert found["stoker_host_memory_available_bytes"] == pytest.approx(meminfo["MemAvailable:"], abs=slack)
    assert found["stoker_host_memory_cached_bytes"] == pytest.approx(meminfo["Cached:"], abs=slack)
