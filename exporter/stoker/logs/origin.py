"""What a kind of source has to do, and what it is given to do it with: the seam between a Source and where its bytes come from.

One module a kind, `origin_<kind>.py`, and a row in `origins.py`. An origin opens what it reads, gives blocks or records in a turn, says
what it lost and keeps its position. It knows no formats and no series.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stoker.config.settings import Limits, SourceSettings
from stoker.logs.engine_totals import StreamReading
from stoker.metrics import Observation


@dataclass(frozen=True, slots=True)
class Intake:
    """Where an origin's bytes go; everything in it is for the engine's thread alone.

    Attributes:
        settings: of the source.
        limits: bounds.
        host: of this machine.
        clock: seconds since the epoch.
        open: begins a stream: what its name stands for (a path, for templates), the host that wrote it (empty for this one), and
            whether what comes is the log from its very beginning.
        feed: takes a block of a stream, in which the last line need not end, and the time of lines that name none (None: that of
            reading).
        record: takes whole lines of a stream, their time whatever they name, and whether an earlier life has counted them already.
        flush: says that the last line of a stream has ended.
        lose: counts what could not be used, by reason.
        say: takes observations that no line makes, each with the name of the log that it is about.
        recall: takes whole lines that stand before where the reading of a stream begins: context for what follows.
        wake: tells the engine that something has come that should not wait for its next look; any thread may.
    """

    settings: SourceSettings
    limits: Limits
    host: str
    clock: Callable[[], float]
    open: Callable[[str, str, bool], StreamReading]
    feed: Callable[[StreamReading, bytes, float | None], None]
    record: Callable[[StreamReading, bytes, float | None, bool], None]
    flush: Callable[[StreamReading], None]
    lose: Callable[[str, int], None]
    say: Callable[[Iterable[tuple[str, Observation]]], None]
    recall: Callable[[StreamReading, bytes], None]
    wake: Callable[[], None]


class Origin(ABC):
    """Where a source's bytes come from.

    Attributes:
        behind: whether there was more to read than the last turn allowed.
        pushed: whether others push to it, so that it asks for a turn when something has come.
        every: seconds between two looks, when nothing was left to read.
        files: followed now; a pipe, a device or a listening socket that is open counts as one.
        opened: files that were ever opened in this life; a new one is saved at once.
        lag: bytes that are there and not read.
        partial: of the bytes given, those of lines that have not ended; they are given again after a restart.
        rotations, truncations: of files, in this life.
        mark: a number that changes with its position where nothing that is counted does.
        waiting: whether what was given is to be saved soon: somebody waits for that, or it is not shown and gone after a kill.
        again: whether the next life can read again what this one has read and not saved.
        settled: whether it has come, after a restart, to where the life before may have been.
    """

    behind = False
    pushed = False
    every = 1.0
    files = 1
    opened = 0
    lag = 0
    partial = 0
    rotations = 0
    truncations = 0
    mark = 0
    waiting = False
    again = True
    settled = True

    @abstractmethod
    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:
        """Give what is there, within bounds.

        Args:
            intake: takes it.
            steady: seconds of a steady clock.
            stopping: asked between two blocks; the rest is left for the next life.

        Raises:
            UnavailableError: when what it reads is not on this machine, or not for us.
            SourceError: when it cannot be read.
        """

    def state(self) -> dict[str, Any]:
        """Its position, as plain values; saved with everything that it gave."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: B027 - most kinds have nothing to do
        """Take over what `state` gave; keys may be missing."""

    def saved(self) -> None:
        """What was given before is saved."""
        self.waiting = False

    def close(self) -> None:  # noqa: B027 - most kinds have nothing to do
        """Let go of files, sockets and programs."""
