"""`forecast`: what is left of something will be used up within a time, as it goes now and as it went before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, constant, firing, resolving, series_name, steps
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import number_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.spec.alert import Case

STEP = 60.0
SIZE = 60.0
"""The whole in the cases: so small that a bound of 2 or -1 in place of 0 is noticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(KindAlert):
    """Where less than `left` is left: falls over `over` and over `recent` so that nothing is left `within`."""

    value: str = setting(doc="Selector of the gauge that must not reach 0.")
    capacity: str = setting(doc="Selector of the whole.")
    over: Duration | None = setting(None, doc="Window of the regression.")
    recent: Duration = setting(
        Duration(1800), doc="Window that has to fall as well: what stopped falling is no danger."
    )
    within: Duration | None = setting(None, doc="How far ahead.")
    left: Number | None = setting(None, doc="Only where the share that is left is below this.")

    def condition(self) -> str:
        """See the class."""
        value, capacity = self.value.strip(), self.capacity.strip()
        return (
            f"min by ({self.by_text}) (\n"
            f"  predict_linear({value}[$over], $within) < 0\n"
            f"  and predict_linear({value}[$recent], $within) < 0\n"
            f"  and {value} / {capacity} < $left\n)"
        )

    def texts(self) -> list[str]:
        """The selectors and the guards."""
        return [self.value, self.capacity, *self.guard_texts()]

    def own_cases(self) -> list[Case]:
        """Each of the three conditions from both sides, the windows, resolution, a lost target."""
        if self.guard_texts() and not self.probe:
            return []  # what the guards need, only the author knows: it has to be in the probe
        return [each for level in self.resolved() for each in self._cases_of(level)]

    def _cases_of(self, level: Level) -> list[Case]:
        plan = _Plan(self, level)
        return [plan.soon(), plan.much_left(), plan.long_window(), plan.recent_window(), plan.slower(), plan.gone()]


