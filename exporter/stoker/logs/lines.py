r"""Splits the bytes of a log into lines: the same lines whatever the blocks in which the bytes come.

`\n` ends a line and so do `\r` and backspaces, since progress bars redraw with them; the number of a line counts `\n` only.
Worst case: a line without end costs `line_length` bytes of memory and no more.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

# colours, cursor moves, window titles, other control characters but the tab and what ends a line
_CONTROL = r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b\n\r\x08]*(?:\x07|\x1b\\)?|\x1b[@-Z\\-_]|[\x00-\x07\x0b\x0c\x0e-\x1f\x7f]"
_ESCAPES = re.compile(_CONTROL)
_ESCAPES_IN_BYTES = re.compile(_CONTROL.encode())
_ENDS = re.compile(rb"\n|[\r\x08]")
# colon, comma, equals sign, brackets and per cent as a Chinese keyboard types them
_WIDE = {"\uff1a": ":", "\uff0c": ", ", "\uff1d": "=", "\uff08": "(", "\uff09": ")", "\uff05": "%"}
_GB = re.compile(rb"(?:[\x00-\x7f]++|[\xa1-\xf7][\xa1-\xfe])*+")
"""Chinese as GB 2312 and its successors write the usual characters: in pairs of bytes, which no Western text has throughout."""
_WIDE_TEXT = str.maketrans(_WIDE)
_ANY_WIDE = re.compile(f"[{''.join(_WIDE)}]")


class Line(NamedTuple):
    """A line without its end, colours and control characters.

    Attributes:
        number: of the physical line, from 1.
        text: the line, with narrow punctuation in place of wide one.
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
        self.number = 1
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
                self.number += 1
            start = match.end()
        self._keep(data[start:])
        return lines

    def take(self, data: bytes) -> bytes | None:
        """The lines that end in `data` as one block, without control characters; None when they need `feed` because of something in them.

        Whoever takes a block counts its lines in `number`.
        """
        end = last_end(data)
        if not end or self._dropped or len(data) - end > self._most:
            return None
        block = b"".join((self._rest, memoryview(data)[:end])) if self._rest or end < len(data) else data
        if b"\0" in block or self._has_long(block) or not _is_text(block):
            return None
        self._rest = data[end:]
        return block

    def _has_long(self, block: bytes) -> bool:
        most, start = self._most, 0
        while len(block) - start > most:
            start = max(block.rfind(end, start, start + most + 1) for end in (b"\n", b"\r", b"\b")) + 1
            if not start:
                return True
        return False

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
        text = plain(self._text(raw, cut=bool(dropped)))
        return Line(self.number, text) if text.strip(" \t") else None

    def _text(self, raw: bytes, *, cut: bool) -> str:
        if b"\0" in raw:
            if (wide := _utf16(raw)) is not None:
                return wide
            self.errors["nul"] += 1
            raw = raw.replace(b"\0", b"")
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            if _GB.fullmatch(raw) is not None:
                return raw.decode("gb18030", "replace")
            # a character cut in two by the size limit is no fault of the writer
            if not cut or error.start < len(raw) - 4:
                self.errors["decode"] += 1
            return raw.decode("utf-8", "replace")


def _utf16(raw: bytes) -> str | None:
    """A line of UTF-16 in the order of bytes that Windows uses, as PowerShell's `>` writes it; None for any other.

    Line ends are sought as bytes, so that the zero byte of one stands at the beginning of the next line; a character with the
    byte of a line end in it cuts the line. Latin letters and digits make every other byte a zero byte.
    """
    text = raw.removeprefix(b"\xff\xfe").removeprefix(b"\0")
    zeros = text.count(0)
    if len(text) % 2 or b"\0\0" in text or text[1::2].count(0) != zeros or 4 * zeros < len(text):
        return None
    try:
        return text.decode("utf-16-le")
    except UnicodeDecodeError:
        return None


def last_end(data: bytes) -> int:
    """Where what the last line's end leaves over begins; 0 when no line ends."""
    end = data.rfind(b"\n") + 1
    return max(end, data.rfind(b"\r", end) + 1, data.rfind(b"\b", end) + 1)


def plain(text: str) -> str:
    """The text without colours and control characters, and with narrow punctuation."""
    if not text.isascii() and _ANY_WIDE.search(text) is not None:
        text = text.translate(_WIDE_TEXT)
    return text if text.isprintable() else _ESCAPES.sub("", text)


def cleaned(block: bytes) -> bytes:
    """The same for lines with their ends."""
    for wide, narrow in _WIDE.items():
        block = block.replace(wide.encode(), narrow.encode())
    return _ESCAPES_IN_BYTES.sub(b"", block)


def _is_text(block: bytes) -> bool:
    if block.isascii():
        return True
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True
