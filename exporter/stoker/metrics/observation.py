"""What one log line said about one metric."""

from __future__ import annotations

from typing import Literal, NamedTuple

Operation = Literal["set", "inc", "observe"]


class Observation(NamedTuple):
    """One measurement read from a log.

    Attributes:
        op: `set` a gauge, `inc` a counter, `observe` into a histogram.
        metric: the metric's full name.
        labels: (name, value) pairs sorted by name, without those the store adds (source, run, service).
        value: in the metric's base unit; may be NaN or infinite, which the store counts and does not set.
        time: seconds since the epoch at which it happened, or None when the line says nothing: the time of reading.
        line: number, from 1, of the physical line in which the record starts.
        format: name of the log format that understood the line.
    """

    op: Operation
    metric: str
    labels: tuple[tuple[str, str], ...]
    value: float
    time: float | None
    line: int
    format: str
