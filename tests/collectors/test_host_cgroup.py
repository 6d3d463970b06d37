"""Limits of control groups, as a container sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_cgroup import HostCgroup
from stoker.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

TOP = "sys/fs/cgroup"
GIB = 1 << 30
MACHINE = {"proc/meminfo": f"MemTotal: {64 * GIB // 1024} kB\n"}


def read(tmp_path: Path, files: dict[str, str], place: str = "0::/\n") -> dict[str, float]:
    reading = HostCgroup(host(tmp_path, MACHINE | {"proc/self/cgroup": place} | files), Clock()).collect()
    assert not reading.failures
    found = values(reading)
    return {name.removeprefix("stoker_host_cgroup_"): value for name, value in found.items()}


def test_a_container_of_version_2_sees_its_limit_at_the_top(tmp_path: Path) -> None:
    files = {
        f"{TOP}/memory.max": f"{8 * GIB}\n",
        f"{TOP}/memory.current": f"{7 * GIB}\n",
        f"{TOP}/memory.stat": f"anon 5\nfile 9\ninactive_file {2 * GIB}\n",
        f"{TOP}/memory.events": "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n",
        f"{TOP}/cpu.max": "250000 100000\n",
        f"{TOP}/cpu.stat": "usage_usec 9\nnr_periods 5\nnr_throttled 4\nthrottled_usec 1500000\n",
    }
    assert read(tmp_path, files) == {
        "memory_limit_bytes": 8 * GIB,
        "memory_used_bytes": 5 * GIB,
        "oom_kills_total": 2,
        "cpu_limit": 2.5,
        "cpu_throttled_seconds_total": 1.5,
    }


def test_the_narrowest_limit_above_the_process_counts_with_what_is_used_under_it(tmp_path: Path) -> None:
    files = {
        f"{TOP}/pod/memory.max": f"{4 * GIB}\n",
        f"{TOP}/pod/memory.current": f"{3 * GIB}\n",
        f"{TOP}/pod/cpu.max": "max 100000\n",
        f"{TOP}/pod/box/memory.max": "max\n",
        f"{TOP}/pod/box/memory.current": f"{GIB}\n",
        f"{TOP}/pod/box/cpu.max": "50000 100000\n",
        f"{TOP}/cpu.stat": "throttled_usec 1\n",
    }
    found = read(tmp_path, files, "0::/pod/box\n")
    assert found == {"memory_limit_bytes": 4 * GIB, "memory_used_bytes": 3 * GIB, "cpu_limit": 0.5}


VERSION_1 = {
    "memory.limit_in_bytes": f"{2 * GIB}\n",
    "memory.usage_in_bytes": f"{GIB}\n",
    "memory.stat": "cache 5\ninactive_file 7\ntotal_inactive_file 24\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n",
}
CPU_1 = {
    "cpu.cfs_quota_us": "300000\n",
    "cpu.cfs_period_us": "100000\n",
    "cpu.stat": "nr_periods 2\nnr_throttled 1\nthrottled_time 2500000000\n",
}


@pytest.mark.parametrize("where", ["/docker/ab12", ""], ids=["the machine's own path", "the container's part only"])
def test_version_1_is_read_whether_the_path_is_visible_or_only_the_containers_part_of_it(
    tmp_path: Path, where: str
) -> None:
    files = {f"{TOP}/memory{where}/{name}": text for name, text in VERSION_1.items()}
    files |= {f"{TOP}/cpu,cpuacct{where}/{name}": text for name, text in CPU_1.items()}
    (tmp_path / TOP).mkdir(parents=True)
    (tmp_path / TOP / "cpu").symlink_to("cpu,cpuacct")
    assert read(tmp_path, files, "4:memory:/docker/ab12\n1:cpu,cpuacct:/docker/ab12\n0::/docker/ab12\n") == {
        "memory_limit_bytes": 2 * GIB,
        "memory_used_bytes": GIB - 24,
        "oom_kills_total": 1,
        "cpu_limit": 3,
        "cpu_throttled_seconds_total": 2.5,
    }


@pytest.mark.parametrize(
    ("place", "files"),
    [
        ("0::/\n", {}),
        ("0::/../../other\n", {}),
        ("0::/\n", {"memory.max": "max\n", "cpu.max": "max 100000\n"}),
        ("0::/\n", {"memory.max": f"{64 * GIB}\n", "memory.current": "1\n"}),
        (
            "3:memory:/\n1:cpu:/\n",
            {
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
                "cpu/cpu.cfs_quota_us": "-1\n",
                "cpu/cpu.cfs_period_us": "100000\n",
            },
        ),
    ],
    ids=["no files", "outside what is mounted", "max", "as much as the machine has", "version 1"],
)
def test_without_a_limit_there_is_nothing_to_tell(tmp_path: Path, place: str, files: dict[str, str]) -> None:
    below = {f"{TOP}/{name}": text for name, text in files.items()}
    with pytest.raises(UnavailableError, match="no control group limits"):
        read(tmp_path, below, place)


@pytest.mark.parametrize(
    ("name", "text"),
    [("memory.max", "much\n"), ("memory.current", "\n"), ("memory.stat", "anon\n"), ("memory.events", "oom_kill x\n")],
)
def test_nonsense_in_a_file_of_memory_costs_only_memory(tmp_path: Path, name: str, text: str) -> None:
    files = {"memory.max": "4096\n", "memory.current": "1\n", "cpu.max": "100000 100000\n"} | {name: text}
    machine = host(tmp_path, MACHINE | {"proc/self/cgroup": "0::/\n"} | {f"{TOP}/{key}": files[key] for key in files})
    reading = HostCgroup(machine, Clock()).collect()
    assert values(reading) == {"stoker_host_cgroup_cpu_limit": 1}
    assert len(reading.failures) == 1
    assert reading.failures[0].startswith(f"memory: {tmp_path}/{TOP}/{name}: not in the expected form")


@pytest.mark.parametrize("text", ["1 0\n", "1\n", "a b\n"])
def test_nonsense_in_the_quota_costs_only_the_processors(tmp_path: Path, text: str) -> None:
    files = {f"{TOP}/memory.max": "4096\n", f"{TOP}/memory.current": "1\n", f"{TOP}/cpu.max": text}
    reading = HostCgroup(host(tmp_path, MACHINE | {"proc/self/cgroup": "0::/\n"} | files), Clock()).collect()
    assert len(values(reading)) == 2
    assert "cpu.max: not in the expected form" in reading.failures[0]


def test_a_file_that_may_not_be_read_is_a_failure(tmp_path: Path) -> None:
    machine = host(tmp_path, MACHINE | {"proc/self/cgroup": "0::/\n", f"{TOP}/cpu.max": "max 100000\n"})
    (tmp_path / TOP / "memory.max").mkdir()
    reading = HostCgroup(machine, Clock()).collect()
    assert reading.failures == [f"memory: {tmp_path}/{TOP}/memory.max: Is a directory"]


def test_a_limit_that_is_set_later_is_found_within_a_minute(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostCgroup(host(tmp_path, MACHINE | {"proc/self/cgroup": "0::/\n"}), clock)
    for seconds in (0, 59):
        clock.now += seconds
        with pytest.raises(UnavailableError):
            collector.collect()
        write(tmp_path, {f"{TOP}/cpu.max": "100000 100000\n"})
    clock.now += 1
    assert values(collector.collect()) == {"stoker_host_cgroup_cpu_limit": 1}
