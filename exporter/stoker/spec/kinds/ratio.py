"""`ratio`: a part of what happened in a window is too large or too small a share of the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, firing, resolving, rising, series_name, steps, unselected
from stoker.spec.kinds.kind import KindAlert, Level

if TYPE_CHECKING:
    from stoker.spec.alert import Case


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
            part: rising(0, round(share * per_step, 6), count),
            whole: rising(0, round((1 - rest) * per_step, 6), count),
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
        past = bound * 1.02 if up else bound * 0.98
        before = bound * 0.98 if up else bound * 1.02
        levels = self.resolved()
        hit = [
            each
            for each in levels
            if (past > float(each.params[self.comparison])) == up and past != float(each.params[self.comparison])
        ]
        held = steps(over + level.for_) + 2
        seconds = held * 60.0
        busy = max(1000.0, minimum * 60 / over * 100)
        word = f"{level.severity}: {self.comparison} {bound:g}"
        low = minimum / (over / 60)
        long = steps(2 * over + level.for_) + 2
        end = seconds + over + max(each.keep for each in levels) + 300
        rest = steps(over) + steps(max(each.keep for each in levels)) + 6
        ends = self._then(self._series(past, busy, held), self._series(0.0 if up else 1.0, busy, rest), rest)
        neighbour = self._series(0.0 if up else 1.0, busy, held + rest, "c2")
        reset = {
            name: f"{values.replace('x' + str(held), 'x3')} {values}"
            for name, values in self._series(past, busy, held).items()
        }
        kept, resolved = resolving(hit, seconds + 60, 45.0 + over * 0.05)
        cases = [
            case(
                f"{word}: fires just past the share, resolves, and leaves a healthy neighbour alone",
                {**ends, **neighbour},
                [*firing(hit, seconds), *(kept if level.keep > over * 0.1 + 90 else [])],
                resolved if level.keep > over * 0.1 + 90 else [end],
            ),
            *self._windowed(word, level, levels),
            case(f"{word}: a reset of the counters changes nothing", reset, firing(hit, seconds + 240), ()),
            case(
                f"{word}: quiet with too few to judge by",
                self._series(1.0 if up else 0.0, low * 0.95, long),
                (),
                [long * 60.0],
            ),
            case(
                f"{word}: fires with just enough to judge by",
                self._series(1.0 if up else 0.0, low * 1.05, held),
                firing(levels, seconds),
            ),
            *self._unselected(word, busy, held, levels),
            case(f"{word}: nothing is said where nothing is counted", {"up": "1x5"}, (), [300.0]),
            case(
                f"{word}: a target that goes away stops firing",
                {name: f"{values} stale" for name, values in self._series(past, busy, held).items()},
                firing(hit, seconds),
                [end],
            ),
        ]
        if len(hit) == 1:
            cases.append(case(f"{word}: quiet just before the share", self._series(before, busy, held), (), [seconds]))
        if level.for_ >= 60:  # noqa: PLR2004 - one step
            early = [each for each in hit if each.for_ < level.for_]
            if not early:
                cases[0] = case(cases[0].name, cases[0].series, cases[0].fires, [level.for_ - 15.0, *cases[0].quiet])
        return cases

    def _unselected(self, word: str, busy: float, held: int, levels: list[Level]) -> list[Case]:
        """What the part's selector leaves out is no part, however much there is of it."""
        others = {name: rising(0, busy, held) for name in unselected(self.part)}
        if not others or self._apart:  # where they are the rest of the whole, every case has it
            return []
        fires = firing(levels if self.comparison == "below" else [], held * 60.0)
        quiet = [] if fires else [held * 60.0]
        return [case(f"{word}: others are no part", {**self._series(0.0, busy, held), **others}, fires, quiet)]

    def _windowed(self, word: str, level: Level, levels: list[Level]) -> list[Case]:
        """A share of twice the bound in half a window and none before: the share of the window is the bound."""
        bound, over = float(level.params[self.comparison]), float(level.params["over"])
        if self.comparison != "above" or bound > 0.5 or len(levels) > 1:  # noqa: PLR2004 - twice it is all
            return []
        turn = steps(over * 2) + 1
        rest = steps(over + level.for_)
        busy = max(1000.0, float(level.params["minimum"]) * 60 / over * 100)
        series = self._then(self._series(0.0, busy, turn), self._series(bound * 2, busy, rest), rest)
        start = turn * 60.0
        fires = firing([level], start + over * 0.65 // 60 * 60 + level.for_)
        quiet = [start + over * 0.4 // 60 * 60 + level.for_]
        return [case(f"{word}: the share of the window counts, not of a shorter or longer one", series, fires, quiet)]

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
