"""Joins what container runtimes cut: a long line comes in pieces, each a line of its own in the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.logs.lines import Line

if TYPE_CHECKING:
    from collections import Counter

# CRI (containerd, CRI-O): 2026-01-23T06:33:37.123456789Z stdout P the first piece, and F with the last one
_CRI = re.compile(
    r"(?P<head>\d{4}-\d\d-\d\dT[\d:.]{8,20}(?:Z|[+-]\d\d:\d\d) )(?P<stream>stdout|stderr) (?P<tag>[FP])(?::\w+)* (?P<text>.*)"
)
# Docker's json-file: {"log":"the first piece","stream":"stdout","time":"..."}, and a line end in the text with the last one
_DOCKER = re.compile(r'\{"log":"(?P<text>(?:[^"\\]|\\.)*)","stream":"(?P<stream>stdout|stderr)"(?P<tail>.*)')
_STREAM = slice(20, 50)


class _Piece(NamedTuple):
    """A piece of a line: its stream, its text, whether it is the last one, and what stands around the text."""

    stream: str
    text: str
    last: bool
    before: str
    after: str


class Pieces:
    """The pieces of one file.

    Args:
        most: characters of a joined line; what goes beyond is dropped and counted.
        errors: counts it.
    """

    def __init__(self, most: int, errors: Counter[str]) -> None:
        self._most = most
        self._errors = errors
        self._held: dict[str, Line] = {}
        self._cut: set[str] = set()

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held)

    def add(self, line: Line) -> Line | None:
        """The line, joined with the pieces before it; None for a piece that others follow."""
        piece = _piece(line.text)
        if piece is None:
            return line
        held = self._held.get(piece.stream)
        if held is None and piece.last:
            return line
        number, text = held or Line(line.number, "")
        if len(text) + len(piece.text) > self._most and piece.stream not in self._cut:
            self._cut.add(piece.stream)
            self._errors["too_long"] += 1
        text = (text + piece.text)[: self._most] if piece.stream not in self._cut else text
        if not piece.last:
            self._held[piece.stream] = Line(number, text)
            return None
        self._held.pop(piece.stream, None)
        self._cut.discard(piece.stream)
        return Line(number, piece.before + text + piece.after)

    def flush(self) -> list[Line]:
        """What was begun, when nothing follows."""
        lines = list(self._held.values())
        self._held.clear()
        self._cut.clear()
        return lines


def _piece(text: str) -> _Piece | None:
    """What a runtime says of the line; None for every other line."""
    if text.startswith('{"log":"'):
        match = _DOCKER.fullmatch(text)
        if match is None:
            return None
        inner = match["text"]
        backslashes = len(inner[:-1]) - len(inner[:-1].rstrip("\\"))
        last = inner.endswith("n") and backslashes % 2 == 1
        return _Piece(match["stream"], inner, last, '{"log":"', f'","stream":"{match["stream"]}"{match["tail"]}')
    if text[10:11] == "T" and " std" in text[_STREAM]:
        match = _CRI.fullmatch(text)
        if match is None:
            return None
        return _Piece(match["stream"], match["text"], match["tag"] == "F", f"{match['head']}{match['stream']} F ", "")
    return None
