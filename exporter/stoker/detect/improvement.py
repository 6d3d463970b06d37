"""A stall: for how many steps the loss has no longer fallen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.smooth import Smooth

if TYPE_CHECKING:
    from collections.abc import Mapping


class Improvement:
    """Steps since the smoothed loss last fell by more than a share of its value.

    Counted from the first report where it never fell; absent before the tenth report.

    Args:
        least: 0.001 for 0.1 %.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._smooth = Smooth()
        self._level: float | None = None
        self._since: float | None = None

    def report(self, loss: float, step: float) -> None:
        """A finite loss at a step."""
        if self._since is None:
            self._since = step
        smoothed = self._smooth.add(loss)
        if smoothed is None:
            return
        if self._level is None:
            self._level = smoothed
        elif smoothed < self._level - self._least * abs(self._level):
            self._level, self._since = smoothed, step

    def steps(self, step: float) -> float | None:
        """Steps up to `step`."""
        if self._level is None or self._since is None:
            return None
        return max(0.0, step - self._since)

    def restart(self) -> None:
        """The step went back."""
        self._smooth.clear()
        self._level = self._since = None

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"smooth": self._smooth.state(), "level": self._level, "since": self._since}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._smooth.restore(state["smooth"])
        self._level, self._since = state["level"], state["since"]
