"""The detectors of one engine of one inference service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.declines import Declines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.config.settings import SourceSettings
    from stoker.detect.run_watch import Labels, Reading

_REPORTED = frozenset(
    {
        "stoker_serve_prompt_tokens_per_second",
        "stoker_serve_generation_tokens_per_second",
        "stoker_serve_running_requests",
        "stoker_serve_waiting_requests",
        "stoker_serve_cache_utilization_ratio",
        "stoker_serve_prefix_cache_hit_ratio",
    }
)


class ServiceWatch:
    """The memory of one engine.

    Args:
        settings: of the source.
    """

    owns = frozenset({"stoker_serve_last_report_timestamp_seconds", "stoker_serve_eval_declines"})
    completed_at: float | None = None

    def __init__(self, settings: SourceSettings) -> None:
        self._declines = Declines(settings.directions)
        self._last_report: float | None = None

    def takes(self, metric: str) -> bool:
        """Whether `see` wants the metric."""
        return metric in _REPORTED or metric == "stoker_serve_eval"

    def see(self, metric: str, labels: Labels, value: float, when: float, now: float) -> None:  # noqa: ARG002 - see RunWatch.see
        """A finite value of a metric that `takes` accepts."""
        if metric == "stoker_serve_eval":
            self._declines.report(dict(labels).get("metric", ""), value, None)
        else:
            self._last_report = when if self._last_report is None else max(when, self._last_report)

    def readings(self, now: float) -> Iterator[Reading]:  # noqa: ARG002 - see RunWatch.readings
        """What the detectors say."""
        if self._last_report is not None:
            yield "stoker_serve_last_report_timestamp_seconds", (), self._last_report
        for metric, count in self._declines.counts().items():
            yield "stoker_serve_eval_declines", (("metric", metric),), float(count)

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {"declines": self._declines.state(), "last_report": self._last_report}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._declines.restore(state["declines"])
        self._last_report = state["last_report"]
