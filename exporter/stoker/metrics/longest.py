"""Remembers the longest gap of the last 24 hours in 25 numbers, however many gaps there were."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_HOUR = 3600.0
_HOURS = 24


class LongestGap:
    """The longest gap in each hour; a gap is forgotten 24 to 25 hours after its end."""

    def __init__(self) -> None:
        self._hours: dict[int, float] = {}

    def add(self, end: float, seconds: float) -> None:
        """A gap of `seconds` ended at `end` (seconds since the epoch)."""
        hour = int(end // _HOUR)
        if seconds > self._hours.get(hour, -1.0):
            self._hours[hour] = seconds
            self._forget(hour)

    def longest(self, now: float) -> float | None:
        """Seconds, or None when no gap ended in the last 24 hours."""
        first = int(now // _HOUR) - _HOURS
        return max((seconds for hour, seconds in self._hours.items() if hour >= first), default=None)

    def _forget(self, hour: int) -> None:
        for old in [each for each in self._hours if each < hour - _HOURS]:
            del self._hours[old]

    def state(self) -> list[list[float]]:
        """As plain values."""
        return [[hour, seconds] for hour, seconds in sorted(self._hours.items())]

    def restore(self, state: Iterable[Iterable[float]]) -> None:
        """Take over what `state` gave."""
        self._hours = {int(hour): float(seconds) for hour, seconds in state}
