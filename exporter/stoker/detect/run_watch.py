"""All detectors of one rank of one training run: takes what its log says, gives what has to be computed from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.detect.band import Band
from stoker.detect.checkpoints import Checkpoints
from stoker.detect.declines import Declines
from stoker.detect.finish import STATUSES, Finish
from stoker.detect.improvement import Improvement
from stoker.detect.pace import Pace
from stoker.detect.reports import Reports
from stoker.detect.streak import Streak
from stoker.detect.throughput import METRICS as THROUGHPUTS
from stoker.detect.throughput import Throughput
from stoker.detect.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stoker.config.settings import SourceSettings

Labels = tuple[tuple[str, str], ...]
Reading = tuple[str, Labels, float]
"""Metric, labels besides source, run and rank, value."""


class RunWatch:
    """The memory of one rank of one run.

    Args:
        settings: of the source; the bounds are its settings.
    """

    def __init__(self, settings: SourceSettings) -> None:
        self._reports = Reports()
        self._loss_band = Band(settings.spike_factor)
        self._norm_band = Band(settings.spike_factor)
        self._trend = Trend(settings.divergence_ratio)
        self._improvement = Improvement(settings.min_improvement)
        self._throughput = Throughput()
        self._step_pace = Pace()
        self._declines = Declines(settings.directions)
        self._checkpoints = Checkpoints()
        self._finish = Finish()
        self._streak = Streak()
        self._last_step: float | None = None
        self._last_activity: float | None = None
        self._takes: dict[str, Callable[[Labels, float, float, float], None]] = {
            "stoker_train_step": self._step,
            "stoker_train_steps": self._steps,
            "stoker_train_loss": self._loss,
            "stoker_train_grad_norm": self._norm,
            "stoker_train_step_seconds": self._step_seconds,
            "stoker_train_eval": self._eval,
            "stoker_train_checkpoints_total": self._checkpoint,
            "stoker_train_finished": self._finished,
            "stoker_train_nonfinite_total": self._nonfinite,
            **{metric: self._speed(metric) for metric in THROUGHPUTS},
        }

    owns = frozenset(
        {
            "stoker_train_finished",
            "stoker_train_finished_timestamp_seconds",
            "stoker_train_reports_total",
            "stoker_train_nonfinite_streak",
            "stoker_train_eval_declines",
            "stoker_train_last_step_timestamp_seconds",
            "stoker_train_last_activity_timestamp_seconds",
            "stoker_train_report_interval_seconds",
            "stoker_train_report_interval_max_seconds",
            "stoker_train_steps_since_start",
            "stoker_train_loss_band_ratio",
            "stoker_train_grad_norm_band_ratio",
            "stoker_train_loss_trend_ratio",
            "stoker_train_throughput_ratio",
            "stoker_train_step_seconds_ratio",
            "stoker_train_steps_since_improvement",
            "stoker_train_checkpoint_interval_seconds",
        }
    )
    """Metrics whose value is given by `readings` and never taken from the log as it stands."""

    def takes(self, metric: str) -> bool:
        """Whether `see` wants the metric."""
        return metric in self._takes

    def see(self, metric: str, labels: Labels, value: float, when: float, now: float) -> None:
        """A finite value of a metric that `takes` accepts.

        Args:
            metric: full name.
            labels: those of the observation.
            value: in the metric's unit.
            when: when it happened, in seconds since the epoch.
            now: when it was read.
        """
        self._takes[metric](labels, value, when, now)

    @property
    def completed_at(self) -> float | None:
        """When it was read that the run completed; None while it has not."""
        return self._finish.at if self._finish.status == "completed" else None

    def _active(self, when: float) -> None:
        self._last_activity = when if self._last_activity is None else max(when, self._last_activity)

    def _step(self, _: Labels, value: float, when: float, now: float) -> None:
        started = self._reports.report(value, when)
        if started:
            self._trend.restart()
            self._improvement.restart()
            self._throughput.restart()
            self._step_pace.restart()
        self._finish.step(value, now, when)
        self._last_step = when if self._last_step is None else max(when, self._last_step)
        self._active(when)

    def _steps(self, _: Labels, value: float, when: float, now: float) -> None:
        self._finish.planned(value, now, when)

    def _loss(self, _: Labels, value: float, when: float, now: float) -> None:
        self._streak.finite("loss")
        self._unnumbered(when)
        self._loss_band.report(value, when, now)
        self._trend.report(value, when)
        if self._reports.step is not None:
            self._improvement.report(value, self._reports.step)

    def _unnumbered(self, when: float) -> None:
        """A loss is a sign of life where the log never says a step (Hugging Face's Trainer without its bar)."""
        if self._reports.step is None:
            self._reports.unnumbered(when)
            self._last_step = when if self._last_step is None else max(when, self._last_step)
            self._active(when)

    def _norm(self, _: Labels, value: float, when: float, now: float) -> None:
        self._streak.finite("grad_norm")
        self._norm_band.report(value, when, now)

    def _step_seconds(self, _: Labels, value: float, when: float, __: float) -> None:
        self._step_pace.report(value, when)

    def _speed(self, metric: str) -> Callable[[Labels, float, float, float], None]:
        return lambda _, value, when, __: self._throughput.report(metric, value, when)

    def _eval(self, labels: Labels, value: float, when: float, _: float) -> None:
        self._declines.report(dict(labels).get("metric", ""), value, self._reports.step)
        self._active(when)

    def _nonfinite(self, labels: Labels, _: float, when: float, __: float) -> None:
        what = dict(labels).get("value", "")
        self._streak.nonfinite(what)
        if what == "eval":
            self._active(when)
        elif what == "loss":
            self._unnumbered(when)

    def _checkpoint(self, _: Labels, value: float, when: float, __: float) -> None:
        if value > 0:
            self._checkpoints.saved(when, self._reports.step)
            self._active(when)

    def _finished(self, labels: Labels, value: float, when: float, now: float) -> None:
        status = dict(labels).get("status", "")
        if value > 0 and status == "begun":
            self._finish.begun()
        elif value > 0:
            self._finish.end(status, now, when)

    def readings(self, now: float) -> Iterator[Reading]:
        """What the detectors say at `now`; what they cannot say yet is left out."""
        for status in STATUSES:
            yield "stoker_train_finished", (("status", status),), float(self._finish.status == status)
        yield "stoker_train_reports_total", (), float(self._reports.total)
        for what, count in self._streak.counts().items():
            yield "stoker_train_nonfinite_streak", (("value", what),), float(count)
        for metric, count in self._declines.counts().items():
            yield "stoker_train_eval_declines", (("metric", metric),), float(count)
        step = self._reports.step
        plain = (
            ("stoker_train_finished_timestamp_seconds", self._finish.when),
            ("stoker_train_last_step_timestamp_seconds", self._last_step),
            ("stoker_train_last_activity_timestamp_seconds", self._last_activity),
            ("stoker_train_report_interval_seconds", self._reports.interval()),
            ("stoker_train_report_interval_max_seconds", self._reports.longest(now)),
            ("stoker_train_steps_since_start", self._reports.since_start()),
            ("stoker_train_loss_band_ratio", self._loss_band.ratio(now)),
            ("stoker_train_grad_norm_band_ratio", self._norm_band.ratio(now)),
            ("stoker_train_loss_trend_ratio", self._trend.ratio()),
            ("stoker_train_throughput_ratio", self._throughput.ratio()),
            ("stoker_train_step_seconds_ratio", self._step_pace.ratio()),
            ("stoker_train_steps_since_improvement", self._improvement.steps(step) if step is not None else None),
            ("stoker_train_checkpoint_interval_seconds", self._checkpoints.interval()),
        )
        for name, value in plain:
            if value is not None:
                yield name, (), value

    def _parts(self) -> dict[str, Any]:
        return {
            "reports": self._reports,
            "loss_band": self._loss_band,
            "norm_band": self._norm_band,
            "trend": self._trend,
            "improvement": self._improvement,
            "throughput": self._throughput,
            "step_pace": self._step_pace,
            "declines": self._declines,
            "checkpoints": self._checkpoints,
            "finish": self._finish,
            "streak": self._streak,
        }

    def state(self) -> dict[str, Any]:
        """As plain values."""
        parts = {name: part.state() for name, part in self._parts().items()}
        return {**parts, "last_step": self._last_step, "last_activity": self._last_activity}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        for name, part in self._parts().items():
            part.restore(state[name])
        self._last_step, self._last_activity = state["last_step"], state["last_activity"]
