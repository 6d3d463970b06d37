"""How often a run saves a checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.last import Last
from stoker.detect.window import median

if TYPE_CHECKING:
    from collections.abc import Mapping

_INTERVALS = 5


class Checkpoints:
    """Median of the last five intervals; several files or ranks that are saved at one step are one checkpoint."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._step: float | None = None
        self._intervals = Last(_INTERVALS)

    def saved(self, when: float, step: float | None) -> None:
        """A checkpoint at `when`, after `step` was last reported."""
        if self._last is not None:
            if step is not None and step == self._step:
                return
            self._intervals.append(max(0.0, when - self._last))
        self._last, self._step = when, step

    def interval(self) -> float | None:
        """Seconds; None before the second checkpoint."""
        return median(self._intervals) if len(self._intervals) else None

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"last": self._last, "step": self._step, "intervals": self._intervals.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._last, self._step = state["last"], state["step"]
        self._intervals.restore(state["intervals"])
