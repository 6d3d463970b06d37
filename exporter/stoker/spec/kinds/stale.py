"""`stale`: what should happen again and again has not happened for too long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, constant, firing, minute, resolving, rising, series_name, steps
from stoker.spec.kinds.kind import KindAlert, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.spec.alert import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Stale(KindAlert):
    """`time() - max by (by) (timestamp) > bound`; `older_than` where the bound's expression gives nothing."""

    timestamp: str = setting(doc="Selector of the gauge with the time of the last event.")
    older_than: Number = setting(doc="The bound, or the bound where `bound` has no value.")
    bound_: str | None = setting(None, doc="An expression that gives the bound for each label set.")

    def condition(self) -> str:
        """See the class."""
        age = f"time() - max by ({self.by_text}) ({self.timestamp.strip()})"
        if self.bound_ is None:
            return f"{age} > $older_than"
        own = f"max by ({self.by_text}) ({self.bound_.strip()})"
        last = f"max by ({self.by_text}) ({self.timestamp.strip()})"
        return f"{age}\n> on ({self.by_text})\n(\n  {own}\n  or on ({self.by_text})\n  ({last} * 0 + $older_than)\n)"

    def texts(self) -> list[str]:
        """The selector, the bound and the guards."""
        return [self.timestamp, *([self.bound_] if self.bound_ else []), *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The fixed bound, when that is all."""
        return None if self.bound_ else (float(level.params["older_than"]), "above")

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:
        """Everything that happened is older than nothing."""
        if level.params["older_than"] <= 0:
            yield "older_than", "every event is older than that", "a time above 0, as in 10m"

    def own_cases(self) -> list[Case]:
        """Fresh is quiet, just before the bound is quiet, past it fires, a new event resolves, a lost target too."""
        if self.guard_texts() or self.probe or self.bound_:
            return []
        cases = []
        levels = self.resolved()
        for level in levels:
            bound = float(level.params["older_than"])
            name = series_name(self.timestamp)
            neighbour = series_name(self.timestamp, {"cluster": "c2"})
            count = steps(bound + level.for_) + 6
            due = minute(bound + 1) + minute(level.for_) + 30
            hit = [each for each in levels if float(each.params["older_than"]) + each.for_ + 15 <= due]
            again = (count + 1) * 60.0
            rest = steps(level.keep) + 3
            other = [each for each in levels if each not in hit and float(each.params["older_than"]) < bound]
            cases += [
                case(
                    f"{level.severity}: fires when the last event is too old, resolves with the next, knows its neighbour",
                    {
                        name: f"{constant(0, count)} {rising(again, 60, rest)}",
                        neighbour: rising(0, 60, count + rest),
                    },
                    firing([*hit, *other], due),
                    [bound + level.for_ - 15] if len(hit) == 1 else [],
                ),
                case(
                    f"{level.severity}: a target that goes away stops firing",
                    {name: f"{constant(0, count)} stale"},
                    firing(hit, due),
                    [again + level.keep + 360],
                ),
                case(f"{level.severity}: nothing is said where nothing is known", {"up": "1x5"}, (), [300.0]),
            ]
            kept, resolved = resolving([*hit, *other], again)
            cases[-3] = case(cases[-3].name, cases[-3].series, [*cases[-3].fires, *kept], [*cases[-3].quiet, *resolved])
        return cases
