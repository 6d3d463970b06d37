"""`forecast`: what is left of something will be used up within a time, as it goes now and as it went before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Duration, setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, constant, firing, rising, series_name
from stoker.spec.kinds.kind import KindAlert, Level

if TYPE_CHECKING:
    from stoker.spec.alert import Case


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
        """Falling fast enough fires, too slowly stays quiet, with much left stays quiet, stopped falling stays quiet."""
        if self.guard_texts() or self.probe:
            return []
        return [each for level in self.resolved() for each in self._cases_of(level)]

    def _cases_of(self, level: Level) -> list[Case]:
        over, within, left = (float(level.params[name]) for name in ("over", "within", "left"))
        recent = float(level.params["recent"])
        step = 300.0
        count = int((over + level.for_) / step) + 2
        at = count * step
        size = 1e6
        value, capacity = series_name(self.value), series_name(self.capacity)

        def falling(end_share: float, lasts: float, *, cluster: str | None = None) -> dict[str, str]:
            """A fall that ends at `end_share` of the size and would reach 0 `lasts` seconds later."""
            extra = {"cluster": cluster} if cluster else {}
            per_step = end_share * size / lasts * step
            start = end_share * size + per_step * count
            return {
                series_name(self.value, extra): rising(round(start), -round(per_step, 3), count),
                series_name(self.capacity, extra): constant(size, count),
            }

        levels = self.resolved()
        share = left * 0.98
        hit = [
            each
            for each in levels
            if within * 0.97 < float(each.params["within"]) and share < float(each.params["left"])
        ]
        word = f"{level.severity}: nothing left within {level.params['within']}"
        stopped = int(recent / step) + 2
        per_step = size * 0.5 / (count - stopped)
        flat = {
            value: f"{rising(size * 0.5 + share * size * 0.1, -round(per_step, 3), count - stopped - 1)} "
            f"{constant(share * size * 0.1, stopped)}",
            capacity: constant(size, count),
        }
        # only the past shows whether a lower level would speak as well; those cases name the level's own time alone
        slow = [
            each
            for each in levels
            if within * 1.05 < float(each.params["within"]) and share < float(each.params["left"])
        ]
        full = [each for each in levels if left * 1.02 < float(each.params["left"]) and each is not level]
        steady = {
            series_name(self.value, {"cluster": "c2"}): constant(size * 0.9, count),
            series_name(self.capacity, {"cluster": "c2"}): constant(size, count),
        }
        return [
            case(f"{word}: fires", {**falling(share, within * 0.97), **steady}, firing(hit, at), (), step),
            case(
                f"{word}: quiet when it lasts a little longer",
                falling(share, within * 1.05),
                firing(slow, at),
                () if slow else [at],
                step,
            ),
            case(
                f"{word}: quiet while enough is left",
                falling(left * 1.02, within * 0.9),
                firing(full, at),
                () if full else [at],
                step,
            ),
            case(f"{word}: quiet when it has stopped falling", flat, (), [at], step),
            case(
                f"{word}: a target that goes away stops firing",
                {name: f"{values} stale" for name, values in falling(share, within * 0.97).items()},
                firing(hit, at),
                [at + level.keep + 720],
                step,
            ),
        ]
