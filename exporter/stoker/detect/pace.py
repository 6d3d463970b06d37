"""A slowdown: the last ten minutes compared with the run so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

_RECENT = 600.0
_LONG = 86400.0
_LEAST = 1800.0


class Pace:
    """Median of the last 10 minutes by the median of up to 24 hours since the start; absent before 30 minutes of it."""

    def __init__(self) -> None:
        self._recent = Window(_RECENT)
        self._long = Window(_LONG)
        self._first: float | None = None
        self._last = 0.0

    def report(self, value: float, when: float) -> None:
        """A finite value of the time `when`."""
        if self._first is None:
            self._first = when
        self._last = max(self._last, when)
        self._recent.add(value, when)
        self._long.add(value, when)

    def ratio(self) -> float | None:
        """See the class."""
        if self._first is None or self._last - self._first < _LEAST or not len(self._recent) or not len(self._long):
            return None
        usual = self._long.median()
        return self._recent.median() / usual if usual > 0 else None

    def restart(self) -> None:
        """The run has started again."""
        self._recent.clear()
        self._long.clear()
        self._first, self._last = None, 0.0

    def state(self) -> dict[str, Any]:
        """As plain values."""
        recent, long = self._recent.state(), self._long.state()
        return {"recent": recent, "long": long, "first": self._first, "last": self._last}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._recent.restore(state["recent"])
        self._long.restore(state["long"])
        self._first, self._last = state["first"], float(state["last"])
