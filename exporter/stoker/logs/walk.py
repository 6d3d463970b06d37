"""Walks through a block of whole lines from one that was hit to the next, keeping count of those between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.logs.blocks import SHIFT
from stoker.logs.lines import Line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from stoker.logs.blocks import Hits

_NUMBER = (1 << SHIFT) - 1
_ENDS = re.compile(rb"[\n\r\x08]")
_MANY, _PROBE, _SHORT_LINES = 2048, 512, 8
"""Bytes worth a look at how long the lines are, bytes of that look, and how many lines in it are too many."""
_line = tuple.__new__
"""Makes a Line in half the time that its own constructor takes."""


class Walk:
    """See the module.

    Attributes:
        number: of the physical line at which the walk is.
        lines: that were passed so far, without this one, blank ones left out.

    Args:
        block: lines with their ends.
        hits: what the scanner found in it.
        glued, escaped: see Hits.
        number: of its first line.
    """

    def __init__(self, block: bytes, hits: Hits, glued: int, escaped: int, number: int) -> None:
        self.number = number
        self.lines = 0
        self._block = block
        self._plain = b"\r" not in block and b"\b" not in block
        self._hits = hits.found
        self._blanks = hits.blanks
        self._blank = 0
        self._glued = glued
        self._escaped = escaped
        self._counted = 0

    def steps(  # noqa: PLR0912 - the one loop that every hit goes through, where a call costs as much as the work
        self, each_line: Collection[int]
    ) -> Iterator[tuple[Line, list[int] | None, bool]]:
        """The lines that were hit; and as long as `each_line` has something in it, whatever line comes next.

        Yields:
            The line, the ways that hit it, each once and in order (None when the block does not show what the line says), and whether
            there may be two records on it.
        """
        block, hits, plain, glued, escaped = self._block, self._hits, self._plain, self._glued, self._escaped
        simple = plain and not self._blanks
        size, count, index, start, counted = len(block), len(hits), 0, 0, 0
        while True:
            if each_line:
                if start >= size:
                    break
            elif index < count:
                offset = hits[index] >> SHIFT
                start = (block.rfind(b"\n", start, offset) + 1 or start) if plain else self._start(start, offset)
            else:
                break
            end = block.find(b"\n", start) if plain else self._end(start)
            ways: list[int] = []
            limit = end + 1 << SHIFT
            while index < count and (hit := hits[index]) < limit:
                index += 1
                if (way := hit & _NUMBER) not in ways:
                    ways.append(way)
            text = block[start:end].decode()
            if ways or text.strip(" \t"):
                if simple:  # the line ends are newlines, and none of the lines is blank
                    near = start - counted < _MANY
                    passed = block.count(b"\n", counted, start) if near else newlines(block, counted, start)
                    counted = start
                    self.number += passed
                    self.lines += passed
                else:
                    self._pass(start)
                if len(ways) > 1:
                    ways.sort()
                if not ways or ways[-1] < glued:
                    yield _line(Line, (self.number, text)), ways, False
                else:
                    hidden = ways[-1] == escaped and ("{" in text or '="' in text or " P" in text[:60])
                    two = glued in ways
                    while ways and ways[-1] >= glued:
                        del ways[-1]
                    if ways or hidden or each_line:
                        yield _line(Line, (self.number, text)), None if hidden else ways, two
            start = end + 1
        self._counted = max(self._counted, counted)
        self._pass(size)

    def _start(self, at: int, offset: int) -> int:
        """The start of the line, from the start of another one on, that has this offset in it."""
        return max(at, *(self._block.rfind(each, at, offset) + 1 for each in (b"\n", b"\r", b"\b")))

    def _end(self, start: int) -> int:
        end = _ENDS.search(self._block, start)  # not the nearest of three: each would look through all that follows
        assert end is not None
        return end.start()

    def _pass(self, to: int) -> None:
        """Count the lines from where it was to the start of another."""
        block = self._block
        ends = physical = newlines(block, self._counted, to)
        if not self._plain:
            ends += block.count(b"\r", self._counted, to) + block.count(b"\b", self._counted, to)
        while self._blank < len(self._blanks) and self._blanks[self._blank] <= to:
            self._blank += 1
            ends -= 1
        self._counted = to
        self.number += physical
        self.lines += ends


def newlines(block: bytes, start: int, end: int) -> int:
    """How many there are from `start` up to `end`.

    `bytes.count` compares byte after byte before Python 3.13; what deletes them looks for them with `memchr`, which is three times
    as fast where lines are as long as a log's mostly are.
    """
    if end - start < _MANY or block.count(b"\n", start, start + _PROBE) > _SHORT_LINES:
        return block.count(b"\n", start, end)
    piece = block[start:end]
    return len(piece) - len(piece.replace(b"\n", b""))
