"""`expr`: the way out, a whole expression with cases of its own."""

from __future__ import annotations

from dataclasses import dataclass

from stoker.documents import setting
from stoker.spec.kinds.kind import KindAlert, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Expr(KindAlert):
    """PromQL whose result labels are exactly `by`; every number in it is a `$param`."""

    expr_: str = setting(doc="The expression.")
    draw: str | None = setting(None, doc="Name of the parameter that is drawn as threshold into the panel.")
    draw_side: str = setting("above", doc="Whether the alert fires `above` or `below` what is drawn.")

    def condition(self) -> str:
        """As written."""
        return self.expr_

    def texts(self) -> list[str]:
        """The expression and the guards."""
        return [self.expr_, *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The parameter named by `draw`."""
        return (float(level.params[self.draw]), self.draw_side) if self.draw and self.draw in level.params else None
