"""The streams of a source to which several senders write: one interpreter each, a bounded number of them."""

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
        reading = found[0] if found is not None else intake.open(path, host)
        self._readings[key] = (reading, now)
        if len(self._readings) > self._most:
            _, (_, last) = self._readings.popitem(last=False)
            if now - last < _IDLE:
                intake.lose("stream_limit", 1)
        return reading
