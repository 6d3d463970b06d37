"""One value of one series, ready to be exposed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.metrics.desc import Desc


class HistogramValue(NamedTuple):
    """A histogram's state.

    Attributes:
        counts: observations in each bucket by itself, not cumulated; one longer than the bounds (the rest).
        total: sum of the observed values, in the metric's unit.
    """

    counts: tuple[int, ...]
    total: float


class Sample(NamedTuple):
    """A series and its value.

    Attributes:
        desc: the metric.
        labels: label values in the order of `desc.labels`; an empty one is left out of the exposition.
        value: a finite number, or a HistogramValue for a histogram.
    """

    desc: Desc
    labels: tuple[str, ...]
    value: float | HistogramValue


sample_of: Callable[[tuple[Desc, tuple[str, ...], float]], Sample] = partial(tuple.__new__, Sample)
"""A Sample of its three values, at a fifth of what `Sample(...)` costs: for those that are made by the hundred at every scrape."""
