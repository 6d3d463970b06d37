"""The values of a span of time in bounded memory, with their median and spread at hand for every report.

Up to 512 values are kept in order of time and in order of size (two arrays of doubles), so that a median costs a lookup and the
median deviation a binary search. A span with more values than that keeps every second, fourth, ... of them, spread over the whole span.
"""

from __future__ import annotations

from array import array
from base64 import b64decode, b64encode
from bisect import bisect_left, insort
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST = 512


def packed(values: array[float]) -> str:
    """Doubles as text that JSON carries."""
    return b64encode(values.tobytes()).decode()


def unpacked(text: str) -> array[float]:
    """The doubles of `packed`; its text has to come from a machine of the same byte order."""
    values: array[float] = array("d")
    values.frombytes(b64decode(text))
    return values


def median(values: Iterable[float]) -> float:
    """Median of at least one value, in any order."""
    ordered = sorted(values)
    return _middle(ordered)


def _middle(ordered: Sequence[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2


class Window:
    """Values of the last `span` seconds.

    Args:
        span: seconds, counted back from the newest value's time.
    """

    def __init__(self, span: float) -> None:
        self._span = span
        self._times: array[float] = array("d")
        self._values: array[float] = array("d")
        self._ordered: array[float] = array("d")
        self._stride = 1
        self._skipped = 0

    def __len__(self) -> int:
        return len(self._values)

    def add(self, value: float, when: float) -> None:
        """A finite value of the time `when`; a time before the newest is taken for the newest's."""
        if self._times and when < self._times[-1]:
            when = self._times[-1]
        self._evict(when - self._span)
        self._skipped += 1
        if self._skipped < self._stride:
            return
        self._skipped = 0
        if len(self._values) >= MOST:
            self._thin()
        self._times.append(when)
        self._values.append(value)
        insort(self._ordered, value)

    def move_to(self, when: float) -> None:
        """Drop what is older than `span` at `when`."""
        self._evict(when - self._span)

    def median(self) -> float:
        """Median of the values; there has to be one."""
        return _middle(self._ordered)

    def deviation(self) -> float:
        """Median of the distances from the median (MAD); there has to be a value."""
        count, middle = len(self._ordered), self.median()
        upper = self._nearest(count // 2 + 1, middle)
        return upper if count % 2 else (self._nearest(count // 2, middle) + upper) / 2

    def _nearest(self, count: int, middle: float) -> float:
        """The distance from `middle` within which `count` values lie: they stand side by side in the ordered array."""
        ordered = self._ordered
        low, high = 0, len(ordered) - count
        while low < high:
            start = (low + high) // 2
            if middle - ordered[start] > ordered[start + count - 1] - middle:
                low = start + 1
            else:
                high = start
        found = max(middle - ordered[low], ordered[low + count - 1] - middle)
        if low:
            found = min(found, max(middle - ordered[low - 1], ordered[low + count - 2] - middle))
        return found

    def _evict(self, before: float) -> None:
        gone = 0
        while gone < len(self._times) and self._times[gone] < before:
            del self._ordered[bisect_left(self._ordered, self._values[gone])]
            gone += 1
        if gone:
            del self._times[:gone]
            del self._values[:gone]
            if self._stride > 1 and len(self._values) < MOST // 4:
                self._stride //= 2

    def _thin(self) -> None:
        self._times = self._times[::2]
        self._values = self._values[::2]
        self._ordered = array("d", sorted(self._values))
        self._stride *= 2

    def clear(self) -> None:
        """Forget everything."""
        self._times, self._values, self._ordered = array("d"), array("d"), array("d")
        self._stride, self._skipped = 1, 0

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "times": packed(self._times),
            "values": packed(self._values),
            "stride": self._stride,
            "skipped": self._skipped,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._times, self._values = unpacked(state["times"]), unpacked(state["values"])
        self._ordered = array("d", sorted(self._values))
        self._stride, self._skipped = int(state["stride"]), int(state["skipped"])
