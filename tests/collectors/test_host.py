"""All host collectors together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.host import HOST_DESCS, HOST_NAMES, host_collectors
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


def test_without_proc_psutil_gives_what_it_can() -> None:
    host = Host(Machine(), linux=False)
    assert host.cpu_times().each["0"][0] > 0
    assert host.memory()["MemTotal"] > host.memory()["MemAvailable"] > 0
    assert len(host.load()) == 3
    assert min(host.swapped()) >= 0
    assert host.kernel()
    assert host.system()
