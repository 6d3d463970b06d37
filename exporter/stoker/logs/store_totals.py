"""Running totals that each line of a log repeats (`records so far: 14346`): by how much each has grown since the line before.

What tells two totals apart is the log, the rank and the labels that the line gives, and not only the series in which their growth is
added up: many files, or many ranks of one file, may count in one series without taking each other's values for their own.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import TYPE_CHECKING, Any

from stoker.logs.state import finite

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from stoker.metrics import Observation
    from stoker.metrics.observation import Labels


class Total:
    """One running total.

    Attributes:
        last: as the last line told it; 0 before the first line of a log that is read whole, None where what came before is unknown.
        told: whether `last` is of a line that was counted, rather than of one that was there before reading began.
    """

    __slots__ = ("last", "told")

    def __init__(self, last: float | None, *, told: bool = False) -> None:
        self.last = last
        self.told = told

    def grown(self, value: float) -> float:
        """By how much it has grown; one that is less than it was has begun again, and all of it is new."""
        last, self.last, self.told = self.last, value, True
        if last is None:
            return 0.0
        return value - last if value >= last else value


class LogTotals:
    """The running totals of one log.

    Attributes:
        whole: whether the log is read from its very beginning, so that the first value of a total is growth, too.
    """

    __slots__ = ("_known", "whole")

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole
        self._known: dict[tuple[str, Labels], Total] = {}

    def total(self, metric: str, labels: Labels, most: int) -> Total | None:
        """The total of these labels; None when there are `most` others."""
        found = self._known.get((metric, labels))
        if found is None:
            if len(self._known) >= most:
                return None
            found = self._known[metric, labels] = Total(0.0 if self.whole else None)
        return found

    def recall(self, observations: Iterable[Observation], most: int) -> None:
        """What lines told that stand before where reading begins: from there on, growth is counted."""
        for each in observations:
            if each.op == "total" and isfinite(each.value) and each.value >= 0:
                total = self.total(each.metric, each.labels, most)
                if total is not None and not total.told:
                    total.last = each.value

    def state(self) -> list[Any]:
        """As plain values."""
        known = self._known.items()
        rows = [[metric, labels, each.last, each.told] for (metric, labels), each in known if each.last is not None]
        return [self.whole, rows]

    @classmethod
    def restored(cls, state: list[Any], metrics: Container[str]) -> LogTotals:
        """From what `state` gave, without metrics that are no more."""
        whole, rows = state
        found = cls(whole=bool(whole))
        for metric, labels, last, told in rows:
            if metric in metrics:
                key = metric, tuple((str(name), str(value)) for name, value in labels)
                found._known[key] = Total(finite(last), told=bool(told))
        return found


class AllTotals:
    """The running totals of all logs.

    Args:
        most: logs of a source that are remembered; the one that was begun first gives way.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._logs: dict[tuple[str, str], LogTotals] = {}
        self._counts: Counter[str] = Counter()

    def of(self, source: str, log: str, *, whole: bool) -> LogTotals:
        """Those of a log that is being begun, or gone on with."""
        found = self._logs.pop((source, log), None)
        if found is None:
            self._counts[source] += 1
            found = LogTotals(whole=whole)
            if self._counts[source] > self._most:
                del self._logs[next(key for key in self._logs if key[0] == source)]
                self._counts[source] -= 1
        self._logs[source, log] = found
        return found

    def state(self) -> Iterator[list[Any]]:
        """As plain values, one by one."""
        return ([source, log, *each.state()] for (source, log), each in self._logs.items())

    def restore(self, state: Iterable[list[Any]], sources: Container[str], metrics: Container[str]) -> None:
        """Take over what `state` gave, as far as its sources and metrics are there still."""
        for source, log, *kept in state:
            if source in sources:
                self._logs[str(source), str(log)] = LogTotals.restored(kept, metrics)
                self._counts[str(source)] += 1
