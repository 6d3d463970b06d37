"""The values of series that come from logs."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from stoker.logs.state import finite
from stoker.metrics import HistogramValue

if TYPE_CHECKING:
    from collections.abc import Mapping


class Number:
    """A counter or a gauge; a gauge that was never set has no value."""

    __slots__ = ("value",)

    def __init__(self, value: float | None) -> None:
        self.value = value

    def export(self) -> float | None:
        """What is exposed."""
        return self.value

    def state(self) -> Any:  # noqa: ANN401 - plain values
        """As a plain value."""
        return self.value

    def restore(self, state: Any) -> None:  # noqa: ANN401 - plain values
        """Take over what `state` gave."""
        self.value = None if state is None else finite(state)


class Buckets:
    """A histogram."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value; a bound belongs to its own bucket."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def export(self) -> HistogramValue:
        """What is exposed."""
        return HistogramValue(tuple(self.counts), self.total)

    def state(self) -> Any:  # noqa: ANN401 - plain values
        """As plain values; the bounds tell a later version whether they still fit."""
        return {"bounds": list(self.bounds), "counts": list(self.counts), "total": self.total}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave, unless it was counted with other bounds."""
        if tuple(state["bounds"]) == self.bounds:
            self.counts = [int(count) for count in state["counts"]]
            self.total = finite(state["total"])


Series = Number | Buckets
