"""Tells which ways of reading are worth trying on a line, so that a line that nobody wants costs a few searches for text."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

NOTHING: tuple[int, ...] = ()


class LiteralMatcher:
    """Looks for text without which a way cannot succeed, first in all the lines together, then line by line.

    What it may get wrong goes one way only: a way that it names need not succeed, one that it leaves out cannot.

    Args:
        wanted: for each way the texts of which a line must have one; an empty text means every line.
    """

    def __init__(self, wanted: Sequence[Iterable[str]]) -> None:
        bits: dict[str, int] = {}
        for number, literals in enumerate(wanted):
            for literal in literals:
                bits[literal] = bits.get(literal, 0) | 1 << number
        self._always = bits.pop("", 0)
        self._bits = tuple(bits.items())

    def scan(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """For each line the numbers of the ways worth trying, in order."""
        if len(texts) == 1:
            present = self._bits
        else:
            block = "\n".join(texts)
            present = tuple(pair for pair in self._bits if pair[0] in block)
        found: list[Sequence[int]] = []
        for text in texts:
            mask = self._always
            for literal, bits in present:
                if literal in text:
                    mask |= bits
            found.append(_numbers(mask) if mask else NOTHING)
        return found


def _numbers(mask: int) -> tuple[int, ...]:
    numbers = []
    while mask:
        bit = mask & -mask
        numbers.append(bit.bit_length() - 1)
        mask ^= bit
    return tuple(numbers)
