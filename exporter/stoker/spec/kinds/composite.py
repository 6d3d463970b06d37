"""`composite`: several signals on the same labels say together what none says alone."""

from __future__ import annotations

from dataclasses import dataclass

from stoker.documents import setting
from stoker.spec.kinds.kind import KindAlert, Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Composite(KindAlert):
    """The first signal, where all the others hold too; its value and labels are the first one's."""

    signals: dict[str, str] = setting(doc="Name to expression; a result means that the signal is there.")
    on: tuple[str, ...] | None = setting(None, doc="Labels that bring the signals together; `by` when left out.")
    draw: str | None = setting(None, doc="Name of the parameter of the first signal that is drawn into the panel.")
    draw_side: str = setting("above", doc="Whether the alert fires `above` or `below` what is drawn.")

    def condition(self) -> str:
        """See the class."""
        on = ", ".join(self.on) if self.on is not None else self.by_text
        first, *others = (expr.strip() for expr in self.signals.values())
        joined = "".join(f"\n  and on ({on}) ({expr})" for expr in others)
        return f"max by ({self.by_text}) (\n  ({first}){joined}\n)"

    def texts(self) -> list[str]:
        """The signals and the guards."""
        return [*self.signals.values(), *self.guard_texts()]

    def bound(self, level: Level) -> tuple[float, str] | None:
        """The parameter named by `draw`."""
        return (float(level.params[self.draw]), self.draw_side) if self.draw and self.draw in level.params else None
