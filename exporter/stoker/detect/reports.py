"""The rhythm of a run: how often it reports a step, how long it was silent before it went on, when it started."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.last import Last
from stoker.detect.window import median
from stoker.metrics.longest import LongestGap

if TYPE_CHECKING:
    from collections.abc import Mapping

_REPORTS = 20
_GAPS_NEEDED = 2
_RECENT_STEPS = 8


class Reports:
    """Reports of steps.

    A step that was just reported is no report of its own (several ranks in one log, two loggers). A step below the last one
    means that the run started again, unless it is the echo of a step of a moment ago: one of the last eight, within half the usual interval.
    """

    def __init__(self) -> None:
        self.total = 0
        self.step: float | None = None
        self.first: float | None = None
        self.last_time: float | None = None
        self._gaps = Last(_REPORTS - 1)
        self._longest = LongestGap()
        self._recent = Last(_RECENT_STEPS)

    def report(self, step: float, when: float) -> bool:
        """A step reported at `when`; whether the run has started (again) with it."""
        if step == self.step or self._echo(step, when):
            return False
        started = self.step is None or step < self.step
        if self.last_time is not None:
            gap = max(0.0, when - self.last_time)
            self._gaps.append(gap)
            if not started:
                self._longest.add(when, gap)
        if started:
            self.first = step
            self._recent.clear()
        self.total += 1
        self.step = step
        self.last_time = when
        self._recent.append(step)
        return started

    def unnumbered(self, when: float) -> None:
        """A report that does not say its step, of a run that has never said one: its rhythm is known all the same."""
        if self.last_time is not None:
            gap = max(0.0, when - self.last_time)
            self._gaps.append(gap)
            self._longest.add(when, gap)
        self.total += 1
        self.last_time = when

    def _echo(self, step: float, when: float) -> bool:
        if self.last_time is None or step not in self._recent:
            return False
        interval = self.interval()
        return interval is not None and when - self.last_time < interval / 2

    def interval(self) -> float | None:
        """Median seconds between the last 20 reports; None before the third."""
        return median(self._gaps) if len(self._gaps) >= _GAPS_NEEDED else None

    def longest(self, now: float) -> float | None:
        """Longest gap of the last 24 hours that ended with a higher step."""
        return self._longest.longest(now)

    def since_start(self) -> float | None:
        """Steps since the first report after the last start."""
        return None if self.step is None or self.first is None else self.step - self.first

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "total": self.total,
            "step": self.step,
            "first": self.first,
            "last_time": self.last_time,
            "gaps": self._gaps.state(),
            "longest": self._longest.state(),
            "recent": self._recent.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.total = int(state["total"])
        self.step, self.first, self.last_time = state["step"], state["first"], state["last_time"]
        self._gaps.restore(state["gaps"])
        self._longest.restore(state["longest"])
        self._recent.restore(state["recent"])
