"""Tells which formats are worth trying on a line, so that a line that nobody wants costs a few searches for text.

`Matcher` is the seam: a multi-pattern engine can take the place of `LiteralMatcher` without a change elsewhere. What it may get
wrong goes one way only: a format that it names need not read the line, a format that it leaves out must not be able to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Matcher(Protocol):
    """See the module."""

    def scan(self, texts: Sequence[str]) -> list[int]:
        """For each line the formats worth trying, as bits: bit n is the n-th format."""


class LiteralMatcher:
    """Looks for text without which no pattern of a format can match, first in the whole block, then line by line.

    Args:
        wanted: for each format the texts of which a line must have one; an empty text means every line.
    """

    def __init__(self, wanted: Sequence[Iterable[str]]) -> None:
        bits: dict[str, int] = {}
        for number, literals in enumerate(wanted):
            for literal in literals:
                bits[literal] = bits.get(literal, 0) | 1 << number
        self._always = bits.pop("", 0)
        self._bits = tuple(bits.items())

    def scan(self, texts: Sequence[str]) -> list[int]:
        """See Matcher."""
        if len(texts) == 1:
            present = self._bits
        else:
            block = "\n".join(texts)
            present = tuple(pair for pair in self._bits if pair[0] in block)
        if not present:
            return [self._always] * len(texts)
        found = []
        for text in texts:
            mask = self._always
            for literal, bits in present:
                if literal in text:
                    mask |= bits
            found.append(mask)
        return found
