"""`threshold`: a value is above, below or equal to a bound."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import (
    STEP,
    arithmetic,
    case,
    constant,
    firing,
    longest_window,
    minute,
    pace,
    resolving,
    series_name,
    steps,
)
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        return None if number is None else (float(number), self.comparison)

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:
        """Exactly one of the bounds is what it is compared with."""
        given = [name for name in _SIGNS if name in level.params]
        if not given:
            yield "value", "there is no bound", "one of above, below, equals"
        elif len(given) > 1:
            yield given[1], f"{' and '.join(given)} in one alert", "one bound; make two alerts of it"

    def own_cases(self) -> list[Case]:
        """Past, at and before the bound of each level, `for`, resolution, a vanished target, a healthy bystander."""
        if (self.guard_texts() and not self.probe) or self.aggregate not in (None, "max", "min", "avg"):
            return []  # what the guards need, only the author knows: it has to be in the probe
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
        window = longest_window(self, level)
        step = max(STEP, pace(window))
        held = steps(level.for_ + window, step) + 3
        end = held * step
        word = f"{level.severity}: {self.comparison} {bound:g}"
        hit, unhurt = self._past(past, levels), self._past(before, levels)
        early = [each for each in hit if each.for_ < level.for_]
        # what is past the bound by a hundredth leaves the mean of a window with the first values on the healthy side
        slack = 15 + minute(window * 0.02)
        after = steps(max(each.keep for each in levels) + slack, step) + 2
        kept, over = resolving(hit, end + step, slack)
        kept = kept if max(each.keep for each in hit) > 2 * slack else []
        ends = _joined(self._series(past, held), self._series(self._far(bound), after))
        good = self._series(before, held + after, "c2") if not unhurt else {}
        first = firing([each for each in hit if each.for_ <= level.for_], minute(level.for_))
        quiet = [*([level.for_ - 15] if level.for_ and not early else []), *over]
        gone = {name: f"{values} stale" for name, values in self._series(past, held).items()}
        lost = end + window + max(each.keep for each in levels) + 420
        cases = [
            case(
                f"{word}: fires just past it after its time, and resolves",
                {**ends, **good},
                [*first, *kept],
                quiet,
                step,
            ),
            case(f"{word}: a target that goes away stops firing", gone, firing(hit, end), [lost], step),
            case(f"{word}: nothing is said where nothing is measured", {"up": constant(1, held)}, (), [end]),
            self._not_past(f"{word}: not just before it", before, held, levels, step),
            *self._windowed(word, bound, level, levels),
        ]
        if self.comparison != "equals":
            cases.append(self._not_past(f"{word}: not at it", bound, held, levels, step))
        return cases

    def _not_past(self, name: str, v: float, held: int, levels: list[Level], step: float) -> Case:
        """Only levels with a bound on this side of `v` fire."""
        fires = firing(self._past(v, levels), held * step)
        return case(name, self._series(v, held), fires, [] if fires else [held * step], step)

    def _far(self, bound: float) -> float:
        """A value far on the healthy side."""
        return {"above": min(0.0, bound * 2) if bound else -1.0, "below": abs(bound) * 2 + 1, "equals": bound + 1}[
            self.comparison
        ]

    def _windowed(self, word: str, bound: float, level: Level, levels: list[Level]) -> list[Case]:
        """For a mean over a window: half a window beyond the bound by as much as it was on this side before."""
        if not self.value.strip().startswith("avg_over_time") or len(levels) > 1 or bound <= 0:
            return []
        window = float(level.params["over"])
        calm, wild = (0.5, 1.5) if self.comparison == "above" else (1.5, 0.5)
        step = max(STEP, pace(window))
        turn = steps(window * 2, step) + 1
        series = _joined(self._series(bound * calm, turn), self._series(bound * wild, steps(window + level.for_, step)))
        start = turn * step
        fires = firing([level], start + window * 0.65 // 60 * 60 + minute(level.for_))
        quiet = [start + window * 0.4 // 60 * 60 + level.for_]
        return [
            case(f"{word}: the mean of the window counts, not of a shorter or longer one", series, fires, quiet, step)
        ]


def _joined(first: dict[str, str], then: dict[str, str]) -> dict[str, str]:
    return {name: f"{values} {then[name]}" for name, values in first.items()}


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
