"""`increase`: a counter of events grew, or its last event is young.

A counter whose labels are first seen with the event itself has no 0 before it, so `increase()` would miss that event; the
timestamp of the last event, exposed beside the counter, catches it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import (
    case,
    constant,
    firing,
    minute,
    pace,
    resolving,
    rising,
    series_name,
    steps,
    unselected,
)
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import number_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.spec.alert import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Increase(KindAlert):
    """`sum by (by) (increase(metric[over])) > above`, or a last event younger than `over`."""

    metric: str = setting(doc="Selector of the counter.")
    over: Duration = setting(doc="The window.")
    above: Number = setting(0.0, doc="Fires when it grew by more than this.")
    timestamp: str | None = setting(None, doc="Selector of the gauge with the time of the last event.")

    def condition(self) -> str:
        """See the class."""
        grew = f"sum by ({self.by_text}) (increase({self.metric.strip()}[$over])) > $above"
        if self.timestamp is None:
            return grew
        young = f"max by ({self.by_text}) ({self.timestamp.strip()}) > time() - $over"
        return f"(\n  {grew}\n)\nor\n(\n  {young}\n)"

    def texts(self) -> list[str]:
        """The selectors and the guards."""
        return [self.metric, *([self.timestamp] if self.timestamp else []), *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """How much growth is too much."""
        return float(level.params["above"]), "above"

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:
        """No counter grows by less than nothing."""
        if level.params["above"] < 0:
            yield "above", f"every counter grows by more than {level.params['above']:g}", "0 or more"

    def own_cases(self) -> list[Case]:
        """An event fires and resolves, too few stay quiet, a reset, the first event of a new series, a lost target."""
        if self.guard_texts() or self.probe:
            return []
        return [each for level in self.resolved() for each in self._cases_of(level)]

    def _cases_of(self, level: Level) -> list[Case]:
        over, above = float(level.params["over"]), float(level.params["above"])
        name = series_name(self.metric)
        neighbour = series_name(self.metric, {"cluster": "c2"})
        word = f"{level.severity}: more than {above:g}"
        # increase() extrapolates to the window's ends by up to one interval, so "just past" allows for it
        jump = float(math.ceil(max(1.0, above * 1.08)))  # whole: sums of fractions may look like a reset
        step = pace(over)
        before = steps(over, step) + 2
        held = steps(over + level.for_, step) + 3
        at = (before + 1) * step + minute(level.for_)
        # one event holds for as long as the window sees it: what has to hold for longer needs events that go on
        more = max(0, steps(minute(level.for_) + 2 * step - over, step))
        leaves = (before + more) * step + over
        end = at + more * step + over + level.keep + 120
        rest = steps(end - before * step, step) + 2
        # the sample before the last event leaves the window `over` after it was taken
        _, resolved = resolving([level], leaves, 60.0)
        end_of_it = leaves + level.keep - 60.0
        last = firing([level], end_of_it) if end_of_it > at else []
        flat = constant(7, before)
        events = f"{rising(7 + jump, jump, more)} " if more else ""
        after = f"{events}{constant(7 + jump * (more + 1), rest)}"
        going = (
            rising(7 + jump, jump, steps(level.for_, step) + 2)
            if more
            else constant(7 + jump, steps(level.for_, step) + 2)
        )
        cases = [
            case(
                f"{word}: fires after its time, resolves, and leaves a quiet neighbour alone",
                {name: f"{flat} {after}", neighbour: constant(3, before + more + rest)},
                [*firing([level], at), *last],
                [before * step, *([(before + 1) * step + level.for_ - 15] if level.for_ else []), *resolved],
                step,
            ),
            case(
                f"{word}: a restart that sets the counter to 0 is no event",
                {name: f"{flat} {constant(0, held)}"},
                (),
                [at],
                step,
            ),
            case(f"{word}: nothing is said where nothing is counted", {"up": constant(1, before)}, (), [before * step]),
            case(
                f"{word}: a target that goes away stops firing",
                {name: f"{flat} {going} stale"},
                firing([level], at),
                [end],
                step,
            ),
        ]
        if above >= 2:  # noqa: PLR2004 - fewer events than the bound exist
            few = f"{flat} {constant(7 + above * 0.85, held)}"
            cases.append(case(f"{word}: quiet with fewer", {name: few}, (), [at], step))
        else:
            cases.append(
                case(f"{word}: quiet while nothing happens", {name: constant(7, before + held)}, (), [at], step)
            )
        if others := unselected(self.metric):
            foreign = {each: f"{flat} {constant(7 + jump, held)}" for each in others}
            quiet_one = {name: constant(7, before + held)}
            cases.append(
                case(f"{word}: events of other labels are not these", {**foreign, **quiet_one}, (), [at], step)
            )
        if self.timestamp is not None:
            stamp = series_name(self.timestamp)
            born = before * step
            latest = born + more * step
            times = f"{rising(born, step, more)} " if more else ""
            fresh = {
                name: f"_x{before - 1} {constant(1, more + rest)}",
                stamp: f"_x{before - 1} {times}{constant(latest, rest)}",
            }
            fires_at = born + minute(level.for_) + 15
            cases.append(
                case(
                    f"{word}: the first event of a new series is not lost",
                    fresh,
                    [*firing([level], fires_at), *firing([level], latest + over + level.keep - 30)],
                    [minute(latest + over + level.keep) + 30],
                    step,
                )
            )
            foreign = {each: constant(0, held) for each in unselected(self.timestamp)}
            old = {name: constant(7, held), stamp: constant(number(-over), held), **foreign}
            cases.append(case(f"{word}: an old event does not fire", old, (), [level.for_ + 120.0], step))
        return cases


def number(value: float) -> float:
    """The value as promtool reads it back."""
    return float(number_text(value))
