"""A recording holds whatever the collectors look at: the page of a machine that has everything, and the page of its recording."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recordings
from machines import Clock, write
from simulator import nvml_simulator as simulator
from stoker.app import load_all
from stoker.collectors import gpu_accounts, gpu_processes
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.gpu_accounts import GpuAccounts
from stoker.collectors.host import HOST_DESCS, host_collectors
from stoker.collectors.rehearsal import COVERS, rehearse
from stoker.collectors.schedule import Schedule
from stoker.parts import CollectorsPart, replayed_parts
from stoker.sources.host import Host
from stoker.sources.mounts import Mounts
from stoker.sources.nvml import NvmlGate
from stoker.sources.pods import LOGS, Pods
from stoker.sources.record import Asked, record
from stoker.sources.recording import Recording, load, save
from stoker.sources.replay import Replay
from watched import Watch, watching

if TYPE_CHECKING:
    from stoker.collectors.collector import Collector

BEGUN = 1_800_000_000.0
EVERY = 5.0
GIB = 1 << 30
EXCEPT = re.compile(
    r"proc/self/mountinfo|"  # asked for where that of process 1 is not to be read, and recorded as that
    r"proc/\d+/environ|"  # of which the job that it names is kept, as a control group
    r"usr/lib/os-release|"  # kept as etc/os-release
    r"\.dockerenv|run/\.containerenv|dev|"  # what they decide is decided when it is recorded
    r"dev/nvme\d+|var/lib/kubelet/.*"  # asked by calls
)
"""What need not be in a recording although it is looked at."""


@dataclass
class Bench:
    """A machine that has something for every collector, and changes between two looks, in the same way each time."""

    library: Path
    root: Path

    def __post_init__(self) -> None:
        self.file = self.root.with_name("nvml")
        self.env = simulator.environment(self.library, self.file, {"PATH": "/usr/bin:/bin"})
        self.calls = recordings.calls([simulator.uuid_of(4)])
        self.machine = recordings.tree(self.root, 5)
        write(self.root, {"proc/1/mountinfo": "0 0 0:1 / / rw - ext4 /dev/vda rw\n"})
        self.change(0)

    def change(self, number: int) -> None:
        """As it is at the look of this number."""
        recordings.busy(self.root, number)
        write(self.root, {"proc/vmstat": f"pswpin {number}\npswpout 4\noom_kill {1 + number}\n"})
        simulated = simulator.machine(5)
        simulated.devices[0].values["process_use"] = "4000000:5000000:80:40:10:5"
        for device in simulated.devices:
            for _ in range(number):
                recordings.work(device)
        simulated.write(self.file)

    def statvfs(self, _: str) -> os.statvfs_result:
        return os.statvfs_result((1, 1, 100 * GIB, 40 * GIB, 40 * GIB, 1000, 600, 600, 0, 255))

    def collectors(self, gate: NvmlGate, clock: Clock) -> list[Collector]:
        """As an exporter of this machine has them."""
        mounts = Mounts(self.machine.proc, self.machine.root, statvfs=self.statvfs)
        pods = Pods(logs=f"{self.root}{LOGS}", ask=self.calls.kubelet)
        accounts = GpuAccounts(clock=lambda: BEGUN + clock.now, monotonic=clock)
        return [
            *host_collectors(
                Host(self.machine, mounts=mounts),
                clock=lambda: BEGUN + clock.now,
                monotonic=clock,
                calls=self.calls,
            ),
            *gpu_collectors(gate, pods=pods, accounts=accounts),
        ]

    def live(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Watch]:
        """The page after two looks, and what was looked at for it."""
        clock = Clock(0.0)
        gate = NvmlGate(
            sysfs=Path(self.machine.sys), procfs=Path(self.machine.proc), root=self.root, memory={}, env=self.env
        )
        gate.snapshot()  # activity is told between two looks
        schedule = Schedule(self.collectors(gate, clock), interval=15, deadline=10)
        try:
            with watching(monkeypatch) as watch:
                for number in range(2):
                    clock.now = EVERY * number
                    self.change(number)
                    schedule.run_once()
            assert not [status for status in schedule.status() if status.says]
            return recordings.rendered(schedule.samples()), watch
        finally:
            schedule.stop(0.5)
            gate.close()

    def recording(self, **asked: object) -> Recording:
        """Of two looks, written and read again."""
        numbers = iter((0, 1))
        wanted = {"gpus": True, "deadline": 5.0, "known": {}, "covers": COVERS} | asked
        made = record(
            self.machine,
            Asked(2, EVERY, "node-1", "node-1", **wanted),  # type: ignore[arg-type] # as it takes them
            self.env,
            root=self.root,
            clock=lambda: BEGUN,
            wait=lambda _: self.change(next(numbers)),
            calls=self.calls,
        )
        sizes: dict[str, list[int] | str] = {"/": [100 * GIB, 40 * GIB, 1000, 600]}
        made = replace(made, rounds=[replace(each, mounts=sizes) for each in made.rounds], architecture="")
        folder = self.root.with_name("recording")
        shutil.rmtree(folder, ignore_errors=True)
        save(folder, made)
        return load(folder)

    def unrecorded(self, watch: Watch) -> list[str]:
        """Files that were looked at and are not in a recording, though they were there, or could have been."""
        seen = {os.path.relpath(path, self.root) for path in watch.paths if path.startswith(f"{self.root}/")}
        wanted = sorted(name for name in seen if not EXCEPT.fullmatch(name) and not (self.root / name).is_dir())
        for name in wanted:
            if not os.path.lexists(self.root / name):
                write(self.root, {name: "0\n"})
        replay = Replay(self.recording(gpus=True))
        try:
            base = Path(replay.machine.proc).parent
            return [name for name in wanted if not os.path.lexists(base / _played(name))]
        finally:
            replay.close()


def _played(name: str) -> str:
    return name if name.startswith(("proc/", "sys/")) else f"root/{name}"


@pytest.fixture
def bench(nvml_library: Path, tmp_path: Path) -> Bench:
    return Bench(nvml_library, tmp_path / "machine")


def replayed(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Watch, str]:
    """The page after all rounds, what was looked at for it, and where the files lie."""
    rehearse(recording)
    replay = Replay(recording)
    loaded, pack = load_all(None)
    (part,) = replayed_parts(replay, loaded.settings, pack, replay.machine)
    assert isinstance(part, CollectorsPart)
    try:
        with watching(monkeypatch) as watch:
            for number in range(len(recording.rounds)):
                replay.go_to(number)
                part.schedule.run_once()
        return recordings.rendered(part.samples()), watch, str(Path(replay.machine.proc).parents[1])
    finally:
        part.stop()
        replay.close()


def test_the_page_of_a_recording_is_that_of_the_machine_for_every_collector(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, watch = bench.live(monkeypatch)
    missing = [desc.name for desc in (*HOST_DESCS, *gpu_processes.ALL_DESCS, *gpu_accounts.DESCS)]
    missing = [name for name in missing if f"\n{name}" not in live]
    assert missing == [], "metrics for which the machine of this test has nothing: give its tree the files"
    again, _, _ = replayed(bench.recording(), monkeypatch)
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
    _, watch, folder = replayed(recording, monkeypatch)
    outside = [path for path in watch.paths if not path.startswith(folder)]
    assert [path for path in outside if re.match(r"/(proc|sys|dev|etc|var|run)\b", path)] == []
    assert watch.others == set()
