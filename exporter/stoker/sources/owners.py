"""Who owns the processes on a GPU: what /proc tells of each process that NVML names, remembered between looks.

NVML tells numbers of processes and nothing that tells a number from one that is used again, so a process is known by its number and the time
of its start, and looked at again when that changes, or after a minute, since a program may replace itself. What was read of a process that
was another one by the end of the reading is thrown away.

In a PID namespace of its own an exporter cannot be sure whose the numbers are: some drivers translate them, some do not. There, a process
is believed to be the one that NVML means only when it has a GPU's device open.

Of all that is read, only a process's environment can block: the kernel waits for a lock that a process which hangs in the driver may hold. It is
read in a thread that can be left behind, once, and only of processes that no control group places.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stoker.sources import nvml_users
from stoker.sources.control_groups import Groups, groups
from stoker.sources.deadline import Worker
from stoker.sources.outputs import environment, has_device
from stoker.sources.processes import namespace, start_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

State = Literal["living", "ended", "unseen"]

INITIAL = "pid:[4026531836]"
"""The machine's own PID namespace, a constant of the kernel."""
_AGAIN = 60.0
_JOB = "SLURM_JOB_ID"
_PATIENCE = 0.5
"""Seconds that an environment may take."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a process on a GPU is; what is not known is empty.

    Attributes:
        state: `ended` when no such process is on this machine, or one that is dead and only waits for its parent; `unseen` when it
            may well live, but not where this exporter can look.
        command: base name of the executable.
        user: number or name, when asked for.
        slurm_job, pod_uid, container_id: see control_groups.Groups.
    """

    state: State = "unseen"
    command: str = ""
    user: str = ""
    slurm_job: str = ""
    pod_uid: str = ""
    container_id: str = ""


_ENDED = Owner("ended")
_UNSEEN = Owner("unseen")
_NOWHERE = Groups()


class Owners:
    """Looks processes up; `begin` comes before each look.

    Attributes:
        whole: whether all processes of this machine can be seen, under the numbers that NVML gives them.

    Args:
        procfs: where they are.
        user: `off`, `uid` or `name`.
        monotonic: seconds that never go back.
    """

    def __init__(self, procfs: Path, user: str = "off", monotonic: Callable[[], float] = time.monotonic) -> None:
        self._procfs = str(procfs)
        self._path = procfs
        self._user = user
        self._monotonic = monotonic
        self._known: dict[int, tuple[int, float, Owner]] = {}
        self._told: dict[int, Owner] = {}
        self.whole = False

    def begin(self) -> None:
        """A new look: forget those that the last one did not ask for."""
        for pid in self._known.keys() - self._told.keys():
            del self._known[pid]
        self._told.clear()
        # where /proc hides other users' processes (hidepid), the first one is hidden, too
        self.whole = namespace(self._procfs) == INITIAL and start_of(1, self._procfs) is not None

    def owner(self, pid: int) -> Owner:
        """Of one process; the same for the whole of a look, however many GPUs it is on."""
        if pid not in self._told:
            self._told[pid] = self._owner(pid)
        return self._told[pid]

    def _owner(self, pid: int) -> Owner:
        start = start_of(pid, self._procfs)
        if start is None:
            self._known.pop(pid, None)
            return _ENDED if self.whole else _UNSEEN
        now = self._monotonic()
        known = self._known.get(pid)
        if known is not None and known[0] == start and now - known[1] < _AGAIN:
            return known[2]
        before = known[2] if known is not None and known[0] == start else None
        found = self._look(pid, before)
        if start_of(pid, self._procfs) != start:
            return _UNSEEN  # it ended meanwhile, and its number may already be another's: the next look tells
        self._known[pid] = (start, now, found)
        return found

    def _look(self, pid: int, before: Owner | None) -> Owner:
        if not self.whole and not has_device(pid, self._procfs):
            return _UNSEEN
        here = groups(pid, self._procfs)
        return Owner(
            "living",
            nvml_users.command(self._path, pid),
            nvml_users.user(self._path, pid, self._user),
            here.slurm_job or (self._told_job(pid, before) if here == _NOWHERE else ""),
            here.pod,
            here.container,
        )

    def _told_job(self, pid: int, before: Owner | None) -> str:
        """The Slurm job that the process's environment names; empty when that cannot be read."""
        if before is not None and before.state == "living":
            return before.slurm_job
        worker = Worker("environment", self._monotonic)
        call = worker.give(lambda: environment(pid, self._procfs))
        worker.retire()  # as soon as it has read it, which may be never
        if not call.done.wait(_PATIENCE):
            return ""
        return _number(call.result().get(_JOB, ""))


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() else ""
