"""The pace of a run in what its framework reports: tokens, else samples, else steps a second."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.pace import Pace

if TYPE_CHECKING:
    from collections.abc import Mapping

METRICS = (
    "stoker_train_tokens_per_second",
    "stoker_train_samples_per_second",
    "stoker_train_steps_per_second",
)
"""The best first."""


class Throughput:
    """Follows the best of METRICS that the run reports; a better one that appears takes over from its own beginning."""

    def __init__(self) -> None:
        self._metric = len(METRICS)
        self._pace = Pace()

    def report(self, metric: str, value: float, when: float) -> None:
        """A finite value of one of METRICS."""
        place = METRICS.index(metric)
        if place > self._metric:
            return
        if place < self._metric:
            self._metric = place
            self._pace.restart()
        self._pace.report(value, when)

    def ratio(self) -> float | None:
        """See Pace."""
        return self._pace.ratio()

    def restart(self) -> None:
        """The run has started again."""
        self._metric = len(METRICS)
        self._pace.restart()

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"metric": self._metric, "pace": self._pace.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._metric = int(state["metric"])
        self._pace.restore(state["pace"])
