"""What the store remembers of a training run or an inference service: its series, its watches, when it ends."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from stoker.logs.state import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stoker.metrics import Desc

log = logging.getLogger(__name__)

Labels = tuple[tuple[str, str], ...]


class Watch(Protocol):
    """Computes what depends on the order and the times of observations: the detectors of one rank or engine."""

    @property
    def owns(self) -> frozenset[str]:
        """Metrics whose value comes from `readings` only."""

    @property
    def completed_at(self) -> float | None:
        """When the run completed, if it has."""

    def takes(self, metric: str) -> bool:
        """Whether `see` wants the metric."""

    def see(self, metric: str, labels: Labels, value: float, when: float, now: float) -> None:
        """A finite value that happened at `when` and was read at `now`."""

    def readings(self, now: float) -> Iterable[tuple[str, Labels, float]]:
        """Metric, labels besides those of the watch, value."""

    def state(self) -> dict[str, Any]:
        """As plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""


@dataclass(slots=True)
class Subject:
    """A run, or a service: what a family of series is about.

    Attributes:
        family: prefix of its metrics' names.
        source: its source's name.
        name: the label run or service.
        seen: when a line of it was last read.
        said: when one of its lines last gave something.
        parts: its ranks, or engines.
        watches: by part.
        zeroed: ranks or engines whose counters exist since before their first event.
        series: (metric, label values) of all that end with it.
        names: values of the label `name` of stoker_train_value; of a service, of the label `route`.
    """

    family: str
    source: str
    name: str
    seen: float
    said: float
    parts: set[str] = field(default_factory=set)
    watches: dict[str, Watch] = field(default_factory=dict)
    zeroed: set[tuple[str, str]] = field(default_factory=set)
    series: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def ends_at(self, after: float, after_completed: float) -> float:
        """When its series end: `after` seconds from its last line, `after_completed` from the last that said something once it completed."""
        done = [watch.completed_at for watch in self.watches.values() if watch.completed_at is not None]
        if done:
            return min(max(*done, self.said) + after_completed, self.seen + after)
        return self.seen + after

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "family": self.family,
            "source": self.source,
            "name": self.name,
            "seen": self.seen,
            "said": self.said,
            "watches": {part: watch.state() for part, watch in self.watches.items()},
        }

    @classmethod
    def restored(cls, state: Mapping[str, Any], make: Callable[[], Watch]) -> Subject:
        """From what `state` gave; `make` gives a watch that has seen nothing."""
        found = cls(state["family"], state["source"], state["name"], finite(state["seen"]), finite(state["said"]))
        for part, kept in state["watches"].items():
            watch = make()
            try:
                watch.restore(kept)
            except (KeyError, TypeError, ValueError) as error:
                # written by another version: its series begin anew, its counters do not
                log.warning("detectors begin anew source=%s name=%s why=%r", found.source, found.name, error)
                watch = make()
            found.watches[part] = watch
        found.parts.update(found.watches)
        return found


def part_of(family: str, labels: Mapping[str, str]) -> str:
    """The rank of a run, or the engine of a service, that labels name."""
    return labels.get("rank" if family == "stoker_train_" else "engine", "")


def named_by(desc: Desc) -> str:
    """The label that names the run or the service that a metric is about; empty when it is about neither."""
    return next((label for label in ("run", "service") if label in desc.labels), "")