class _Plan:
    """The cases of one level. A course is a list of values, one a minute; the regression is computed here as well."""

    def __init__(self, alert: Forecast, level: Level) -> None:
        self.alert = alert
        self.level = level
        self.levels = alert.resolved()
        self.over, self.recent, self.within, self.left = (
            float(level.params[name]) for name in ("over", "recent", "within", "left")
        )
        self.word = f"{level.severity}: nothing left within {level.params['within']}"

    def fires(self, course: list[float], at: int, level: Level) -> bool:
        """Whether the level's condition holds at a minute, by arithmetic."""
        over, recent, within, left = (float(level.params[name]) for name in ("over", "recent", "within", "left"))
        return (
            course[at] / SIZE < left
            and predicted(course, at, over, within) < 0
            and predicted(course, at, recent, within) < 0
        )

    def case(self, name: str, course: list[float], quiet: list[int], at: list[int], *, neighbour: bool = False) -> Case:
        """A case; levels whose own condition holds at the named minutes are expected too."""
        value, capacity = series_name(self.alert.value), series_name(self.alert.capacity)
        series = {value: _notation(course), capacity: constant(SIZE, len(course))}
        for extra in ({}, {"cluster": "c2"}) if neighbour else ({},):
            for needed, number in self.alert.probe.items():
                series[series_name(str(needed), extra)] = constant(float(number), len(course))
        if neighbour:
            series[series_name(self.alert.value, {"cluster": "c2"})] = constant(SIZE * 0.9, len(course))
            series[series_name(self.alert.capacity, {"cluster": "c2"})] = constant(SIZE, len(course))
        hold = steps(self.level.for_)
        expected = []
        silent = []
        for minute in [*quiet, *at]:
            when = (minute + hold) * STEP
            speaking = [
                each
                for each in self.levels
                if all(
                    self.fires(course, min(past, len(course) - 1), each)
                    for past in range(minute + hold - steps(each.for_), minute + hold + 1)
                )
            ]
            expected += firing(speaking, when)
            silent += [] if speaking else [when]
        return case(f"{self.word}: {name}", series, expected, silent)

    def fall(self, minutes: int, start: float, lasts: float, left: float) -> list[float]:
        """A straight fall that would reach 0 `lasts` seconds after `left` is what is left."""
        per_minute = left / lasts * STEP
        return [start - per_minute * minute for minute in range(minutes)]

    def soon(self) -> Case:
        """Falls straight to nothing, a little sooner than the bound; a neighbour does not."""
        minutes = int(self.over / STEP) + 10
        left = self.left * 0.97 * SIZE
        per_minute = left / (self.within * 0.99) * STEP
        course = [left + per_minute * (minutes - minute) for minute in range(minutes + steps(self.level.for_) + 10)]
        return self.case("fires", course, [], [minutes], neighbour=True)

    def much_left(self) -> Case:
        """As fast, with a little more left than the bound."""
        minutes = int(self.over / STEP) + 10
        left = self.left * 1.03 * SIZE
        hold = steps(self.level.for_)
        per_minute = left / (self.within * 0.8) * STEP
        course = [left + per_minute * (minutes + hold - minute) for minute in range(minutes + hold + 1)]
        return self.case("quiet while enough is left", course, [minutes], [])

    def long_window(self) -> Case:
        """Still for two windows, then falling fast: the long regression sees it later than the recent one."""
        still = int(2 * self.over / STEP) + 1
        start = self.left * 0.95 * SIZE
        long = int(self.over * 2 / STEP)
        course = [start] * still + [start - start / long * minute for minute in range(1, long + 1)]
        when = _first(len(course), still, lambda at: predicted(course, at, self.over, self.within) < 0)
        return self.case("the long window decides", course, [when - 1], [when])

    def recent_window(self) -> Case:
        """Falling for long, then still: the recent regression forgets it first."""
        falling = int(2 * self.over / STEP)
        end = self.left * 0.3 * SIZE
        course = [end + (self.left * 0.9 * SIZE - end) / falling * (falling - minute) for minute in range(falling)]
        course += [end] * int(self.recent * 2 / STEP + self.level.for_ / STEP + self.level.keep / STEP)
        when = _first(len(course), falling, lambda at: predicted(course, at, self.recent, self.within) >= 0)
        hold = steps(self.level.for_)
        made = self.case("resolves when it has stopped falling", course, [], [when - 1 - hold])
        kept, resolved = resolving([self.level], when * STEP, 60.0)
        others = [each for each in self.levels if each.severity != self.level.severity]
        if others:  # another level may still speak; only this one's time is known
            return made
        return case(made.name, made.series, [*made.fires, *kept], [*made.quiet, *resolved])

    def slower(self) -> Case:
        """Falling fast for long, then so slowly that it lasts a little longer than the bound."""
        falling = int(2 * self.over / STEP)
        end = self.left * 0.5 * SIZE
        course = [end + (self.left * 0.99 * SIZE - end) / falling * (falling - minute) * 3 for minute in range(falling)]
        recent = int(self.recent / STEP) + 6 + steps(self.level.for_)
        per_minute = end / (self.within * 1.02 / STEP + recent)
        course += [end - per_minute * minute for minute in range(1, recent + 1)]
        return self.case("quiet when it goes slowly now", course, [falling + recent - 1 - steps(self.level.for_)], [])

    def gone(self) -> Case:
        """The target is lost while it fires."""
        made = self.soon()
        series = {name: f"{values} stale" for name, values in made.series.items() if 'cluster="c2"' not in name}
        last = max(float(each.at) for each in made.fires) if made.fires else 0.0
        keep = max(each.keep for each in self.levels)
        return case(f"{self.word}: a target that goes away stops firing", series, made.fires, [last + keep + 1200])


def predicted(course: list[float], at: int, window: float, ahead: float) -> float:
    """Prometheus's predict_linear at minute `at`: the least-squares line of the window, `ahead` seconds on."""
    first = max(0, at - int(window / STEP))
    points = range(first, at + 1)
    count = len(points)
    mean_x = sum((point - at) * STEP for point in points) / count
    mean_y = sum(course[point] for point in points) / count
    spread = sum(((point - at) * STEP - mean_x) ** 2 for point in points)
    if not spread:
        return mean_y
    slope = sum(((point - at) * STEP - mean_x) * (course[point] - mean_y) for point in points) / spread
    return mean_y - slope * mean_x + slope * ahead


def _first(end: int, start: int, holds: Callable[[int], bool]) -> int:
    return next((at for at in range(start, end) if holds(at)), end - 1)


def _notation(course: list[float]) -> str:
    """Promtool's notation, straight parts in short."""
    parts = []
    at = 0
    while at < len(course):
        stop = at + 1
        step = course[stop] - course[at] if stop < len(course) else 0.0
        while stop + 1 < len(course) and abs(course[stop + 1] - course[stop] - step) < 1e-9:  # noqa: PLR2004 - float noise
            stop += 1
        stop = min(stop, len(course) - 1)
        sign = "+" if step >= 0 else "-"
        parts.append(f"{number_text(round(course[at], 9))}{sign}{_plain(abs(step))}x{stop - at}")
        at = stop + 1
    return " ".join(parts)


def _plain(value: float) -> str:
    """Without an exponent, which promtool does not read here."""
    return f"{value:.12f}".rstrip("0").rstrip(".") or "0"
