"""`expr`: the way out, a whole expression with cases of its own."""

from __future__ import annotations

from dataclasses import dataclass

from stoker.documents import setting
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.promql import fill


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr(KindAlert):
    """PromQL whose result labels are exactly `by`; every number in it is a `$param`."""

    expr_: str | dict[str, str] = setting(
        doc="The expression; or severity to expression, where the levels differ in kind."
    )
    draw: str | None = setting(None, doc="Name of the parameter that is drawn as threshold into the panel.")
    draw_side: str = setting("above", doc="Whether the alert fires `above` or `below` what is drawn.")

    def condition(self) -> str:
        """As written; the first level's where they differ."""
        return self._of(self.resolved()[0])

    def expr(self, level: Level) -> str:
        """See KindAlert."""
        return fill(self.guarded(self._of(level)), level.params)

    def _of(self, level: Level) -> str:
        return self.expr_ if isinstance(self.expr_, str) else self.expr_[level.severity]

    def texts(self) -> list[str]:
        """The expressions and the guards."""
        own = [self.expr_] if isinstance(self.expr_, str) else list(self.expr_.values())
        return [*own, *self.guard_texts()]

    def template(self) -> str:
        """All expressions of all levels, for those who look for metrics in them."""
        return "\n".join(self.texts())

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The parameter named by `draw`."""
        return (float(level.params[self.draw]), self.draw_side) if self.draw and self.draw in level.params else None
