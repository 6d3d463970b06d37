"""OOM kills."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_oom import HostOom
from stoker.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path


def test_the_counter_is_there_from_the_start_and_the_time_from_the_first_rise(tmp_path: Path) -> None:
    clock = Clock(1_700_000_000.0)
    collector = HostOom(host(tmp_path, {"proc/vmstat": "pswpin 0\noom_kill 3\n"}), clock)
    assert values(collector.collect()) == {"stoker_host_oom_kills_total": 3}
    clock.now += 15
    assert values(collector.collect()) == {"stoker_host_oom_kills_total": 3}
    write(tmp_path, {"proc/vmstat": "pswpin 0\noom_kill 5\n"})
    clock.now += 15
    risen = {"stoker_host_oom_kills_total": 5, "stoker_host_oom_kill_last_timestamp_seconds": 1_700_000_030.0}
    assert values(collector.collect()) == risen
    clock.now += 15
    assert values(collector.collect()) == risen


def test_an_old_kernel_does_not_count_them(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match=r"Linux 4\.13"):
        HostOom(host(tmp_path, {"proc/vmstat": "pswpin 0\n"}), Clock()).collect()
