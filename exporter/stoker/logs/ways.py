"""The ways in which a line can be read: each pattern of each format, and each format's reader, in the order in which they are tried."""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from stoker.logs.blocks import Scanner, scanner
from stoker.logs.matcher import LiteralMatcher
from stoker.logs.readers import READERS
from stoker.logs.signature import signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.logs.formats import CompiledFormat, CompiledPattern


class Way(NamedTuple):
    """One way to read a line.

    Attributes:
        format: the place of its format.
        pattern: None for the format's reader.
    """

    format: int
    pattern: CompiledPattern | None


class Ways:
    """All ways of some formats.

    Attributes:
        all: the ways; a way's number is its place.
        readers: by the place of the format, the number of the way of its reader.
        quick: by the number of the way, its pattern, its format and the format's place where nothing but the pattern
            decides; None for the others.
        matcher: tells for single lines which ways are worth trying.

    Args:
        formats: the most specific first.
    """

    def __init__(self, formats: Sequence[CompiledFormat]) -> None:
        self.all: list[Way] = []
        self.readers: dict[int, int] = {}
        self.quick: list[tuple[CompiledPattern, CompiledFormat, int] | None] = []
        literals: list[frozenset[str]] = []
        expressions: list[str] = []
        for place, each in enumerate(formats):
            if each.reader:
                self.readers[place] = len(self.all)
                reader = READERS[each.reader]
                texts = reader.texts(each.keys) if hasattr(reader, "texts") else reader.literals
                for expression in getattr(reader, "expressions", map(re.escape, texts)):
                    self.all.append(Way(place, None))
                    self.quick.append(None)
                    literals.append(frozenset(texts))
                    expressions.append(signature(expression))
            for pattern in each.patterns:
                if pattern.beside:
                    continue
                self.all.append(Way(place, pattern))
                self.quick.append((pattern, each, place) if _is_quick(each, pattern) else None)
                literals.append(pattern.literals or each.when_literals or frozenset(("",)))
                expressions.append(signature(pattern.regex.pattern))
        self.matcher = LiteralMatcher(literals)
        self._expressions = tuple(expressions)

    @cached_property
    def scanner(self) -> Scanner | None:
        """Finds the lines worth trying in a block; None where each line has to be looked at by itself."""
        return scanner(self._expressions) if self._expressions else None


def beside(each: CompiledFormat) -> tuple[CompiledPattern, ...]:
    """Patterns that are looked for where another one of the format has matched."""
    return tuple(pattern for pattern in each.patterns if pattern.beside)


def _is_quick(each: CompiledFormat, pattern: CompiledPattern) -> bool:
    """Whether a match of the pattern is all there is to a line: no other state is asked or changed but the kind of the stream."""
    if each.reader or each.when is not None or each.guess or each.echo or each.losses or beside(each):
        return False
    return each.kind in ("training", "inference") and not pattern.incident and pattern.keys_regex is None
