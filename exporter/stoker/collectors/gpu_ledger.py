"""The accounts of workloads and GPUs: numbers that only grow, bounded in number, kept across restarts.

A workload that has held nothing for a day ends, and the one that ended first gives way when there are too many. One that comes while all others
still hold something is counted under `other` from its first second. A workload that gave way is not added to `other`: what is counted there
would be counted twice by a query over a time in which both were.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.collectors.gpu_holders import Workload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableMapping

OTHER = Workload("other", "other")
STATES = ("busy", "held", "unmeasured", "idle")
_KEEP = 86400.0
_ENDED = 600.0
"""Seconds after which a workload that holds nothing may give way; for less, its processes may only be starting anew."""


@dataclass(slots=True)
class Account:
    """What a workload has used, in GPU seconds and joules, and when it last held something (seconds since the epoch)."""

    busy: float = 0.0
    held: float = 0.0
    unmeasured: float = 0.0
    joules: float = 0.0
    seen: float = 0.0


@dataclass(slots=True)
class GpuTime:
    """What a GPU has spent in each state, under the index that it last had."""

    gpu: str
    seen: float = 0.0
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STATES, 0.0))


class Ledger:
    """The accounts.

    Args:
        open_memory: gives the mapping that keeps them, called when they are first needed: until then another exporter may write it.
        clock: seconds since the epoch.
        most: workloads that have an account of their own.
        users: whether users may be told; if not, accounts kept from when they were are dropped.

    Attributes:
        workloads, gpus: the accounts; a GPU's is under its uuid.
        forgotten: how many workloads gave way.
    """

    def __init__(
        self,
        open_memory: Callable[[], MutableMapping[str, object]],
        clock: Callable[[], float],
        most: int,
        *,
        users: bool,
    ) -> None:
        self._open = open_memory
        self._memory: MutableMapping[str, object] | None = None
        self._clock = clock
        self._most = most
        self._users = users
        self._ended: list[Workload] | None = None
        self.workloads: dict[Workload, Account] = {}
        self.gpus: dict[str, GpuTime] = {}
        self.forgotten = 0.0

    def begin(self) -> None:
        """Before each look: read what was kept, once, and end what has held nothing for long."""
        if self._memory is None:
            self._memory = self._open()
            self._restore(self._memory.get("accounts"))
        self._ended = None
        now = self._clock()
        accounts: tuple[dict[Workload, Account], dict[str, GpuTime]] = (self.workloads, self.gpus)
        for each in accounts:
            for key in [key for key, account in each.items() if now - account.seen > _KEEP]:
                del each[key]  # type: ignore[arg-type] # the key is of the mapping that it was taken from

    def gpu(self, gpu: str, uuid: str) -> GpuTime:
        """Of a GPU that is there now."""
        found = self.gpus.setdefault(uuid, GpuTime(gpu))
        found.gpu, found.seen = gpu, self._clock()
        return found

    def holds(self, workload: Workload) -> None:
        """A workload holds something now: it has an account, at 0 when it is new."""
        if workload not in self.workloads and not self._room():
            workload = OTHER
        self.workloads.setdefault(workload, Account()).seen = self._clock()

    def account(self, workload: Workload) -> Account:
        """Where its use is to be counted."""
        return self.workloads.get(workload) or self.workloads.setdefault(OTHER, Account(seen=self._clock()))

    def _room(self) -> bool:
        if len(self.workloads) < self._most:
            return True
        if self._ended is None:
            before = self._clock() - _ENDED
            rows = ((account.seen, each) for each, account in self.workloads.items() if account.seen < before)
            self._ended = [each for _, each in sorted(rows, reverse=True) if each != OTHER]
        if not self._ended:
            return False
        del self.workloads[self._ended.pop()]
        self.forgotten += 1
        return True

    def save(self) -> None:
        """Keep them. To be done before they are told, so that no counter goes back when the exporter is killed."""
        if self._memory is None:
            return
        self._memory["accounts"] = {
            "workloads": [
                [*workload, each.busy, each.held, each.unmeasured, each.joules, each.seen]
                for workload, each in self.workloads.items()
            ],
            "gpus": [[uuid, each.gpu, each.seen, *each.seconds.values()] for uuid, each in self.gpus.items()],
            "forgotten": self.forgotten,
        }

    def _restore(self, kept: object) -> None:
        if not isinstance(kept, dict):
            return
        try:
            workloads = {Workload(*map(_text, row[:4])): Account(*map(_number, row[4:])) for row in kept["workloads"]}
            gpus = {
                _text(row[0]): GpuTime(
                    _text(row[1]), _number(row[2]), dict(zip(STATES, map(_number, row[3:]), strict=True))
                )
                for row in kept["gpus"]
            }
            forgotten = _number(kept["forgotten"])
        except (TypeError, ValueError, LookupError, OverflowError):
            return  # not written by this version: they begin anew, as when the file is lost
        self.workloads = {each: account for each, account in workloads.items() if self._users or not each.user}
        self.gpus, self.forgotten = gpus, forgotten


def without_users(kept: Mapping[str, object]) -> dict[str, object]:
    """What a ledger has kept, with the accounts of all users of a workload as one."""
    before = Ledger(lambda: dict(kept), lambda: 0.0, 0, users=True)
    before.begin()
    memory: dict[str, object] = {}
    after = Ledger(lambda: memory, lambda: 0.0, 0, users=False)
    after.begin()
    for workload, each in before.workloads.items():
        account = after.workloads.setdefault(workload._replace(user=""), Account())
        account.busy += each.busy
        account.held += each.held
        account.unmeasured += each.unmeasured
        account.joules += each.joules
        account.seen = max(account.seen, each.seen)
    after.gpus, after.forgotten = before.gpus, before.forgotten
    after.save()
    return memory


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _number(value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"{value!r} is no number that grows from 0")
    return float(value)
