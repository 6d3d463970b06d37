"""`absent`: a series that should be there is not there at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import setting
from stoker.spec.kinds.cases import case, constant, firing, minute, series_name, steps
from stoker.spec.kinds.kind import KindAlert

if TYPE_CHECKING:
    from stoker.spec.alert import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent(KindAlert):
    """`absent(metric)`; its labels are the ones that the selector fixes by equality."""

    metric: str = setting(doc="Selector of what has to be there.")

    def condition(self) -> str:
        """See the class."""
        return f"sum by ({self.by_text}) (absent({self.metric.strip()}))"

    def texts(self) -> list[str]:
        """The selector and the guards."""
        return [self.metric, *self.guard_texts()]

    def own_cases(self) -> list[Case]:
        """Present is quiet, never there and gone both fire after their time, back again resolves."""
        if self.guard_texts() or self.probe:
            return []
        cases = []
        for level in self.resolved():
            name = series_name(self.metric)
            there, away = 5, steps(level.for_) + 4
            gone = there * 60.0 + 60
            back = (there + away + 2) * 60.0
            end = back + level.keep + 60
            early = [gone + level.for_ - 15] if level.for_ >= 15 else []  # noqa: PLR2004 - one evaluation
            cases += [
                case(
                    f"{level.severity}: fires once it is gone for its time, and resolves when it is back",
                    {name: f"{constant(1, there)} stale _x{away} {constant(1, steps(end - back) + 1)}"},
                    firing([level], gone + minute(level.for_) + 15),
                    [there * 60.0, *early, end],
                ),
                case(
                    f"{level.severity}: fires where it never was",
                    {"nothing": "0x1"},
                    firing([level], minute(level.for_) + 15),
                ),
                case(f"{level.severity}: quiet while it is there", {name: constant(1, away)}, (), [away * 60.0]),
            ]
        return cases
