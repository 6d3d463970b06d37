r"""Splits the bytes of a log into lines: the same lines whatever the blocks in which the bytes come.

`\n` ends a line and so do `\r` and backspaces, since progress bars redraw with them; the number of a line counts `\n` only.
Worst case: a line without end costs `line_length` bytes of memory and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

# colours, cursor moves, window titles, other control characters but the tab
_ESCAPES = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|[\x00-\x08\x0b-\x1f\x7f]"
)
_ENDS = re.compile(rb"\n|[\r\x08]")


class Line(NamedTuple):
    """A line without its end, colours and control characters.

    Attributes:
        number: of the physical line, from 1.
        text: the line.
    """

    number: int
    text: str


class Splitter:
    """Bytes in, lines out.

    Args:
        line_length: bytes after which a line is cut; what follows up to its end is dropped and counted.
    """

    def __init__(self, line_length: int) -> None:
        self._most = line_length
        self._rest = b""
        self._dropped = 0
        self._number = 1
        self.errors: Counter[str] = Counter()

    def feed(self, data: bytes) -> list[Line]:
        """The lines that end in `data`."""
        lines = []
        start = 0
        for match in _ENDS.finditer(data):
            end = match.start()
            line = self._line(data[start:end])
            if line is not None:
                lines.append(line)
            if match[0] == b"\n":
                self._number += 1
            start = match.end()
        self._keep(data[start:])
        return lines

    def flush(self) -> list[Line]:
        """The last line, when nothing ended it."""
        line = self._line(b"")
        return [line] if line is not None else []

    def _keep(self, piece: bytes) -> None:
        room = self._most - len(self._rest)
        self._rest += piece[: max(0, room)]
        self._dropped += max(0, len(piece) - max(0, room))

    def _line(self, piece: bytes) -> Line | None:
        self._keep(piece)
        raw, dropped = self._rest, self._dropped
        self._rest, self._dropped = b"", 0
        if dropped:
            self.errors["too_long"] += 1
        if not raw:
            return None
        if b"\0" in raw:
            self.errors["nul"] += 1
            raw = raw.replace(b"\0", b"")
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            # a character cut in two by the size limit is no fault of the writer
            if not dropped or error.start < len(raw) - 4:
                self.errors["decode"] += 1
            text = raw.decode("utf-8", "replace")
        if not text.isprintable():
            text = _ESCAPES.sub("", text)
        return Line(self._number, text) if text.strip() else None
