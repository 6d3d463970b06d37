"""What a source has read: totals over all its lives, and one stream being read."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stoker.logs.state import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.logs.interpreter import Interpreter, LineStats
    from stoker.logs.store_stream import Stream


@dataclass(slots=True)
class Totals:
    """What a source has read since its first start.

    Attributes:
        lines, bytes: read; bytes of a line that has not ended are not among them.
        matched: lines by format.
        errors: by reason.
        rotations, truncations: of files.
        last_line: when a line was last read.
    """

    lines: int = 0
    bytes: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    rotations: int = 0
    truncations: int = 0
    last_line: float | None = None

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.lines, self.bytes = int(state["lines"]), int(state["bytes"])
        self.matched.update({str(name): int(count) for name, count in state["matched"].items()})
        self.errors.update({str(name): int(count) for name, count in state["errors"].items()})
        self.rotations, self.truncations = int(state["rotations"]), int(state["truncations"])
        self.last_line = None if state["last_line"] is None else finite(state["last_line"])


class StreamReading:
    """One stream being read: its interpreter, its labels, and how much of its statistics is counted."""

    def __init__(self, stream: Stream, make: Callable[[], Interpreter]) -> None:
        self.stream = stream
        self._make = make
        self.begin()

    def begin(self) -> None:
        """With an interpreter that has seen nothing."""
        self.interpreter = self._make()
        self.forget()

    def forget(self) -> None:
        """What was read so far is not counted."""
        self._lines = self.interpreter.stats.lines
        self._matched = dict(self.interpreter.stats.matched)
        self._errors = dict(self.interpreter.stats.errors)

    def count(self, totals: Totals) -> int:
        """Add what was read since the last call to the totals; the number of lines."""
        stats: LineStats = self.interpreter.stats
        lines, self._lines = stats.lines - self._lines, stats.lines
        totals.lines += lines
        _grow(totals.matched, stats.matched, self._matched)
        _grow(totals.errors, stats.errors, self._errors)
        return lines


def _grow(totals: Counter[str], counts: Counter[str], before: dict[str, int]) -> None:
    """Add what came since the counts were as `before` says, and note it there."""
    for name, count in counts.items():
        grown = count - before.get(name, 0)
        if grown:
            totals[name] += grown
            before[name] = count
