"""What every kind of alert knows: its expression at a level, its thresholds and the cases that it writes for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from stoker.documents import Duration
from stoker.spec.alert import SEVERITIES, Alert, Case, Guard, Number, Severity
from stoker.spec.promql import fill

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Level:
    """One severity of an alert with all its parameters.

    Attributes:
        severity: the label.
        params: every number of the alert by name, `for` and `keep_firing_for` among them.
    """

    severity: Severity
    params: Mapping[str, Number]

    @property
    def for_(self) -> Duration:
        """How long it has to hold."""
        return Duration(self.params["for"])

    @property
    def keep(self) -> Duration:
        """How long it goes on after it held last."""
        return Duration(self.params["keep_firing_for"])


@dataclass(frozen=True, slots=True, kw_only=True)
class KindAlert(Alert):
    """An alert of some kind. A kind gives `condition` and, where it can, `own_cases` and `bound`."""

    @property
    def by_text(self) -> str:
        """The label set as PromQL writes it."""
        return ", ".join(self.by)

    def numbers(self) -> dict[str, Number]:
        """Every parameter with its default: the kind's own numbers, `for`, `keep_firing_for`, then `params`."""
        own = {
            each.name.rstrip("_"): value
            for each in fields(self)
            if isinstance(value := getattr(self, each.name), int | float) and not isinstance(value, bool)
        }
        return {**own, **self.params}

    def resolved(self) -> list[Level]:
        """The levels, most severe first."""
        numbers = self.numbers()
        if self.levels is None:
            return [Level(self.severity or "warning", numbers)]
        ordered = sorted(self.levels, key=lambda name: SEVERITIES.index(name) if name in SEVERITIES else 9)
        return [Level(name, {**numbers, **self.levels[name]}) for name in ordered]  # type: ignore[arg-type]

    def condition(self) -> str:
        """The kind's PromQL with `$params`, its result having the labels `by`."""
        raise NotImplementedError

    def template(self) -> str:
        """The condition and the guards, with `$params`."""
        return self.guarded(self.condition())

    def guarded(self, condition: str) -> str:
        """A condition with the guards behind it."""
        expr = condition.strip()
        if (self.while_ or self.unless) and " or " in expr:
            expr = f"({expr})"
        for word, guard in (("and", self.while_), ("unless", self.unless)):
            if guard is not None:
                on = ", ".join(guard.on) if isinstance(guard, Guard) and guard.on is not None else self.by_text
                text = guard.expr if isinstance(guard, Guard) else guard
                expr = f"{expr}\n{word} on ({on}) ({text.strip()})"
        return expr

    def expr(self, level: Level) -> str:
        """PromQL of one level, parameters filled in, without the job selector."""
        return fill(self.template(), level.params)

    def texts(self) -> list[str]:
        """Every expression that the author wrote, as written (so that problems can point into it)."""
        raise NotImplementedError

    def guard_texts(self) -> list[str]:
        """The guards' expressions as written."""
        return [guard.expr if isinstance(guard, Guard) else guard for guard in (self.while_, self.unless) if guard]

    def bound(self, level: Level) -> tuple[float, str] | None:  # noqa: ARG002 - kinds without a bound ignore it
        """The threshold to draw and `above`, `below` or `equals`, when the kind compares its panel's quantity with a number."""
        return None

    def thresholds(self) -> list[tuple[Severity, float, str]]:
        """(severity, bound, above, below or equals) of every level that has one."""
        found = ((level.severity, self.bound(level)) for level in self.resolved())
        return [(severity, *bound) for severity, bound in found if bound is not None]

    def impossible(self, level: Level) -> Iterator[tuple[str, str, str]]:  # noqa: ARG002 - kinds with limits use it
        """(parameter, what is wrong, what would be right) of every number with which a level never fires, or always does."""
        yield from ()

    def own_cases(self) -> list[Case]:
        """The cases that the kind writes."""
        return []
