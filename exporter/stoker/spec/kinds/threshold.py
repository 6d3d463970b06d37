"""`threshold`: a value is above, below or equal to a bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import arithmetic, case, constant, firing, longest_window, series_name, steps
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from stoker.spec.alert import Case

_SIGNS = {"above": ">", "below": "<", "equals": "=="}
_AGGREGATES = {"above": "max", "below": "min", "equals": "max"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold(KindAlert):
    """`max by (by) (value) > above`, or `min ... < below`, or `max ... == equals`."""

    value: str = setting(doc="The watched value, PromQL.")
    above: Number | None = setting(None, doc="Fires above this.")
    below: Number | None = setting(None, doc="Fires below this.")
    equals: Number | None = setting(None, doc="Fires at exactly this.")
    over: Duration | None = setting(None, doc="A window, as `$over` in the value.")
    aggregate: Literal["max", "min", "avg", "sum", "count"] | None = setting(
        None, doc="How series of the same label set are brought together; max, or min with `below`."
    )

    @property
    def comparison(self) -> str:
        """Which of above, below, equals is used."""
        names = {name for level in (self.levels or {}).values() for name in level}
        return next((name for name in _SIGNS if getattr(self, name) is not None or name in names), "above")

    def condition(self) -> str:
        """See the class."""
        aggregate = self.aggregate or _AGGREGATES[self.comparison]
        return (
            f"{aggregate} by ({self.by_text}) (\n  {self.value.strip()}\n) {_SIGNS[self.comparison]} ${self.comparison}"
        )

    def texts(self) -> list[str]:
        """The value and the guards."""
        return [self.value, *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The level's bound."""
        number = level.params.get(self.comparison)
        return None if number is None else (float(number), "below" if self.comparison == "below" else "above")

    def own_cases(self) -> list[Case]:
        """Past, at and before the bound of each level, `for`, resolution, a vanished target, a healthy bystander."""
        if self.guard_texts() or (self.aggregate not in (None, "max", "min", "avg")):
            return []  # what the guards need, only the author knows
        if not self.probe and not (plain_metric(self.value) or quotient(self.value)):
            return []
        cases = []
        levels = self.resolved()
        for level in levels:
            cases += self._cases_of(level, levels)
        return cases

    def _series(self, v: float, count: int, cluster: str | None = None) -> dict[str, str]:
        extra = {"cluster": cluster} if cluster else {}
        series = {}
        for name, formula in self._formulas().items():
            series[series_name(name, extra)] = constant(arithmetic(str(formula), v), count)
        return series

    def _formulas(self) -> dict[str, str | float]:
        if self.probe:
            return dict(self.probe)
        if parts := quotient(self.value):
            return {parts[0]: "v * 1000", parts[1]: "1000"}
        return {plain_metric(self.value) or self.value: "v"}

    def _values(self, bound: float) -> tuple[float, float]:
        """A value just past the bound and one just before it."""
        small = abs(bound) * 0.01 or 0.01
        if self.comparison == "equals":
            return bound, bound + 1
        return (bound + small, bound - small) if self.comparison == "above" else (bound - small, bound + small)

    def _past(self, v: float, levels: list[Level]) -> list[Level]:
        found = []
        for level in levels:
            bound = float(level.params[self.comparison])
            hit = {"above": v > bound, "below": v < bound, "equals": v == bound}[self.comparison]
            found += [level] if hit else []
        return found

    def _cases_of(self, level: Level, levels: list[Level]) -> list[Case]:
        bound = float(level.params[self.comparison])
        past, before = self._values(bound)
        window, keep = longest_window(self, level), level.keep
        held = steps(level.for_ + window) + 3
        word = f"{level.severity}: {self.comparison} {bound:g}"
        hit = self._past(past, levels)
        seconds = held * 60.0
        fires = firing([each for each in hit if each.for_ <= level.for_], level.for_)
        fires += firing(hit, seconds)
        quiet_end = seconds + window + max(each.keep for each in levels) + 120 + 300
        rest = steps(quiet_end - seconds) + 1
        good = self._series(before, held + rest, cluster="c2")
        after = self._series(before, rest - 1)
        ends = {name: f"{values} {after[name]}" for name, values in self._series(past, held).items()}
        gone = {name: f"{values} stale" for name, values in self._series(past, held).items()}
        unhurt = self._past(before, levels)
        early = [each for each in hit if each.for_ < level.for_]
        cases = [
            case(
                f"{word}: fires just past the bound after its time, resolves, and leaves a healthy neighbour alone",
                {**ends, **good} if not unhurt else ends,
                fires,
                [level.for_ - 15] if level.for_ >= 15 and not early else [],
            ),
            case(f"{word}: a target that goes away stops firing", gone, firing(hit, seconds), [quiet_end]),
            case(f"{word}: nothing is said where nothing is measured", {"up": constant(1, held)}, (), [seconds]),
        ]
        if not unhurt:
            cases[0] = case(cases[0].name, cases[0].series, cases[0].fires, [*cases[0].quiet, quiet_end])
            cases.append(
                case(f"{word}: quiet just before the bound", self._series(before, held), (), [seconds]),
            )
            if self.comparison != "equals":
                cases.append(case(f"{word}: quiet at the bound", self._series(bound, held), (), [seconds]))
        else:
            at = firing(unhurt, seconds)
            cases.append(case(f"{word}: only the lower level just before the bound", self._series(before, held), at))
            if self.comparison != "equals":
                cases.append(case(f"{word}: only the lower level at the bound", self._series(bound, held), at))
        return cases


_WRAPPED = re.compile(r"\s*\w+_over_time\(\s*(.*?)\s*\[\$over\]\s*\)\s*\Z", re.DOTALL)


def plain_metric(value: str) -> str | None:
    """The selector when the value is one metric, or one `*_over_time` of it."""
    inner = match[1] if (match := _WRAPPED.match(value)) else value.strip()
    found = selectors(inner)
    return inner if len(found) == 1 and (found[0].start, found[0].end) == (0, len(inner)) else None


def quotient(value: str) -> tuple[str, str] | None:
    """The two selectors when the value is one metric by another."""
    parts = [part.strip() for part in value.split("/")]
    if len(parts) != 2:  # noqa: PLR2004 - dividend and divisor
        return None
    dividend, divisor = plain_metric(parts[0]), plain_metric(parts[1])
    return (dividend, divisor) if dividend and divisor else None
