"""Turns the bytes of one stream into observations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING

from stoker.logs.lines import Line, Splitter, cleaned
from stoker.logs.literals import FAR
from stoker.logs.meaning import Meaning
from stoker.logs.pieces import Pieces
from stoker.logs.prefixes import bare
from stoker.logs.quoting import quoted, spoken
from stoker.logs.readers import OF_RECORDS, READERS
from stoker.logs.times import LineTime
from stoker.logs.unwrap import messages, unglue, unwrap
from stoker.logs.walk import Walk
from stoker.logs.ways import beside

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import tzinfo

    from stoker.logs.blocks import Scanner
    from stoker.logs.finding import Reader
    from stoker.logs.formats import CompiledFormat, CompiledFormats, CompiledPattern
    from stoker.metrics import Observation

_STEPS = frozenset({"stoker_train_step", "stoker_train_steps"})
_DEEP = 3
"""Messages within messages: an application's record in the one of its container in the one of an agent."""
_PIECES = -1
"""Among the places of readers that are awake: a line that has begun and not ended."""
_Record = tuple[str, str, "Sequence[int]"]
"""Rank, text without prefixes, the ways worth trying."""


@dataclass(slots=True)
class LineStats:
    """What was read so far.

    Attributes:
        lines: not empty ones.
        bytes: all of them.
        matched: lines that gave something, by format; `none` for the rest.
        errors: by reason.
    """

    lines: int = 0
    bytes: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Interpreter:
    """One stream of a log.

    Args:
        formats: what its lines may be.
        line_length: bytes after which a line is cut.
        timezone: of times that name none; the machine's when None.
        clock: seconds since the epoch.
        on_unread: called with each line that no format understood.
        on_read: called with each other line, when `on_unread` is given too: its text, the format, whether it gave something.
    """

    def __init__(
        self,
        formats: CompiledFormats,
        *,
        line_length: int,
        timezone: tzinfo | None,
        clock: Callable[[], float],
        on_unread: Callable[[str], None] | None = None,
        on_read: Callable[[str, str, bool], None] | None = None,
    ) -> None:
        self._formats = formats
        self._splitter = Splitter(line_length)
        self._readers: dict[int, Reader] = {
            place: READERS[each.reader](each.keys) for place, each in enumerate(formats.formats) if each.reader
        }
        self._ways = formats.ways.all
        self._way_of_reader = formats.ways.readers
        self._quick = formats.ways.quick
        self._beside = [beside(each) for each in formats.formats]
        self._scanner: Scanner | None = formats.ways.scanner
        self._ways_of = formats.ways.matcher.scan if self._scanner is None else self._scanner.ways
        self.stats = LineStats(errors=self._splitter.errors)
        self._pieces = Pieces(line_length, self.stats.errors)
        self._meaning = Meaning(formats.descs, timezone, clock, self.stats.errors)
        self._losses = False
        self._zone = timezone
        self._clock = clock
        self._on_unread = on_unread
        self._on_read = on_read
        self._unread: list[Line] = []
        self._awake: set[int] = set()
        self._depth: dict[int, int] = {}

    @property
    def context(self) -> str:
        """The kind of what was understood last, `training` or `inference`; empty before."""
        return self._meaning.context

    def feed(self, data: bytes) -> list[Observation]:
        """What the lines that end in `data` say."""
        self.stats.bytes += len(data)
        redrawn = self._on_unread is not None and (b"\r" in data or b"\b" in data)
        if self._scanner is not None and not redrawn:
            block = self._splitter.take(data)
            if block is not None:
                return self._block(self._scanner, block)
        return self._lines(self._splitter.feed(data))

    def flush(self) -> list[Observation]:
        """What a last line without end says, and one of which the last piece is missing."""
        found = self._lines(self._splitter.flush())
        for line in self._pieces.flush():
            self.stats.matched["none"] -= 1  # as which its pieces were counted
            found += self._line(line, self._records(line, unglue(line.text), None))
        self._awake.discard(_PIECES)
        return found

    def recalled(self) -> None:
        """What was fed until now is what an earlier life has read: context for what follows."""
        self._meaning.recalled()

    def _joined(self, line: Line) -> Line | None:
        """The line with the pieces that came before it; None for a piece that others follow."""
        joined = self._pieces.add(line)
        (self._awake.add if self._pieces.pending else self._awake.discard)(_PIECES)
        return joined

    def _block(self, scanner: Scanner, block: bytes) -> list[Observation]:
        """What a block of whole lines says: only those are looked at that the scanner hits, or that follow a record's beginning."""
        hits = scanner.scan(block)
        if not hits.clean:
            block = cleaned(block)
            hits = scanner.scan(block)
        found: list[Observation] = []
        walk = Walk(block, hits, scanner.glued, scanner.escaped, self._splitter.number)
        meaning, matched, all_ways, quick = self._meaning, self.stats.matched, self._ways, self._quick
        incidents = meaning.incidents
        before, looked = incidents.lines, 0
        first, seen = self._splitter.number, None if self._on_unread is None else set[int]()
        for line, ways, two in walk.steps(self._awake):
            looked += 1
            if seen is not None:
                seen.add(line.number)
            incidents.lines = before + walk.lines + 1
            if ways is None or two or _PIECES in self._awake:
                found += self._uncommon(line, ways)
                continue
            rank, text = unwrap(line.text)
            if ways and not self._awake and (sole := quick[ways[0]]) is not None:
                # what most lines are: the same as below with everything left out that cannot matter
                pattern, each, place = sole
                if len(ways) == 1 or all_ways[ways[1]].format != place:
                    match = pattern.find(text)
                    if match is not None and not (match.start() and quoted(text, match.start())):
                        said = meaning.matched(pattern, match, line, rank, each.name)
                        if said:
                            found += said
                            meaning.context = each.kind
                        matched[each.name if said else "none"] += 1
                        if self._on_read is not None:
                            self._on_read(line.text, each.name, bool(said))
                        continue
            said, name = self._read(line, rank, text, ways)
            found += said
            matched[name] += 1
        self._splitter.number = walk.number
        self.stats.lines += walk.lines
        incidents.lines = before + walk.lines
        matched["none"] += walk.lines - looked
        if seen is not None:
            texts = enumerate(block.decode().split("\n"), first)
            self._unread += (Line(number, text) for number, text in texts if number not in seen and text.strip(" \t"))
            self._tell_unread()
        return found

    def _uncommon(self, line: Line, ways: Sequence[int] | None) -> list[Observation]:
        """What a line says that may be a piece of one, or two records, or not what the block shows."""
        if ways is None or _PIECES in self._awake:
            joined = self._joined(line)
            if joined is None:
                self.stats.matched["none"] += 1
                return []
            if joined is not line:
                line, ways = joined, None
        return self._line(line, self._records(line, unglue(line.text), ways))

    def _tell_unread(self) -> None:
        """Tell the lines that no format understood, in their order."""
        if self._on_unread is not None:
            for line in sorted(self._unread, key=itemgetter(0)):
                self._on_unread(line.text)
        self._unread.clear()

    def _lines(self, lines: list[Line]) -> list[Observation]:
        """The same for lines that are looked at one by one."""
        incidents = self._meaning.incidents
        before = incidents.lines
        whole = [(number, joined) for number, line in enumerate(lines, 1) if (joined := self._joined(line)) is not None]
        parts = [[unwrap(text) for text in unglue(line.text) or (line.text,)] for _, line in whole]
        ways = iter(self._ways_of([text for part in parts for _, text in part]))
        found: list[Observation] = []
        for (number, line), part in zip(whole, parts, strict=True):
            incidents.lines = before + number
            found += self._line(line, [(rank, text, next(ways)) for rank, text in part])
        incidents.lines = before + len(lines)
        self.stats.lines += len(lines)
        self.stats.matched["none"] += len(lines) - len(whole)
        self._tell_unread()
        return found

    def _records(self, line: Line, parts: list[str] | None, ways: Sequence[int] | None) -> list[_Record]:
        """The records of a line that was hit; which ways are worth trying has to be looked up where the block could not tell."""
        unwrapped = [unwrap(text) for text in parts or (line.text,)]
        if ways is not None:
            return [(rank, text, ways) for rank, text in unwrapped]
        return [(rank, text, self._ways_of([text])[0]) for rank, text in unwrapped]

    def _line(self, line: Line, records: list[_Record]) -> list[Observation]:
        found: list[Observation] = []
        name = "none"
        for rank, text, ways in records:
            said, reader = self._read(line, rank, text, ways)
            found += said
            if name == "none":
                name = reader
        self.stats.matched[name] += 1  # two records on one line are one line
        return found

    def _read(self, line: Line, rank: str, text: str, ways: Sequence[int]) -> tuple[list[Observation], str]:
        """(observations, the format that gave them or `none`)."""
        found, name, claimed = self._told(line, rank, text, ways, _DEEP)
        if claimed and self._on_read is not None:
            self._on_read(line.text, name, bool(found))
        elif not claimed and self._on_unread is not None:
            self._unread.append(line)
        return found, name if found else "none"

    def _told(
        self, line: Line, rank: str, text: str, ways: Sequence[int], deep: int
    ) -> tuple[list[Observation], str, bool]:
        """(observations, the format's name, whether a format took it for its own) of a text, or of the message in it, `deep` times."""
        found, name, claimed = self._record(line, rank, text, ways)
        if claimed or not deep:
            return found, name, claimed
        parts = [unwrap(part) for message in _inner(text) for part in unglue(message) or (message,)]
        scanned = self._ways_of([part for _, part in parts]) if parts else []
        for (who, part), those in zip(parts, scanned, strict=True):
            more, other, own = self._told(line, who or rank, part, those, deep - 1)
            found += more
            name, claimed = (other if more else name), claimed or own
        return found, name, claimed

    def _record(self, line: Line, rank: str, text: str, ways: Sequence[int]) -> tuple[list[Observation], str, bool]:
        """The same of the text alone."""
        if self._awake:
            ways = sorted({*ways, *(self._way_of_reader[place] for place in self._awake if place != _PIECES)})
        index, count = 0, len(ways)
        record = text.startswith('{"')  # what it says in words stands in its message, which is looked at by itself
        behind: list[tuple[str, str]] | None = None
        while index < count:
            place, first = self._ways[ways[index]].format, index  # the first format is the most specific one
            index += 1
            while index < count and self._ways[ways[index]].format == place:
                index += 1
            each = self._formats.formats[place]
            if each.guess and (record or self._meaning.context == "inference"):
                continue
            if record and each.reader and (each.reader not in OF_RECORDS or place in self._awake):
                continue
            got = self._try(place, each, line, text, rank, ways[first:index]) if place not in self._depth else None
            if got is None and not record:  # a logger of the user's may stand before what the format knows
                behind = [unwrap(message) for message in bare(text)] if behind is None else behind
                got = self._behind(place, each, line, [*behind, (rank, text)], rank, ways[first:index])
            if each.reader:
                (self._awake.add if self._readers[place].awake else self._awake.discard)(place)
            if got is None:
                continue
            if each.echo and self._losses:
                got = [made for made in got if made.metric in _STEPS]
            elif each.losses and not self._losses:
                self._losses = any(made.metric == "stoker_train_loss" for made in got)
            if got and each.kind in ("training", "inference") and not each.guess:
                self._meaning.context = each.kind
            return got, each.name, True
        return [], "none", False

    def _behind(
        self,
        place: int,
        each: CompiledFormat,
        line: Line,
        messages: list[tuple[str, str]],
        rank: str,
        ways: Sequence[int],
    ) -> list[Observation] | None:
        """The same for what stands behind a prefix: ranks and texts, the whole line as the last of them.

        A reader that wakes there is given its next lines from the same depth.
        """
        reader = self._readers.get(place)
        depth = self._depth.pop(place, None)
        last = len(messages) - 1
        for number in range(last) if depth is None else (min(depth, last),):
            asleep = reader is not None and not reader.awake
            who, message = messages[number]
            got = self._try(place, each, line, message, who or rank, ways)
            if reader is not None and reader.awake and (asleep or depth is not None):
                self._depth[place] = number if depth is None else depth
                return got
            if got is not None:
                return got
        return None

    def _try(
        self, place: int, each: CompiledFormat, line: Line, text: str, rank: str, ways: Sequence[int]
    ) -> list[Observation] | None:
        """Observations of a format, None when the line is not its own."""
        if each.when is not None and not each.when.search(text, 0, FAR):
            return None
        if each.reader and self._ways[ways[0]].pattern is None:
            try:
                findings = self._readers[place].read(line, text, rank)
            except (ValueError, OverflowError):  # a number with hundreds of digits is one for no float
                self.stats.errors["unparsable"] += 1
                findings = []
            if findings is not None:
                form = "kernel" if each.kind == "kernel" else "start"
                own = bool(findings) and findings[0].line == line.number
                moment = LineTime(line.text, form, self._zone, self._clock) if own else None
                return self._meaning.findings(findings, rank, each.name, moment)
        found: list[Observation] = []
        matched = False
        for number in ways:
            if (pattern := self._ways[number].pattern) is not None:
                said = self._matched(pattern, each, line, text, rank)
                matched = matched or said is not None
                found += said or ()
        for pattern in self._beside[place] if matched else ():
            if not pattern.literals or any(literal in text for literal in pattern.literals):
                found += self._matched(pattern, each, line, text, rank) or ()
        return found if matched else None

    def _matched(
        self, pattern: CompiledPattern, each: CompiledFormat, line: Line, text: str, rank: str
    ) -> list[Observation] | None:
        """What a pattern says of a line, None when it does not match."""
        match = pattern.find(text)
        if match is None or (match.start() and quoted(text, match.start())):
            return None
        if each.guess and spoken(text, match.start()):
            return None
        return self._meaning.matched(pattern, match, line, rank, each.name)


def _inner(text: str) -> list[str]:
    """The lines inside the message of a JSON or logfmt line, behind a prefix as well."""
    found = list(messages(text))
    if not found and ("{" in text or '="' in text):
        found = next((inner for each in bare(text) if (inner := list(messages(each)))), [])
    return found
