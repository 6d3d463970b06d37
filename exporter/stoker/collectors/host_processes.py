"""Processes by state, and those that hang in the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host
    from stoker.sources.process_states import Blocked

PROCESSES = Desc("stoker_host_processes", Kind.GAUGE, "Processes in a state, by their main thread", ("state",))
STUCK = Desc(
    "stoker_host_processes_stuck",
    Kind.GAUGE,
    "Processes that have been in uninterruptible sleep (D) for more than 60 seconds: in a driver, on a dead mount",
)

_STATES = {"R": "running", "D": "blocked", "Z": "zombie"}
_STUCK_AFTER = 60.0
_KERNEL_EACH = 60.0
"""Seconds between two looks at the kernel's own threads, which are most of what an idle machine lists."""


class HostProcesses:
    """Counts of processes, and for how long those in state D have been there.

    A process that is found in D at every run may merely be busy with a disk. It is stuck only if it was not on a processor
    in between, which its context switches tell; the kernel's own hung-task detector judges alike.
    """

    name = "host_processes"
    descs = (PROCESSES, STUCK)

    def __init__(self, host: Host, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._monotonic = monotonic
        self._since: dict[Blocked, float] = {}
        self._kernel_at = 0.0

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("the state of processes")
        now = self._monotonic()
        kernel = now >= self._kernel_at
        processes = self._host.processes.look(kernel=kernel)
        if kernel:
            self._kernel_at = now + _KERNEL_EACH
        self._since = {blocked: self._since.get(blocked, now) for blocked in processes.blocked}
        stuck = sum(now - since > _STUCK_AFTER for since in self._since.values())
        counts = [
            Sample(PROCESSES, (name,), float(processes.states.get(letter, 0))) for letter, name in _STATES.items()
        ]
        return Reading([*counts, Sample(STUCK, (), float(stuck))])
