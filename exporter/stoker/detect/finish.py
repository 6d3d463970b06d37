"""Whether a run has ended, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUSES = ("completed", "failed", "cancelled")
_UNLESS = {"nonzero": ("cancelled",), "lost": ("completed", "cancelled")}
"""An exit code above 0, and a run that ended unseen, have failed unless the log itself has said better why."""

_AFTERMATH = 120.0
"""Seconds within which what was cancelled dies of it: Slurm's launcher tells of killed tasks half a minute later."""


class Finish:
    """At most one status holds; reaching the planned steps is `completed`, the first step after any end takes it back.

    `at` is when the end was read, `when` when it happened: they differ where an old log is read from its beginning.
    """

    def __init__(self) -> None:
        self.status = ""
        self.at: float | None = None
        self.when: float | None = None
        self._planned: float | None = None
        self._step: float | None = None

    def planned(self, steps: float, now: float, when: float | None = None) -> None:
        """The log says how many steps there will be."""
        self._planned = steps if steps > 0 else None
        if self.status == "completed" and not self._reached():
            self.status, self.at, self.when = "", None, None
        elif not self.status and self._reached():
            self.end("completed", now, when)

    def step(self, step: float, now: float, when: float | None = None) -> None:
        """A step is reported."""
        if step == self._step and self.status:
            return  # the last step once more, by another rank or logger
        self._step = step
        if self._reached():
            if self.status != "completed":
                self.end("completed", now, when)
        elif self.status:
            self.status, self.at, self.when = "", None, None

    def _reached(self) -> bool:
        return self._planned is not None and self._step is not None and self._step >= self._planned

    def begun(self) -> None:
        """The run was started again: whatever its end was, it is over."""
        self.status, self.at, self.when = "", None, None

    def end(self, status: str, now: float, when: float | None = None) -> None:
        """The log, or whoever started the run, says that it has ended; `nonzero` and `lost` are no statuses, see _UNLESS."""
        if status in _UNLESS:
            status = self.status if self.status in _UNLESS[status] else "failed"
        when = now if when is None else when
        cancelled = self.when if self.status == "cancelled" else None
        if status == "failed" and cancelled is not None and when - cancelled <= _AFTERMATH:
            return
        if status in STATUSES and status != self.status:
            self.status, self.at, self.when = status, now, when

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "status": self.status,
            "at": self.at,
            "when": self.when,
            "planned": self._planned,
            "step": self._step,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.status, self.at = str(state["status"]), state["at"]
        self.when = state.get("when", self.at)  # states of earlier versions do not have it
        self._planned, self._step = state["planned"], state["step"]
