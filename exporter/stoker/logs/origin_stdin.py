"""Standard input: one stream of blocks, without a position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.logs.origin import Origin
from stoker.sources.stdin import StandardInput

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.logs.engine_totals import StreamReading
    from stoker.logs.origin import Intake


class Stdin(Origin):
    """See the module."""

    again = False

    def __init__(self) -> None:
        self._input = StandardInput()
        self._reading: StreamReading | None = None

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:  # noqa: ARG002 - a turn is short
        """See Origin."""
        for data in self._input.turn():
            self.waiting = True
            if self._reading is None:
                self._reading = intake.open(str(intake.settings.name), "", True)  # noqa: FBT003 - as Intake has it
            intake.feed(self._reading, data, None)
        if self._input.ended and self._reading is not None:
            intake.flush(self._reading)
            self._reading = None
        self.behind = self._input.behind
        self.files = int(not self._input.ended)
