"""The smoothed loss: the median of the last ten reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.detect.last import Last
from stoker.detect.window import median

if TYPE_CHECKING:
    from collections.abc import Iterable

REPORTS = 10


class Smooth:
    """The last ten reports."""

    def __init__(self) -> None:
        self._last = Last(REPORTS)

    def add(self, value: float) -> float | None:
        """The median with this report; None before the tenth."""
        self._last.append(value)
        return median(self._last) if len(self._last) == REPORTS else None

    def clear(self) -> None:
        """Forget everything."""
        self._last.clear()

    def state(self) -> list[float]:
        """As plain values."""
        return self._last.state()

    def restore(self, state: Iterable[float]) -> None:
        """Take over what `state` gave."""
        self._last.restore(state)
