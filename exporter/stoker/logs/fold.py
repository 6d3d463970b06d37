"""Folds observations to the values that a log read once leaves behind, for `stoker parse`."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from typing import TYPE_CHECKING

from stoker.logs.identity import gpu_names, printable
from stoker.logs.store_tables import LAST_EVENT
from stoker.logs.store_totals import LogTotals
from stoker.metrics import HistogramValue, Kind, Observation, Sample

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.config.settings import Limits
    from stoker.metrics import Desc

_Key = tuple[str, tuple[str, ...]]


class Fold:
    """The last value of gauges, the sum of counters (and of the growth of running totals) with the time of the last event where the lines name one, the buckets of histograms.

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
        self._values: dict[_Key, float | list[float]] = {}
        self._totals = LogTotals(whole=True)

    def add(self, each: Observation) -> None:
        """Take one observation."""
        desc = self._descs[each.metric]
        key = self._key(desc, each)
        if not self._room(key):
            return
        if each.op == "set" and math.isfinite(each.value):
            self._values[key] = each.value
        elif each.op in ("inc", "total"):
            self._values[key] = self._number(key) + self._growth(each)
            self._happened(key, each)
        elif each.op == "observe":
            buckets = self._values.setdefault(key, [0.0] * (len(desc.bounds) + 2))
            assert isinstance(buckets, list)
            buckets[bisect_left(desc.bounds, each.value)] += 1
            buckets[-1] += each.value

    def _growth(self, each: Observation) -> float:
        """What is added to a counter: the value, or by how much a running total has grown."""
        if each.op == "inc":
            return each.value
        total = self._totals.total(each.metric, each.labels, self._limits.series_per_metric)
        if total is None:
            self.left_out += 1
        return total.grown(each.value) if total is not None and each.value >= 0 else 0.0

    def _key(self, desc: Desc, each: Observation) -> _Key:
        given = dict(each.labels)
        if "uuid" in desc.labels and "pci_bus_id" in given:
            given["gpu"], given["uuid"] = gpu_names(given, None)
        longest = self._limits.label_length
        return (each.metric, tuple(printable(given.get(label, ""))[:longest] for label in desc.labels))

    def _room(self, key: _Key) -> bool:
        """Whether there is room for a series, which is made; what has none is counted."""
        if key not in self._values:
            if self._counts[key[0]] >= self._limits.series_per_metric:
                self.left_out += 1
                return False
            self._counts[key[0]] += 1
        return True

    def _happened(self, key: _Key, each: Observation) -> None:
        """Note the time of an event that its line names."""
        metric = LAST_EVENT.get(each.metric, "")
        if metric in self._descs and each.value > 0 and (when := each.time) is not None:
            last = (metric, key[1])
            if self._room(last):
                self._values[last] = max(when, self._number(last))

    def _number(self, key: _Key) -> float:
        old = self._values.get(key, 0.0)
        return old if isinstance(old, float) else 0.0

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
