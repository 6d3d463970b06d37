"""`declines`: something got worse several times in a row, as counted by the exporter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import setting
from stoker.spec.alert import Number
from stoker.spec.kinds.cases import case, constant, firing, minute, resolving, series_name, steps
from stoker.spec.kinds.kind import KindAlert, Level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.spec.alert import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Declines(KindAlert):
    """`max by (by) (metric) >= at_least`."""

    metric: str = setting(doc="Selector of the gauge that counts how often in a row it got worse.")
    at_least: Number = setting(doc="Fires from this many on.")

    def condition(self) -> str:
        """See the class."""
        return f"max by ({self.by_text}) ({self.metric.strip()}) >= $at_least"

    def texts(self) -> list[str]:
        """The selector and the guards."""
        return [self.metric, *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The number of declines."""
        return float(level.params["at_least"]), "above"

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:
        """Nothing got worse less than once."""
        if level.params["at_least"] < 1:
            yield "at_least", f"at least {level.params['at_least']:g} in a row is always so", "1 or more"

    def own_cases(self) -> list[Case]:
        """One fewer is quiet, the number fires, a better result resolves, a lost target too."""
        if self.guard_texts() or self.probe:
            return []
        cases = []
        for level in self.resolved():
            number = float(level.params["at_least"])
            name = series_name(self.metric)
            held = steps(level.for_) + 2
            at = held * 60.0
            end = at + 60 + level.keep + 60
            early = [level.for_ - 15] if level.for_ >= 15 else []  # noqa: PLR2004 - one evaluation
            kept, resolved = resolving([level], at + 60)
            neighbour = series_name(self.metric, {"cluster": "c2"})
            cases += [
                case(
                    f"{level.severity}: {number:g} in a row fire, the next better one resolves, a neighbour stays quiet",
                    {
                        name: f"{constant(number, held)} {constant(0, steps(level.keep) + 3)}",
                        neighbour: constant(number - 1, held),
                    },
                    [*firing([level], minute(level.for_)), *firing([level], at), *kept],
                    [*early, *resolved],
                ),
                case(
                    f"{level.severity}: {number + 1:g} in a row fire too",
                    {name: constant(number + 1, held)},
                    firing([level], at),
                ),
                case(
                    f"{level.severity}: {number - 1:g} in a row stay quiet",
                    {name: constant(number - 1, held)},
                    (),
                    [at],
                ),
                case(
                    f"{level.severity}: a target that goes away stops firing",
                    {name: f"{constant(number, held)} stale"},
                    firing([level], at),
                    [end + 300],
                ),
            ]
        return cases
