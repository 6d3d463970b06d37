"""Processes by state, and those that are stuck in the kernel."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine
from collections.abc import Callable

if TYPE_CHECKING:
    pass

PROCESSES = Desc("stoker_host_processes", Kind.GAUGE, "Processes in a state", ("state",))
STUCK = Desc(
    "stoker_host_processes_stuck",
    Kind.GAUGE,
    "Processes in uninterruptible sleep (D) for more than 60 seconds: in a driver, on a dead mount",
)
_STATES = {"R": "running", "D": "blocked", "Z": "zombie"}
_STUCK_AFTER = 60.0


@dataclass(slots=True)
class HostProcesses:
    """/proc/PID/stat of every process; a process is known by pid and start time."""

    machine: Machine = field(default_factory=Machine)
    clock: Callable[[], float] = time.monotonic
    name: str = "host_processes"
    descs: tuple[Desc, ...] = (PROCESSES, STUCK)
    _blocked: dict[tuple[str, bytes], float] = field(default_factory=dict, init=False)

    def collect(self) -> Reading:
        """Read once."""
        now = self.clock()
        counts = dict.fromkeys(_STATES.values(), 0)
        blocked: dict[tuple[str, bytes], float] = {}
        for pid in self.machine.pids():
            stat = _stat(f"{self.machine.proc}/{pid}/stat")
            end = stat.rfind(b")")  # the name between the brackets may hold brackets and blanks
            state = stat[end + 2 : end + 3].decode() if end > 0 else ""
            if state in _STATES:
                counts[_STATES[state]] += 1
            if state == "D":
                key = (pid, stat[end:].split()[20])
                blocked[key] = self._blocked.get(key, now)
        self._blocked = blocked
        stuck = sum(now - since > _STUCK_AFTER for since in blocked.values())
        return Reading(
            [*(Sample(PROCESSES, (state,), count) for state, count in counts.items()), Sample(STUCK, (), stuck)]
        )


def _stat(path: str) -> bytes:
    """The file, or nothing when the process has ended meanwhile."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(descriptor, 1024)
    except OSError:
        return b""
    finally:
        os.close(descriptor)
