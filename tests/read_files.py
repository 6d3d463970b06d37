"""Follows files by hand: what was read, what happened, and one life after another."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stoker.sources.files import Follower

if TYPE_CHECKING:
    from pathlib import Path


MADE: list[Reader] = []
"""Whatever a test has made; its files are closed at the test's end."""


class Reader:
    """Follows `folder/*.log` and keeps what was read by file name; time moves a second a turn."""

    def __init__(self, *patterns: str, beginning: bool = True, state: list[dict[str, object]] | None = None) -> None:
        self.errors: Counter[str] = Counter()
        self.follower = Follower(patterns, from_beginning=beginning, errors=self.errors)
        if state is not None:
            self.follower.restore(state)
        self.now = 100.0
        self.events: list[str] = []
        MADE.append(self)

    def turn(self, seconds: float = 1.0) -> bytes:
        """All bytes of the turn, in order."""
        self.now += seconds
        found = b""
        for event in self.follower.turn(self.now):
            self.events.append(event.kind)
            found += event.data
            if event.kind in ("line", "cut", "ended"):
                event.file.end_line()
        return found

    def again(self, *patterns: str) -> Reader:
        """The next life, after a kill: what was saved is what `state` gave last."""
        state = self.follower.state()
        self.follower.close()
        return Reader(*patterns, state=state)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)
