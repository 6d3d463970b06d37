"""A document as a tree in which every part knows where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from stoker.documents.position import Position, Text

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHOWN = 80
"""Characters of a text that a message repeats."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: Text, int, float, bool or None."""

    position: Position
    value: Text | int | float | bool | None
    raw: str
    """As it was written, without quotes."""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    position: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping with text keys, in the order written."""

    position: Position
    entries: tuple[tuple[Text, Node], ...]

    def __iter__(self) -> Iterator[tuple[Text, Node]]:
        return iter(self.entries)

    def get(self, key: str) -> Node | None:
        """The value under `key`, or None."""
        return next((node for name, node in self.entries if name == key), None)


Node: TypeAlias = Scalar | Sequence | Mapping


def plain(node: Node) -> object:
    """The node as dicts, lists and scalars; strings stay Text and so keep their positions."""
    if isinstance(node, Scalar):
        return node.value
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    return {key: plain(item) for key, item in node.entries}


def kind_of(node: Node) -> str:
    """How a user would call what stands there."""
    if isinstance(node, Sequence):
        return "a list"
    if isinstance(node, Mapping):
        return "a mapping"
    if node.value is None:
        return "nothing"
    names = {bool: "true or false", int: "a whole number", float: "a number"}
    return names.get(type(node.value), f"the text {_short(node.raw)!r}")


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
