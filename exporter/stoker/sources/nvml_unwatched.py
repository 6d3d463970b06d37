"""For how long NVML could not have told an XID of each GPU: what happens then is in the kernel's log alone.

A child has to register each GPU, and the events that it has not fetched when it is lost are lost with it. So a GPU is not watched from the last
look for events of one child until another one has registered it: for a moment when a child is replaced, for minutes while a call of this GPU does
not return, and always where its driver has no events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Unwatched:
    """The GPUs by their uuid. All times are monotonic seconds of the machine."""

    def __init__(self) -> None:
        self._child: int | None = None
        self._registered: set[str] = set()
        self._until: dict[str, float] = {}
        self._seconds: dict[str, float] = {}
        self._told = False

    def child(self, pid: int | None) -> None:
        """Which child there is now; another one than before has registered nothing."""
        if pid != self._child:
            self._child = pid
            self._registered.clear()

    def looked(self, now: float) -> None:
        """The child has fetched all events."""
        self._until.update(dict.fromkeys(self._registered, now))

    def told(self, answer: Mapping[str, Any], now: float) -> None:
        """The child has answered about a GPU; that says whether it has registered it, unless its handle was refused or nobody looks for events."""
        if "watched" not in answer:
            return
        self._told = True
        uuid, registered = answer["uuid"], answer["watched"]
        if uuid not in self._registered or not registered:
            self._add(uuid, now)
        (self._registered.add if registered else self._registered.discard)(uuid)

    def seconds(self, uuids: Iterable[str], now: float) -> dict[str, float]:
        """Of these GPUs; the others are forgotten. Nothing where no child has said anything, as of a recording."""
        if not self._told:
            return {}
        there = {uuid for uuid in uuids if uuid}
        for uuid in there - self._registered:
            self._add(uuid, now)
        for kept in (self._until, self._seconds):
            for uuid in kept.keys() - there:
                del kept[uuid]
        return dict(self._seconds)

    def _add(self, uuid: str, now: float) -> None:
        """Count what has passed since it was last watched."""
        before = self._until.get(uuid, now)
        self._seconds[uuid] = self._seconds.get(uuid, 0.0) + max(0.0, now - before)
        self._until[uuid] = now
