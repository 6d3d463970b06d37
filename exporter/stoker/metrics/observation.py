"""What one log line said about one metric."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, Protocol

Operation = Literal["set", "inc", "total", "observe"]
Labels = tuple[tuple[str, str], ...]


class Target:
    """What observations of one kind are about; made once for many of them.

    Attributes:
        op: `set` a gauge, `inc` a counter, `total` a counter of which the running total is told, `observe` into a histogram.
        metric: the metric's full name.
        labels: (name, value) pairs sorted by name, without those the store adds (source, run, service).
        format: name of the log format that understood the line.
        owner, slot: where the store last put such an observation, and for whom: its own to use.
    """

    __slots__ = ("format", "labels", "metric", "op", "owner", "slot")

    def __init__(self, op: Operation, metric: str, labels: Labels, format_name: str) -> None:
        self.op = op
        self.metric = metric
        self.labels = labels
        self.format = format_name
        self.owner: object = None
        self.slot: Any = None

    def _key(self) -> tuple[object, ...]:
        return self.op, self.metric, self.labels, self.format

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Target) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        return f"Target{self._key()}"


class Moment(Protocol):
    """A time that is worked out only when somebody asks for it."""

    def read(self) -> float | None:
        """Seconds since the epoch, or None when the line says nothing of it."""


class Observation(NamedTuple):
    """One measurement read from a log.

    Attributes:
        target: the metric, its labels, what happens to it, and which format says so.
        value: in the metric's base unit; may be NaN or infinite, which the store counts and does not set.
        moment: when it happened; None when the line says nothing: the time of reading.
        line: number, from 1, of the physical line in which the record starts.
    """

    target: Target
    value: float
    moment: Moment | float | None
    line: int

    @property
    def op(self) -> Operation:
        """See Target."""
        return self.target.op

    @property
    def metric(self) -> str:
        """See Target."""
        return self.target.metric

    @property
    def labels(self) -> Labels:
        """See Target."""
        return self.target.labels

    @property
    def format(self) -> str:
        """See Target."""
        return self.target.format

    @property
    def time(self) -> float | None:
        """Seconds since the epoch at which it happened, or None."""
        moment = self.moment
        return moment if moment is None or isinstance(moment, float | int) else moment.read()
