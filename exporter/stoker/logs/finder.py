"""Where the files of a source come from when they are no globs: somebody who finds them and knows whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stoker.logs.identity import Identity
    from stoker.metrics import Observation, Sample


class Finder(Protocol):
    """Finds files to follow. All but `samples` is called by the engine's thread alone."""

    def look(self, now: float) -> bool:
        """Look at what is there, seldom enough to cost nothing; whether it is known yet. `now` is of a steady clock."""

    def paths(self, now: float) -> list[str]:
        """Files to follow, as of the last look; of one log, the older ones first."""

    def log_of(self, path: str) -> str:
        """The name under which a file was written, see FollowedFile."""

    def identity(self, log: str) -> Identity | None:
        """Whose a log is; None leaves that to the settings."""

    def begun(self) -> Iterable[tuple[str, Observation]]:
        """What is to be said before lines are read: a log and an observation about it, once."""

    def ended(self) -> Iterable[tuple[str, Observation]]:
        """The same for when all lines are read."""

    def samples(self, now: float) -> Iterable[Sample]:
        """What it knows itself; `now` in seconds since the epoch. Called by scrapes, and never waits."""

    def state(self) -> dict[str, Any]:
        """As plain values."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""

    def close(self) -> None:
        """Let go of what is open."""
