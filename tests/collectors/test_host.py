"""All host collectors together."""

from __future__ import annotations

import platform
from contextlib import suppress
from typing import TYPE_CHECKING

from machines import values, write
from stoker.collectors.host import HOST_DESCS, HOST_NAMES, host_collectors
from stoker.config.settings import HostSettings
from stoker.errors import SourceError, UnavailableError
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path


def test_no_metric_is_declared_twice() -> None:
    names = [desc.name for desc in HOST_DESCS]
    assert len(names) == len(set(names))


def test_each_collector_gives_only_what_it_declares() -> None:
    for collector in host_collectors(Machine()):
        try:
            reading = collector.collect()
        except UnavailableError:
            continue
        assert {sample.desc for sample in reading.samples} <= set(collector.descs)
        assert all(len(sample.labels) == len(sample.desc.labels) for sample in reading.samples)


def test_collectors_can_be_switched_off_by_name() -> None:
    left = host_collectors(Machine(), switches={"host_disk": False, "host_cpu": True})
    assert [collector.name for collector in left] == [name for name in HOST_NAMES if name != "host_disk"]


def test_collectors_made_anew_can_share_what_is_known_of_the_machine() -> None:
    host = Host(Machine())
    assert [collector.name for collector in host_collectors(host)] == list(HOST_NAMES)


def test_a_machine_that_gives_nothing_makes_every_collector_say_so_in_one_line(tmp_path: Path) -> None:
    for folder in ("proc", "sys"):
        (tmp_path / folder).mkdir()
    for collector in host_collectors(Machine(str(tmp_path / "proc"), str(tmp_path / "sys"))):
        try:
            said = collector.collect().failures
        except SourceError as error:
            said = [str(error)]
        if collector.name == "host_clock":
            continue  # asks the kernel by a call and not by a file
        assert said, collector.name
        assert all("\n" not in line for line in said)


def test_a_linux_without_its_proc_is_a_failure_and_not_a_machine_without_processors(tmp_path: Path) -> None:
    for folder in ("proc", "sys"):
        (tmp_path / folder).mkdir()
    failed = set()
    for collector in host_collectors(Machine(str(tmp_path / "proc"), str(tmp_path / "sys"))):
        try:
            if collector.collect().failures:
                failed.add(collector.name)
        except UnavailableError:
            pass
        except SourceError:
            failed.add(collector.name)
    every_linux = {"info", "cpu", "load", "memory", "swap", "network", "processes", "filesystem"}
    assert failed == {f"host_{name}" for name in every_linux}


def test_a_container_may_watch_its_host(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "proc/1/mountinfo": "27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 254:1 / /data ro - xfs /dev/vdb ro\n",
            "proc/sys/kernel/osrelease": "9.9.9-host\n",
            "proc/stat": "cpu  1 0 0 0\ncpu0 1 0 0 0\nbtime 1700000000\n",
            "sys/class/hwmon/hwmon0/name": "board\n",
            "sys/class/hwmon/hwmon0/temp1_input": "41000\n",
            "root/etc/os-release": 'PRETTY_NAME="The Host"\n',
            "root/data/file": "",
        },
    )
    settings = HostSettings(proc=str(tmp_path / "proc"), sys=str(tmp_path / "sys"), root=str(tmp_path / "root"))
    found: dict[str, float] = {}
    for collector in host_collectors(Machine.of(settings)):
        with suppress(SourceError):
            found |= values(collector.collect())
    info = f'stoker_host_info{{kernel="9.9.9-host",os="The Host",arch="{platform.machine()}"}}'
    assert found[info] == 1
    assert found["stoker_host_boot_time_seconds"] == 1_700_000_000
    assert found['stoker_host_temperature_celsius{chip="board",sensor="temp1"}'] == 41
    assert found['stoker_host_filesystem_readonly{device="/dev/vdb",mountpoint="/data",fstype="xfs"}'] == 1
    assert found['stoker_host_filesystem_readonly{device="/dev/vda",mountpoint="/",fstype="ext4"}'] == 0


def test_without_proc_psutil_gives_what_it_can() -> None:
    host = Host(Machine(), linux=False)
    assert host.cpu_times().each["0"][0] > 0
    assert host.memory()["MemTotal"] > host.memory()["MemAvailable"] > 0
    assert len(host.load()) == 3
    assert min(host.swapped()) >= 0
    assert host.kernel()
    assert host.system()
