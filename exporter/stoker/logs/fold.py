"""Folds observations to the values that a log read once leaves behind, for `stoker parse`."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from stoker.logs.identity import printable
from stoker.metrics import HistogramValue, Kind, Observation, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.config.settings import Limits
    from stoker.metrics import Desc


class Fold:
    """The last value of gauges, the sum of counters, the buckets of histograms.

    Attributes:
        left_out: observations of series for which there was no room.

    Args:
        descs: the catalogue.
        limits: bounds of series and labels.
    """

    def __init__(self, descs: Mapping[str, Desc], limits: Limits) -> None:
        self._descs = descs
        self._limits = limits
        self._counts: Counter[str] = Counter()
        self.left_out = 0
        self._values: dict[tuple[str, tuple[str, ...]], float | list[float]] = {}

    def add(self, each: Observation) -> None:
        """Take one observation."""
        desc = self._descs[each.metric]
        given = dict(each.labels)
        longest = self._limits.label_length
        key = (each.metric, tuple(printable(given.get(label, ""))[:longest] for label in desc.labels))
        if key not in self._values:
            if self._counts[each.metric] >= self._limits.series_per_metric:
                self.left_out += 1
                return
            self._counts[each.metric] += 1
        if each.op == "set" and math.isfinite(each.value):
            self._values[key] = each.value
        elif each.op == "inc":
            old = self._values.get(key, 0.0)
            self._values[key] = (old if isinstance(old, float) else 0.0) + each.value
        elif each.op == "observe":
            buckets = self._values.setdefault(key, [0.0] * (len(desc.bounds) + 2))
            assert isinstance(buckets, list)
            buckets[bisect_left(desc.bounds, each.value)] += 1
            buckets[-1] += each.value

    def samples(self) -> list[Sample]:
        """Everything, sorted by name and labels."""
        found = []
        for (name, labels), value in sorted(self._values.items(), key=lambda item: item[0]):
            desc = self._descs[name]
            if desc.kind is Kind.HISTOGRAM and isinstance(value, list):
                counts = tuple(int(count) for count in value[:-1])
                found.append(Sample(desc, labels, HistogramValue(counts, value[-1])))
            elif isinstance(value, float):
                found.append(Sample(desc, labels, value))
        return found
