"""A spike: how far the last report stands above the usual of the hour before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

_SPAN = 3600.0
_FEWEST = 30
_HELD = 60.0
_SIGMA = 1.48
_LEAST_SHARE = 0.2


class Band:
    """Distance of the last report above the median of the reports before it, in units of the bound.

    The bound is max(factor x 1.48 x MAD, 20 % of the median's size). The highest ratio of the last minute is held, by the time of
    reading, so that no scrape misses it.

    Args:
        factor: width of the band.
    """

    def __init__(self, factor: float) -> None:
        self._factor = factor
        self._window = Window(_SPAN)
        self._last: float | None = None
        self._peaks: list[tuple[float, float]] = []

    def report(self, value: float, when: float, now: float) -> None:
        """A finite value reported at `when` and read at `now`."""
        self._window.move_to(when)
        self._last = None
        if len(self._window) >= _FEWEST:
            middle = self._window.median()
            bound = max(self._factor * _SIGMA * self._window.deviation(), _LEAST_SHARE * abs(middle))
            self._last = _in_units(value - middle, bound)
            self._hold(self._last, now)
        self._window.add(value, when)

    def _hold(self, ratio: float, now: float) -> None:
        while self._peaks and self._peaks[-1][1] <= ratio:
            self._peaks.pop()
        if not self._peaks or self._peaks[-1][0] < now:  # else a higher one was read at the same time
            self._peaks.append((now, ratio))
        while self._peaks[0][0] < now - _HELD:
            del self._peaks[0]

    def ratio(self, now: float) -> float | None:
        """The highest of the last minute, else the last; None while the reports are too few."""
        # the peaks fall from the oldest on, so that the first of the last minute is the highest
        return next((ratio for when, ratio in self._peaks if when >= now - _HELD), self._last)

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"window": self._window.state(), "last": self._last, "peaks": [list(each) for each in self._peaks]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._window.restore(state["window"])
        self._last = state["last"]
        self._peaks = [(float(when), float(ratio)) for when, ratio in state["peaks"]]


def _in_units(distance: float, bound: float) -> float:
    """`distance / bound`; where everything was 0 before, any rise is a spike, of the size of the rise itself and at least 2."""
    if bound > 0:
        return distance / bound
    return max(2.0, distance) if distance > 0 else 0.0
