"""Divergence: the smoothed loss has left its best behind and keeps rising."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from stoker.detect.smooth import REPORTS, Smooth

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPARED = 4
_RISEN = 3


class Trend:
    """Rise of the smoothed loss above its best since the start, in units of `share` of the best's size.

    A window is ten reports, and its smoothed loss is their median. The ratio is 0 unless the loss rose in 3 of the last 4 windows,
    each compared with the one before, and absent until there are that many. Where the best is not above 0, the unit is `share` of the
    distance between the lowest and the highest smoothed loss.

    Args:
        share: 0.3 for 30 %.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._smooth = Smooth()
        self._count = 0
        self._best: float | None = None
        self._worst = 0.0
        self._now = 0.0
        self._window: float | None = None
        self._rises: deque[bool] = deque(maxlen=_COMPARED)

    def report(self, loss: float) -> None:
        """A finite loss."""
        smoothed = self._smooth.add(loss)
        self._count += 1
        if smoothed is None:
            return
        self._now = smoothed
        if self._best is None:
            self._best = self._worst = smoothed
        self._best, self._worst = min(self._best, smoothed), max(self._worst, smoothed)
        if self._count % REPORTS == 0:
            if self._window is not None:
                self._rises.append(smoothed > self._window)
            self._window = smoothed

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
        self._smooth.clear()
        self._count, self._best, self._worst, self._now, self._window = 0, None, 0.0, 0.0, None
        self._rises.clear()

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "smooth": self._smooth.state(),
            "count": self._count,
            "best": self._best,
            "worst": self._worst,
            "now": self._now,
            "window": self._window,
            "rises": list(self._rises),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._smooth.restore(state["smooth"])
        self._count, self._best, self._worst = int(state["count"]), state["best"], float(state["worst"])
        self._now, self._window = float(state["now"]), state["window"]
        self._rises = deque((bool(rise) for rise in state["rises"]), maxlen=_COMPARED)
