"""Where something stands in a document, and strings that remember where they stood."""

from __future__ import annotations

from typing import NamedTuple, Self


class Position(NamedTuple):
    """A place in a file; line and column count from 1. An empty file name means a value that no document gave."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file or "(default)"


NOWHERE = Position("", 0, 0)


class Text(str):
    """A string that knows where its first character stood.

    `inner` is False for block scalars (`|`, `>`), whose content starts on the next line at `column`.
    """

    __slots__ = ("block", "position")

    position: Position
    block: bool

    def __new__(cls, value: str, position: Position = NOWHERE, *, block: bool = False) -> Self:
        """Make the string; `position` is where its content starts."""
        self = super().__new__(cls, value)
        self.position = position
        self.block = block
        return self

    def at(self, offset: int) -> Position:
        """Where the character at `offset` stood; exact for one-line and literal block scalars."""
        if not self.position.line:
            return self.position
        before = self[:offset]
        newlines = before.count("\n")
        if not newlines:
            return self.position._replace(column=self.position.column + offset)
        column = offset - before.rfind("\n") - 1
        indent = self.position.column if self.block else 1
        return Position(self.position.file, self.position.line + newlines, indent + column)


def position_of(value: object) -> Position:
    """The position of a value that may be a Text; NOWHERE for anything else."""
    return value.position if isinstance(value, Text) else NOWHERE
