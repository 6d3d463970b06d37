"""Reads YAML 1.2 core values into a tree with positions.

PyYAML composes the nodes; what a plain scalar means is decided here, since YAML 1.1 turns `off`, `no` and
`1:30` into something that nobody meant. Aliases are bounded, tags are refused, double keys are problems.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml

from stoker.documents.node import Mapping, Node, Scalar, Sequence
from stoker.documents.position import Position, Text

if TYPE_CHECKING:
    from stoker.documents.problem import Problems

_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INT = re.compile(r"[-+]?[0-9]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SPECIAL = {".inf": "inf", "+.inf": "inf", "-.inf": "-inf", ".nan": "nan"}
_MOST_NODES = 200_000
_DEEPEST = 100
_LONGEST_NUMBER = 64
"""Characters; what is longer is nobody's setting, and would not fit a float."""


def read_yaml(text: str, file: str, problems: Problems) -> Node | None:
    """Parse one document.

    Args:
        text: the document.
        file: the name that positions carry.
        problems: where mistakes go.

    Returns:
        The root, or None when the document is empty or could not be parsed at all.
    """
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = Position(file, mark.line + 1, mark.column + 1) if mark else Position(file, 1, 1)
        says = ", ".join(part for part in (error.context, error.problem) if part)
        problems.add(where, "yaml", f"this is no YAML: {says}")
        return None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        problems.add(Position(file, line, column), "yaml", f"character U+{_code(error):04X} is not allowed in YAML")
        return None
    if root is None:
        return None
    return _Builder(file, text, problems).build(root, ())


def _code(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character[:1])


class _Builder:
    def __init__(self, file: str, text: str, problems: Problems) -> None:
        self._file = file
        self._lines = text.splitlines()
        self._problems = problems
        self._count = 0

    def build(self, node: yaml.Node, above: tuple[int, ...]) -> Node | None:
        where = Position(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
        self._count += 1
        if len(above) > _DEEPEST:
            self._problems.add(where, "yaml", f"this is nested more than {_DEEPEST} deep", "write it flatter")
            return None
        if id(node) in above or self._count > _MOST_NODES:
            if self._count <= _MOST_NODES + 1:
                self._problems.add(
                    where, "yaml", "an alias that contains itself or expands without bound", "write it out"
                )
            return None
        inside = (*above, id(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if isinstance(node, yaml.SequenceNode):
            items = (self.build(item, inside) for item in node.value)
            return Sequence(where, tuple(item for item in items if item is not None))
        return self._mapping(node, where, inside)

    def _mapping(self, node: yaml.Node, where: Position, inside: tuple[int, ...]) -> Mapping:
        entries: list[tuple[Text, Node]] = []
        seen: dict[str, Position] = {}
        for key_node, value_node in node.value:
            at = Position(self._file, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.add(at, "yaml", "a key is a plain word", "quote it")
                continue
            key = Text(key_node.value, at)
            if key in seen:
                self._problems.add(at, "duplicate-key", f"{key!s} is set twice", f"line {seen[key].line} sets it too")
                continue
            seen[key] = at
            value = self.build(value_node, inside)
            if value is not None:
                entries.append((key, value))
        return Mapping(where, tuple(entries))

    def _scalar(self, node: yaml.ScalarNode, where: Position) -> Scalar:
        raw: str = node.value
        if "\0" in raw:
            self._problems.add(where, "yaml", "a NUL character is not allowed", "leave it out")
        if node.style in ("|", ">"):
            return Scalar(where, Text(raw, self._block_start(where), block=True), raw)
        if node.style in ('"', "'"):
            return Scalar(where, Text(raw, where._replace(column=where.column + 1)), raw)
        if not node.tag.startswith("tag:yaml.org,2002:") or "python" in node.tag:
            self._problems.add(where, "yaml", f"the tag {node.tag} is not allowed", "write a plain value")
        return Scalar(where, plain_value(raw, where), raw)

    def _block_start(self, where: Position) -> Position:
        for offset, line in enumerate(self._lines[where.line :]):
            if line.strip():
                return Position(where.file, where.line + 1 + offset, len(line) - len(line.lstrip()) + 1)
        return where


def plain_value(raw: str, where: Position) -> Text | int | float | bool | None:
    """What an unquoted scalar means in YAML 1.2's core schema."""
    if raw in ("", "~", "null"):
        return None
    if raw in ("true", "false"):
        return raw == "true"
    if len(raw) > _LONGEST_NUMBER:
        return Text(raw, where)
    if _INT.match(raw):
        return int(raw)
    if _FLOAT.match(raw):
        return float(raw)
    if raw in _SPECIAL:
        return float(_SPECIAL[raw])
    return Text(raw, where)
