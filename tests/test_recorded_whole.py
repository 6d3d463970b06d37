"""A recording holds whatever the collectors look at: the page of a machine that has everything, and the page of its recording."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from machines import write
from stoker.collectors import gpu_accounts, gpu_processes
from stoker.collectors.host import HOST_DESCS
from stoker.sources.host import Host
from watched import watching
from whole import Bench, replayed

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def bench(nvml_library: Path, tmp_path: Path) -> Bench:
    return Bench(nvml_library, tmp_path / "machine")


def test_the_page_of_a_recording_is_that_of_the_machine_for_every_collector(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, watch, says = bench.live(monkeypatch)
    assert says == {}
    missing = [desc.name for desc in (*HOST_DESCS, *gpu_processes.ALL_DESCS, *gpu_accounts.DESCS)]
    missing = [name for name in missing if f"\n{name}" not in live]
    assert missing == [], "metrics for which the machine of this test has nothing: give its tree the files"
    again, *_ = replayed(bench.recording(), monkeypatch, still=3)
    assert again.splitlines() == live.splitlines()
    assert bench.unrecorded(watch) == [], "files that recording_files.py does not have"


def test_a_collector_that_reads_something_new_is_seen(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    write(bench.root, {"sys/class/fan/fan0/rpm": "900\n"})
    host = Host(bench.machine)
    with watching(monkeypatch) as watch:
        host.sysfs.value("class/fan/fan0/rpm")
        host.sysfs.number("class/fan/fan0/limit")
        host.procfs.memory()
    assert bench.unrecorded(watch) == ["sys/class/fan/fan0/limit", "sys/class/fan/fan0/rpm"]


def test_replay_asks_nothing_of_the_machine_that_plays(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = bench.recording()
    _, watch, _, folder = replayed(recording, monkeypatch)
    outside = [path for path in watch.paths if not path.startswith(folder)]
    assert [path for path in outside if re.match(r"/(proc|sys|dev|etc|var|run)\b", path)] == []
    assert watch.others == set()
