"""Divergence: the smoothed loss has left its best behind and keeps rising."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.last import Last
from stoker.detect.window import median

if TYPE_CHECKING:
    from collections.abc import Mapping

_FEWEST = 10
_MOST = 30
_SPAN = 300.0
_COMPARED = 4
_RISEN = 3


class Trend:
    """Rise of the smoothed loss above its best since the start, in units of `share` of the best's size.

    The smoothed loss is the median of a window: at least 10 reports, and 5 minutes or 30 reports of them (windows of 10 reports a second
    apart are too noisy to show a slow rise). The ratio is 0 unless the loss rose in 3 of the last 4 windows, each compared with
    the one before, and absent until there are that many. Where the best is not above 0, the unit is `share` of the distance between
    the lowest and the highest smoothed loss.

    Args:
        share: 0.3 for 30 %.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._window: list[float] = []
        self._began = 0.0
        self._best: float | None = None
        self._worst = 0.0
        self._now = 0.0
        self._rises = Last(_COMPARED)

    def report(self, loss: float, when: float) -> None:
        """A finite loss of the time `when`."""
        if not self._window:
            self._began = when
        self._window.append(loss)
        count = len(self._window)
        if count < _FEWEST or (count < _MOST and when - self._began < _SPAN):
            return
        smoothed = median(self._window)
        self._window.clear()
        if self._best is None:
            self._best = self._worst = smoothed
        else:
            self._rises.append(smoothed > self._now)
        self._best, self._worst = min(self._best, smoothed), max(self._worst, smoothed)
        self._now = smoothed

    def ratio(self) -> float | None:
        """See the class."""
        if self._best is None or len(self._rises) < _COMPARED:
            return None
        if sum(self._rises) < _RISEN:
            return 0.0
        unit = self._share * (self._best if self._best > 0 else self._worst - self._best)
        return (self._now - self._best) / unit if unit > 0 else 0.0

    def restart(self) -> None:
        """The run has started again: what was best before does not count."""
        self._window.clear()
        self._rises.clear()
        self._best = None

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "window": list(self._window),
            "began": self._began,
            "best": self._best,
            "worst": self._worst,
            "now": self._now,
            "rises": self._rises.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._window = [float(loss) for loss in state["window"]]
        self._began, self._best = float(state["began"]), state["best"]
        self._worst, self._now = float(state["worst"]), float(state["now"])
        self._rises.restore(state["rises"])
