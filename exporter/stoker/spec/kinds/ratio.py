"""`ratio`: a part of what happened in a window is too large or too small a share of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, firing, minute, pace, resolving, rising, series_name, steps, unselected
from stoker.spec.kinds.kind import KindAlert, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.spec.alert import Case

_MANY = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio(KindAlert):
    """Share of `part` in `whole` over a window, where the whole is at least `minimum`."""

    part: str = setting(doc="Selector of the counter that is a part.")
    whole: str = setting(doc="Selector of the counter that is the whole (the part included).")
    over: Duration = setting(doc="The window.")
    above: Number | None = setting(None, doc="Fires above this share.")
    below: Number | None = setting(None, doc="Fires below this share.")
    minimum: Number = setting(
        20.0, doc="The whole has to grow by at least this in the window: low traffic never pages."
    )

    @property
    def comparison(self) -> str:
        """`above` or `below`."""
        names = {name for level in (self.levels or {}).values() for name in level}
        return "below" if self.below is not None or "below" in names else "above"

    def condition(self) -> str:
        """See the class."""
        sign = ">" if self.comparison == "above" else "<"
        whole = f"sum by ({self.by_text}) (increase({self.whole.strip()}[$over]))"
        part = f"sum by ({self.by_text}) (increase({self.part.strip()}[$over]))"
        return f"{part}\n  / {whole} {sign} ${self.comparison}\nand {whole} >= $minimum"

    def texts(self) -> list[str]:
        """Part, whole and the guards."""
        return [self.part, self.whole, *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The level's share."""
        number = level.params.get(self.comparison)
        return None if number is None else (float(number), self.comparison)

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:
        """A share is 0 to 1, and has one bound."""
        given = [name for name in ("above", "below") if name in level.params]
        if not given:
            yield "part", "there is no bound", "above or below"
        elif len(given) > 1:
            yield "below", "above and below in one alert", "one of them; make two alerts of it"
        elif self.comparison == "above" and not 0 <= level.params["above"] < 1:
            yield (
                "above",
                f"no share of a whole is above {level.params['above']:g} and another is not",
                "from 0 to under 1",
            )
        elif self.comparison == "below" and not 0 < level.params["below"] <= 1:
            yield (
                "below",
                f"no share of a whole is below {level.params['below']:g} and another is not",
                "from over 0 to 1",
            )

    def own_cases(self) -> list[Case]:
        """Past and before the share, low traffic, a reset of the counters, a vanished target, resolution."""
        if self.guard_texts() or self.probe:
            return []
        return [each for level in self.resolved() for each in self._cases_of(level)]

    def _series(self, share: float, per_step: float, count: int, cluster: str | None = None) -> dict[str, str]:
        """The part grows by `share` of `per_step`; the rest of the whole grows in a series of its own."""
        extra = {"cluster": cluster} if cluster else {}
        part, whole = series_name(self.part, extra), series_name(self.whole, extra)
        if part == whole:
            raise ValueError(f"part and whole are the same series {part}")
        rest = share if self._apart else 0.0
        return {
            part: rising(0, _events(share * per_step), count),
            whole: rising(0, _events((1 - rest) * per_step), count),
        }

    @property
    def _apart(self) -> bool:
        """Whether the part is a label value of the whole's metric, so that the whole's series is the rest."""
        return self.part.split("{")[0].strip() == self.whole.split("{")[0].strip()

    def _cases_of(self, level: Level) -> list[Case]:
        bound = float(level.params[self.comparison])
        minimum = float(level.params["minimum"])
        over = float(level.params["over"])
        up = self.comparison == "above"
        gap = min(bound * 0.02, (1 - bound) / 2) or 0.01
        past = bound + gap if up else bound - gap
        before = max(0.0, bound - gap) if up else min(1.0, bound + gap)
        step = pace(over)
        levels = self.resolved()
        hit = [
            each
            for each in levels
            if (past > float(each.params[self.comparison])) == up and past != float(each.params[self.comparison])
        ]
        held = steps(over + level.for_, step) + 2
        seconds = held * step
        busy = self._busy(level, step)
        word = f"{level.severity}: {self.comparison} {bound:g}"
        low = minimum / (over / step)
        long = steps(2 * over + level.for_, step) + 2
        end = seconds + over + max(each.keep for each in levels) + 300
        rest = steps(over, step) + steps(max(each.keep for each in levels), step) + 6
        ends = self._then(self._series(past, busy, held), self._series(0.0 if up else 1.0, busy, rest), rest)
        neighbour = self._series(0.0 if up else 1.0, busy, held + rest, "c2")
        reset = {
            name: f"{values.replace('x' + str(held), 'x3')} {values}"
            for name, values in self._series(past, busy, held).items()
        }
        # the share of the window is back on this side of the bound when so much of it is healthy
        fade = over * max(0.05, gap / past if up else gap / (1 - past))
        kept, resolved = resolving(hit, seconds + step, 45.0 + fade)
        lasts = level.keep > 2 * fade + 90
        cases = [
            case(
                f"{word}: fires just past the share, resolves, and leaves a healthy neighbour alone",
                {**ends, **neighbour},
                [*firing(hit, seconds), *(kept if lasts else [])],
                resolved if lasts else [end],
                step,
            ),
            *self._windowed(word, level, levels),
            case(f"{word}: a reset of the counters changes nothing", reset, firing(hit, seconds + 4 * step), (), step),
            *self._unselected(word, level, held, levels),
            case(f"{word}: nothing is said where nothing is counted", {"up": "1x5"}, (), [300.0]),
            case(
                f"{word}: a target that goes away stops firing",
                {name: f"{values} stale" for name, values in self._series(past, busy, held).items()},
                firing(hit, seconds),
                [end],
                step,
            ),
        ]
        if minimum > 0:
            few, enough = (self._series(1.0 if up else 0.0, low * factor, long) for factor in (0.95, 1.05))
            able = [each for each in levels if float(each.params["minimum"]) <= minimum]
            cases += [
                case(f"{word}: quiet with too few to judge by", few, (), [long * step], step),
                case(f"{word}: fires with just enough to judge by", enough, firing(able, seconds), (), step),
            ]
        if len(hit) == 1:
            cases.append(
                case(f"{word}: quiet just before the share", self._series(before, busy, held), (), [seconds], step)
            )
        if level.for_ >= 60:  # noqa: PLR2004 - one step
            early = [each for each in hit if each.for_ < level.for_]
            if not early:
                cases[0] = case(
                    cases[0].name, cases[0].series, cases[0].fires, [level.for_ - 15.0, *cases[0].quiet], step
                )
        return cases

    def _unselected(self, word: str, level: Level, held: int, levels: list[Level]) -> list[Case]:
        """What the part's selector leaves out is no part, however much there is of it."""
        step = pace(float(level.params["over"]))
        busy = self._busy(level, step)
        others = {name: rising(0, busy, held) for name in unselected(self.part)}
        if not others or self._apart:  # where they are the rest of the whole, every case has it
            return []
        fires = firing(levels if self.comparison == "below" else [], held * step)
        quiet = [] if fires else [held * step]
        return [case(f"{word}: others are no part", {**self._series(0.0, busy, held), **others}, fires, quiet, step)]

    def _windowed(self, word: str, level: Level, levels: list[Level]) -> list[Case]:
        """A share of twice the bound in half a window and none before: the share of the window is the bound."""
        bound, over = float(level.params[self.comparison]), float(level.params["over"])
        if self.comparison != "above" or not 0 < bound <= 0.5 or len(levels) > 1 or over < 300:  # noqa: PLR2004 - twice it is all
            return []
        step = pace(over)
        turn = steps(over * 2, step) + 1
        rest = steps(over + level.for_, step)
        busy = self._busy(level, step)
        series = self._then(self._series(0.0, busy, turn), self._series(bound * 2, busy, rest), rest)
        start = turn * step
        fires = firing([level], start + over * 0.65 // 60 * 60 + minute(level.for_))
        quiet = [start + over * 0.4 // 60 * 60 + level.for_]
        return [
            case(f"{word}: the share of the window counts, not of a shorter or longer one", series, fires, quiet, step)
        ]

    @staticmethod
    def _busy(level: Level, step: float) -> float:
        """So much in a step that there is always enough to judge by."""
        return max(1e6, float(level.params["minimum"]) * step / float(level.params["over"]) * 100)

    def _then(self, first: dict[str, str], then: dict[str, str], count: int) -> dict[str, str]:
        """Counters that go on from where they are at another pace."""
        return {
            name: f"{values} {rising(self._last(values) + self._per_step(then[name]), self._per_step(then[name]), count)}"
            for name, values in first.items()
        }

    @staticmethod
    def _last(values: str) -> float:
        start, _, rest = values.partition("+")
        step, _, count = rest.partition("x")
        return float(start) + float(step) * int(count)

    @staticmethod
    def _per_step(values: str) -> float:
        return float(values.partition("+")[2].partition("x")[0])


def _events(number: float) -> float:
    """Whole where there are many: sums of fractions differ in their last digit, which a counter takes for a reset."""
    return round(number) if number >= _MANY else round(number, 6)
