"""Reads the systemd journal through journalctl: each entry once, also after a restart, with what came before for the context.

The position is the cursor of the last entry. It is kept with the cursor of an entry some way before: reading begins there, and what lies
between both is known already. Where the position does not show up, entries were removed before they were read; that is counted, and
reading goes on with what is there.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.errors import SourceError
from stoker.sources.journal_entry import FIELDS, Entry, parse
from stoker.sources.journal_program import Journalctl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_CONTEXT = 256
"""Entries before the position that are read again after a restart."""
_AGAIN = 10.0
"""Seconds until a program that ended is started again."""


class Read(NamedTuple):
    """An entry, and whether an earlier life has read it already."""

    entry: Entry
    old: bool


class Journal:
    """See the module.

    Attributes:
        behind: whether there was more to read than the last turn allowed.
        lost: times that entries were removed before they were read.
        unreadable: entries without a message that can be read: too long, or no text.

    Args:
        arguments: of journalctl: which entries and where the journal is.
        from_beginning: whether what is older than the first start is read.
        clock: seconds since the epoch.
    """

    def __init__(
        self, arguments: Sequence[str], *, from_beginning: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self._arguments = list(arguments)
        self._from_beginning = from_beginning
        self._clock = clock
        self._program: Journalctl | None = None
        self._not_before = 0.0
        self._failure: SourceError | None = None
        self._cursors: deque[str] = deque(maxlen=_CONTEXT)
        self._position = ""
        self._when = 0
        self._known: dict[str, Any] | None = None
        self._passed = 0
        self._began = 0
        self._seekable = True
        self.behind = False
        self.lost = 0
        self.unreadable = 0

    @property
    def found(self) -> bool:
        """Whether the position of the life before, where there is one, was come to again."""
        return self._known is None

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on after the entry that was the last."""
        known = {name: state[name] for name in ("position", "when", "context", "count", "arguments")}
        if known["arguments"] != self._arguments:  # other entries lie between
            known |= {"context": known["position"], "count": 0, "arguments": self._arguments}
        self._position, self._when = str(known["position"]), int(known["when"])
        self._known = known

    def state(self) -> dict[str, Any]:
        """The position, as plain values; empty before the first entry."""
        if self._known is not None or not self._position:
            return self._known or {}
        return {
            "position": self._position,
            "when": self._when,
            "context": self._cursors[0],
            "count": len(self._cursors) - 1,
            "arguments": self._arguments,
        }

    def turn(self, steady: float) -> Iterator[Read]:
        """The entries that are there now.

        Args:
            steady: seconds of a steady clock.

        Raises:
            UnavailableError: when there is no journalctl.
            SourceError: when it has ended; it is started again after ten seconds.
        """
        self.behind = False
        if self._program is None and self._failure is not None and steady < self._not_before:
            raise self._failure
        whole = False
        try:
            if self._program is None:
                self._not_before = steady + _AGAIN
                self._program = self._start()
            for line in self._program.lines():
                entry = parse(line)
                if entry is None:
                    self.unreadable += 1
                else:
                    yield Read(entry, self._old(entry))
            self.unreadable += self._program.too_long
            self._program.too_long = 0
            self.behind = self._program.behind
            self._failure, whole = None, True
        except SourceError as error:
            self._failure = error
            if self._seekable and self._known is not None and "cursor" in str(error):
                self._seekable = False
                self.lost += 1
            raise
        finally:
            if not whole:  # what was printed and not taken is printed again
                self.close()

    def _start(self) -> Journalctl:
        fields = f"--output-fields={','.join(FIELDS)}"
        if not self._position:
            self._began = self._began or int(self._clock() * 1e6)
            # the last entry that is there already is the first position
            first = ["--no-tail"] if self._from_beginning else ["--lines=1"]
            return Journalctl([fields, *first, *self._arguments])
        self._known = self.state()
        self._passed = 0
        self._cursors.clear()
        self._cursors.append(self._known["context"])
        place = f"--after-cursor={self._cursors[0]}" if self._seekable else f"--since=@{self._when // 1_000_000}"
        return Journalctl([fields, "--no-tail", place, *self._arguments])

    def _old(self, entry: Entry) -> bool:
        """Whether the entry was read before; takes note of its place."""
        old = self._known is not None and self._before(entry, self._known)
        if old:
            self._cursors.append(entry.cursor)
            if entry.cursor == self._position:
                self._known = None
            return True
        if self._known is not None:
            self._known, self._seekable = None, True
        first = not self._position
        self._cursors.append(entry.cursor)
        self._position, self._when = entry.cursor, entry.when
        return first and not self._from_beginning and entry.when <= self._began

    def _before(self, entry: Entry, known: Mapping[str, Any]) -> bool:
        """Whether an entry that is printed again is the position or lies before it.

        The oldest entries are removed first: where the first one after the context is newer than the position, both are gone.
        """
        self._passed += 1
        if not self._seekable:
            return entry.when <= self._when
        if self._passed > known["count"] or (self._passed == 1 and entry.when > self._when):
            self.lost += known["count"] > 0
            return False
        return True

    def close(self) -> None:
        """End the program; the position stays."""
        if self._program is not None:
            self._program.close()
            self._program = None
