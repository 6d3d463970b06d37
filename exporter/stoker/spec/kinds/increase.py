"""`increase`: a counter of events grew, or its last event is young.

A counter whose labels are first seen with the event itself has no 0 before it, so `increase()` would miss that event; the
timestamp of the last event, exposed beside the counter, catches it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, constant, firing, resolving, series_name, steps, unselected
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import number_text

if TYPE_CHECKING:
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
        jump = max(1.0, above * 1.08)
        before = steps(over) + 2
        held = steps(over + level.for_) + 3
        at = (before + 1) * 60.0 + level.for_
        end = at + over + level.keep + 120
        rest = steps(end - before * 60) + 2
        # the sample before the event leaves the window `over` after it was taken
        _, resolved = resolving([level], before * 60.0 + over, 60.0)
        last = firing([level], before * 60.0 + over + level.keep - 60.0)
        flat = constant(7, before)
        cases = [
            case(
                f"{word}: fires after its time, resolves, and leaves a quiet neighbour alone",
                {name: f"{flat} {constant(7 + jump, rest)}", neighbour: constant(3, before + rest)},
                [*firing([level], at), *last],
                [before * 60.0, *([at - 15] if level.for_ else []), *resolved],
            ),
            case(
                f"{word}: a restart that sets the counter to 0 is no event",
                {name: f"{flat} {constant(0, held)}"},
                (),
                [at],
            ),
            case(f"{word}: nothing is said where nothing is counted", {"up": constant(1, before)}, (), [before * 60.0]),
            case(
                f"{word}: a target that goes away stops firing",
                {name: f"{flat} {constant(7 + jump, steps(level.for_) + 2)} stale"},
                firing([level], at),
                [end],
            ),
        ]
        if above >= 2:  # noqa: PLR2004 - fewer events than the bound exist
            few = f"{flat} {constant(7 + above * 0.85, held)}"
            cases.append(case(f"{word}: quiet with fewer", {name: few}, (), [at]))
        else:
            cases.append(case(f"{word}: quiet while nothing happens", {name: constant(7, before + held)}, (), [at]))
        if others := unselected(self.metric):
            foreign = {each: f"{flat} {constant(7 + jump, held)}" for each in others}
            quiet_one = {name: constant(7, before + held)}
            cases.append(case(f"{word}: events of other labels are not these", {**foreign, **quiet_one}, (), [at]))
        if self.timestamp is not None:
            stamp = series_name(self.timestamp)
            born = before * 60.0
            fresh = {
                name: f"_x{before - 1} {constant(1, rest)}" if before > 1 else constant(1, rest),
                stamp: f"_x{before - 1} {constant(born, rest)}",
            }
            fires_at = born + level.for_ + 15
            cases.append(
                case(
                    f"{word}: the first event of a new series is not lost",
                    fresh,
                    [*firing([level], fires_at), *firing([level], born + over + level.keep - 30)],
                    [born + over + level.keep + 30],
                )
            )
            foreign = {each: constant(0, held) for each in unselected(self.timestamp)}
            old = {name: constant(7, held), stamp: constant(number(-over), held), **foreign}
            cases.append(case(f"{word}: an old event does not fire", old, (), [level.for_ + 120.0]))
        return cases


def number(value: float) -> float:
    """The value as promtool reads it back."""
    return float(number_text(value))
