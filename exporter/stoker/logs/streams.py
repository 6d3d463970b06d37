"""The streams of a source to which several senders write: one interpreter each, a bounded number of them; their lines in batches."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from stoker.logs.engine_totals import StreamReading
    from stoker.logs.origin import Intake

_IDLE = 600.0
"""Seconds after which a stream that says nothing gives way without being missed."""


class Streams:
    """See the module.

    Args:
        most: streams at once; the one that was silent for longest gives way, which is counted unless it was silent for long.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._readings: OrderedDict[Hashable, tuple[StreamReading, float]] = OrderedDict()

    def reading(self, intake: Intake, key: Hashable, path: str, host: str = "") -> StreamReading:
        """The stream of this key.

        Args:
            intake: of the source.
            key: what tells it from others.
            path: what its name stands for in templates.
            host: that wrote it; empty for this one.
        """
        now = intake.clock()
        found = self._readings.pop(key, None)
        reading = found[0] if found is not None else intake.open(path, host, False)  # noqa: FBT003 - as Intake has it
        self._readings[key] = (reading, now)
        if len(self._readings) > self._most:
            _, (_, last) = self._readings.popitem(last=False)
            if now - last < _IDLE:
                intake.lose("stream_limit", 1)
        return reading


class Batches:
    """Lines of a stream that come one after another within a second are read together: one call and one lock for all of them.

    Lines of different streams change places, those of one never. What is added has to be flushed before the turn ends.

    Args:
        intake: takes the batches.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: dict[StreamReading, tuple[float | None, list[bytes]]] = {}

    def add(self, reading: StreamReading, lines: bytes, when: float | None) -> None:
        """Whole lines of a stream, and the time of those that name none."""
        first, parts = self._waiting.get(reading, (None, []))
        if parts and not same_second(first, when):
            self._intake.feed(reading, b"".join(parts), first)
            parts = []
        parts.append(lines)
        self._waiting[reading] = (when if len(parts) == 1 else first, parts)

    def flush(self) -> None:
        """Give what waits."""
        waiting, self._waiting = self._waiting, {}
        for reading, (when, parts) in waiting.items():
            self._intake.feed(reading, b"".join(parts), when)


def same_second(one: float | None, other: float | None) -> bool:
    """Whether two times differ by less than what is told apart in files, which are looked at every second."""
    return one == other or (one is not None and other is not None and int(one) == int(other))
