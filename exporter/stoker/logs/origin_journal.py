"""The systemd journal: a stream for each unit and process, each entry with its own time."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from stoker.logs.origin import Origin
from stoker.logs.streams import Streams
from stoker.sources.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.config.settings import JournalSettings
    from stoker.logs.origin import Intake

_KERNEL = "kernel"
"""The identifier under which the journal has what the kernel says."""


class SystemJournal(Origin):
    """See the module.

    Args:
        intake: of the source.
        settings: of this kind.
    """

    def __init__(self, intake: Intake, settings: JournalSettings) -> None:
        units = tuple(map(str, settings.units))
        # journalctl looks up which units a pattern means when it starts, and fails when there are none
        self._patterns = units if any(mark in unit for unit in units for mark in "*?[") else ()
        arguments = [] if self._patterns else [f"--unit={unit}" for unit in units]
        arguments += [f"--identifier={name}" for name in settings.identifiers]
        arguments += [f"--directory={settings.directory}"] if settings.directory is not None else []
        beginning = intake.settings.from_ == "beginning"
        self._journal = Journal(arguments, from_beginning=beginning, clock=intake.clock)
        self._streams = Streams(intake.limits.streams_per_source)
        self._counted = (0, 0)

    @property
    def settled(self) -> bool:  # type: ignore[override]
        """See Origin."""
        return self._journal.found

    def turn(self, intake: Intake, steady: float, stopping: Callable[[], bool]) -> None:
        """See Origin."""
        try:
            for entry, old in self._journal.turn(steady):
                self.opened = 1  # the position is known from now on
                self.mark += 1
                if not self._wanted(entry.writer):
                    continue
                writer = entry.writer or str(intake.settings.name)
                key = (entry.host, writer, entry.process)
                reading = self._streams.reading(intake, key, f"{entry.host}/{writer}", entry.host)
                if entry.text is None:
                    intake.lose("too_long", not old)
                else:
                    # of the kernel as dmesg prints it: how far reports are apart tells whether they are about the same event
                    head = b"[%12.6f] " % (entry.uptime / 1e6) if entry.writer == _KERNEL and entry.uptime else b""
                    intake.record(reading, b"%b%b\n" % (head, entry.text), entry.when / 1e6, old)
                if stopping():
                    break
            self.behind = self._journal.behind
        finally:
            lost, unreadable = self._journal.lost, self._journal.unreadable
            intake.lose("overwritten", lost - self._counted[0])
            intake.lose("unreadable", unreadable - self._counted[1])
            self._counted = (lost, unreadable)

    def _wanted(self, writer: str) -> bool:
        """Whether the unit is one of those that are asked for, where journalctl cannot tell."""
        names = (writer, writer.removesuffix(".service"))
        return not self._patterns or any(fnmatchcase(name, each) for each in self._patterns for name in names)

    def state(self) -> dict[str, Any]:
        """See Origin."""
        return {"journal": self._journal.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Origin."""
        if state.get("journal"):
            self._journal.restore(state["journal"])

    def close(self) -> None:
        """See Origin."""
        self._journal.close()
