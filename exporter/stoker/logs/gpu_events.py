"""XIDs that NVML tells as events, on their way to the series that the kernel's log has as well.

How bad an error of NVLink 5 or a changed recovery action is, only the kernel's line says. An event of these codes waits for it for a moment;
where no line comes, as where nobody may read the kernel's log, it counts without a severity.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from stoker.config.settings import SourceSettings
from stoker.logs.identity import Identity
from stoker.logs.once import Span
from stoker.logs.readers_kernel import code_label, line_tells
from stoker.logs.state import finite
from stoker.logs.store_stream import Stream
from stoker.metrics import Observation
from stoker.metrics.observation import Target
from stoker.sources.nvml_events import XidEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stoker.logs.store import Store

NAME = "(nvml)"
"""Of NVML among those who tell of an XID; no source of stoker.yaml can have it."""
_WAIT = 10.0
"""Seconds that an event waits for the line that says how bad it is."""


class GpuEvents:
    """See the module; for the engine's thread alone.

    Attributes:
        unsaved: whether something was taken that nobody would tell again, and that is not saved.
        mark: a number that changes with what waits.

    Args:
        take: gives the events that have come since it was last called.
    """

    def __init__(self, take: Callable[[], list[XidEvent]]) -> None:
        self._take = take
        self._waiting: list[XidEvent] = []
        self._stream = Stream(SourceSettings(name=NAME), Identity("", "", "", ""), Counter())
        self.unsaved = False
        self.mark = 0

    def turn(self, store: Store, now: float) -> None:
        """Count what has come, under the engine's lock."""
        came = self._take()
        if not came and not self._waiting:
            return
        held, self._waiting = self._waiting, []
        for event in (*held, *came):
            if line_tells(event.xid) and 0 <= now - event.when < _WAIT:
                self._waiting.append(event)
            else:
                store.apply(self._stream, [_observation(event)], now)
        if came or len(held) != len(self._waiting):
            self.unsaved = True
            self.mark += 1

    def state(self) -> list[list[Any]]:
        """The events that wait, as plain values."""
        return [list(event) for event in self._waiting]

    def restore(self, state: Iterable[Iterable[Any]]) -> None:
        """Take over what `state` gave."""
        self._waiting = [
            XidEvent(str(gpu), str(uuid), str(xid), finite(since), finite(when), int(lost))
            for gpu, uuid, xid, since, when, lost in state
        ]

    def saved(self) -> None:
        """What was taken is saved."""
        self.unsaved = False


def _observation(event: XidEvent) -> Observation:
    labels = {"gpu": event.gpu, "uuid": event.uuid, "xid": code_label(event.xid)}
    target = Target("inc", "stoker_gpu_xid_errors_total", tuple(labels.items()), NAME)
    return Observation(target, 1.0, Span(event.since, event.when), 0)
