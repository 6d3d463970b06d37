"""Files that somebody finds who knows whose they are, and what he says of them himself before and after their lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.logs.origin_files import Files
from stoker.sources.files import Follower

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping

    from stoker.logs.finder import Finder
    from stoker.logs.origin import Intake


_NONE_EVERY = 5.0
"""Seconds between two looks while nothing is found: most machines never have a run, and a look costs as much as many a collector."""


class Found(Files):
    """See the module.

    Args:
        intake: of the source.
        finder: finds the files.
        errors: counts what went wrong, by reason.
    """

    def __init__(self, intake: Intake, finder: Finder, errors: Counter[str]) -> None:
        # a run is new, whatever its log has already; a program that was there before us is not
        beginning = intake.settings.from_ == "beginning" or intake.settings.runs is not None
        super().__init__(Follower((), from_beginning=beginning, errors=errors, find=finder.paths, log_of=finder.log_of))
        self._finder = finder

    @property
    def every(self) -> float:  # type: ignore[override]
        """See Origin."""
        return super().every if self.files else _NONE_EVERY

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:
        """See Origin."""
        if not self._finder.look(steady):
            return
        intake.say(self._finder.begun())
        super().turn(intake, steady, stopping)
        if not self.behind and not stopping():
            intake.say(self._finder.ended())

    def state(self) -> dict[str, Any]:
        """See Origin."""
        return {**super().state(), "finder": self._finder.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        super().restore(state)
        if "finder" in state:
            self._finder.restore(state["finder"])

    def close(self) -> None:
        """See Origin."""
        super().close()
        self._finder.close()
