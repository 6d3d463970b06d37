"""A machine that has something for every collector, its page, its recording, and the page of that."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import recordings
from machines import Clock, write
from simulator import nvml_simulator as simulator
from stoker.app import load_all
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.gpu_accounts import GpuAccounts
from stoker.collectors.host import host_collectors
from stoker.collectors.rehearsal import COVERS, rehearse
from stoker.collectors.schedule import Schedule
from stoker.parts import CollectorsPart, replayed_parts
from stoker.sources.host import Host
from stoker.sources.mounts import Mounts
from stoker.sources.nvml import NvmlGate
from stoker.sources.pods import LOGS, Pods
from stoker.sources.pseudofile import read_raw
from stoker.sources.record import Asked, record
from stoker.sources.recording import Recording, load, save
from stoker.sources.replay import Replay
from watched import Watch, watching

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from stoker.collectors.collector import Collector

EVERY = 5.0
GIB = 1 << 30
EXCEPT = re.compile(
    r"proc/self/mountinfo|"  # asked for where that of process 1 is not to be read, and recorded as that
    r"proc/self/status|"  # tells how often processes are to be listed, not which there are
    r"proc/\d+/environ|"  # of which the job that it names is kept, as a control group
    r"usr/lib/os-release|"  # kept as etc/os-release
    r"\.dockerenv|run/\.containerenv|dev|"  # what they decide is decided when it is recorded
    r"dev/nvme\d+|var/lib/kubelet/.*"  # asked by calls
)
"""What need not be in a recording although it is looked at."""


class Bench:
    """A machine that has something for every collector, and changes between two looks, in the same way each time.

    Attributes:
        calls: what it answers to what is asked and not read.
        read_file: reads its /proc and /sys.
    """

    def __init__(self, library: Path, root: Path) -> None:
        self.root = root
        self.calls = recordings.calls([simulator.uuid_of(4)])
        self.read_file: Callable[[str], bytes] = read_raw
        self.file = root.with_name("nvml")
        self.env = simulator.environment(library, self.file, {"PATH": "/usr/bin:/bin"})
        self.machine = recordings.tree(root, 5)
        write(root, {"proc/1/mountinfo": "0 0 0:1 / / rw - ext4 /dev/vda rw\n"})
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
        accounts = GpuAccounts(clock=lambda: recordings.BEGUN + clock.now, monotonic=clock)
        return [
            *host_collectors(
                Host(self.machine, mounts=mounts, read_file=self.read_file),
                clock=lambda: recordings.BEGUN + clock.now,
                monotonic=clock,
                calls=self.calls,
            ),
            *gpu_collectors(gate, pods=pods, accounts=accounts),
        ]

    def live(self, monkeypatch: pytest.MonkeyPatch) -> tuple[str, Watch, dict[str, str]]:
        """The page after two looks, what was looked at for it, and what the collectors say that failed."""
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
            return recordings.rendered(schedule.samples()), watch, _says(schedule, f"{self.root}")
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
            clock=lambda: recordings.BEGUN,
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


def _says(schedule: Schedule, folder: str) -> dict[str, str]:
    """By collector, with paths as they are below the folder."""
    return {status.name: status.says.replace(folder, "") for status in schedule.status() if status.says}


def replayed(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, *, still: int = 0
) -> tuple[str, Watch, dict[str, str], str]:
    """The page after all rounds, and so many looks at the last one more; else as `live`, and where the files lie."""
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
            for _ in range(still):
                part.schedule.run_once()
        folder = Path(replay.machine.proc).parent
        return recordings.rendered(part.samples()), watch, _says(part.schedule, ""), f"{folder.parent}"
    finally:
        part.stop()
        replay.close()
