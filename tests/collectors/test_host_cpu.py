"""Processor times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import host, values, write
from stoker.collectors.host_cpu import HostCpu
from stoker.errors import SourceError
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

STAT = """cpu  300 20 100 4000 80 6 4 10 250 5
cpu0 200 10 60 2000 40 3 2 5 200 5
cpu2 100 10 40 2000 40 3 2 5 50 0
intr 1000 0 0
btime 1700000000
"""


def test_seconds_are_by_the_processors_own_number_and_guests_are_not_counted_again(tmp_path: Path) -> None:
    found = values(HostCpu(host(tmp_path, {"proc/stat": STAT})).collect())
    assert found['stoker_host_cpu_seconds_total{cpu="0",mode="user"}'] == 2.0
    assert found['stoker_host_cpu_seconds_total{cpu="2",mode="user"}'] == 1.0
    assert found['stoker_host_cpu_seconds_total{cpu="2",mode="steal"}'] == pytest.approx(0.05)
    assert not [series for series in found if "guest" in series or 'cpu="1"' in series]


def test_utilization_is_over_the_time_between_two_runs_and_counts_iowait_as_idle(tmp_path: Path) -> None:
    machine = host(tmp_path, {"proc/stat": STAT})
    collector = HostCpu(machine)
    assert "stoker_host_cpu_utilization_ratio" not in values(collector.collect())
    write(tmp_path, {"proc/stat": STAT.replace("cpu  300 20 100 4000 80", "cpu  325 20 100 4050 105")})
    assert values(collector.collect())["stoker_host_cpu_utilization_ratio"] == pytest.approx(0.25)


def test_no_time_between_two_runs_gives_no_utilization(tmp_path: Path) -> None:
    collector = HostCpu(host(tmp_path, {"proc/stat": STAT}))
    collector.collect()
    assert "stoker_host_cpu_utilization_ratio" not in values(collector.collect())


def test_utilization_stays_while_no_time_passes(tmp_path: Path) -> None:
    collector = HostCpu(host(tmp_path, {"proc/stat": STAT}))
    collector.collect()
    write(tmp_path, {"proc/stat": STAT.replace("cpu  300 20 100 4000 80", "cpu  325 20 100 4050 105")})
    for _ in range(3):
        assert values(collector.collect())["stoker_host_cpu_utilization_ratio"] == pytest.approx(0.25)


def test_a_counter_that_slips_back_is_held_so_that_it_is_not_taken_for_a_reset(tmp_path: Path) -> None:
    collector = HostCpu(host(tmp_path, {"proc/stat": STAT}))
    collector.collect()
    write(tmp_path, {"proc/stat": STAT.replace("cpu0 200 10 60 2000 40", "cpu0 200 10 60 1990 40")})
    assert values(collector.collect())['stoker_host_cpu_seconds_total{cpu="0",mode="idle"}'] == 20.0


def test_a_processor_that_starts_anew_is_a_reset(tmp_path: Path) -> None:
    collector = HostCpu(host(tmp_path, {"proc/stat": STAT}))
    collector.collect()
    write(tmp_path, {"proc/stat": STAT.replace("cpu0 200 10 60 2000 40", "cpu0 200 10 60 5 40")})
    assert values(collector.collect())['stoker_host_cpu_seconds_total{cpu="0",mode="idle"}'] == pytest.approx(0.05)


def test_an_old_kernel_without_steal_has_no_series_for_it(tmp_path: Path) -> None:
    found = values(HostCpu(host(tmp_path, {"proc/stat": "cpu  1 2 3 4\ncpu0 1 2 3 4\n"})).collect())
    assert len(found) == 4
    assert found['stoker_host_cpu_seconds_total{cpu="0",mode="idle"}'] == pytest.approx(0.04)


def test_a_file_in_another_form_is_one_line_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"proc/stat: not in the expected form"):
        HostCpu(host(tmp_path, {"proc/stat": "cpu  a b\n"})).collect()


def test_it_agrees_with_proc_on_this_machine() -> None:
    def seconds() -> dict[str, float]:
        with open("/proc/stat") as file:
            rows = [line.split() for line in file if line.startswith("cpu") and line[3] != " "]
        return {row[0][3:]: int(row[1]) / 100 for row in rows}

    before = seconds()
    found = values(HostCpu(Host(Machine())).collect())
    after = seconds()
    for cpu, user in before.items():
        given = found[f'stoker_host_cpu_seconds_total{{cpu="{cpu}",mode="user"}}']
        assert user - 1e-6 <= given <= after[cpu] + 1e-6
