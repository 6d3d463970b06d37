"""A user's mistake as a value: where it is, which rule it breaks, what is wrong and what would be right."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.documents.position import NOWHERE, Position
from stoker.errors import MistakeError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake; prints as `file:line:column: rule: what is wrong; what would be right`."""

    position: Position
    rule: str
    wrong: str
    right: str = ""

    def __str__(self) -> str:
        says = f"{self.wrong}; {self.right}" if self.right else self.wrong
        return f"{self.position}: {self.rule}: {_one_line(says)}"

    def as_json(self) -> dict[str, object]:
        """For `--json`: keys file, line, column, rule, wrong, right."""
        return {**self.position._asdict(), "rule": self.rule, "wrong": self.wrong, "right": self.right}

    def excerpt(self, texts: Mapping[str, str]) -> str:
        """The problem with the line it stands in and a caret under the column; `texts` maps files to their content."""
        lines = texts.get(self.position.file, "").splitlines()
        if not 0 < self.position.line <= len(lines):
            return str(self)
        line = lines[self.position.line - 1]
        number = f"{self.position.line} | "
        # tabs are kept in the padding so that the caret stands under its column whatever the tab width
        lead = "".join("\t" if character == "\t" else " " for character in line[: self.position.column - 1])
        return f"{self}\n  {number}{line}\n  {' ' * len(number)}{lead}^"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean X?` for the known word closest to `word`, or an empty string."""
    close = difflib.get_close_matches(str(word), [str(each) for each in known], n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


@dataclass(slots=True)
class Problems:
    """Collects problems, so that a user sees all of them at once."""

    found: list[Problem] = field(default_factory=list)

    def add(self, position: Position, rule: str, wrong: str, right: str = "") -> None:
        """Note one problem."""
        self.found.append(Problem(position, rule, wrong, right))

    def __iter__(self) -> Iterator[Problem]:
        return iter(sorted(set(self.found)))

    def __len__(self) -> int:
        return len(set(self.found))

    def raise_if_any(self) -> None:
        """Raise MistakeError with everything found, sorted by place."""
        if self.found:
            raise MistakeError(list(self))


__all__ = ["NOWHERE", "Problem", "Problems", "nearest"]
