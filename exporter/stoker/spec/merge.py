"""Lays a user's changes over a shipped alert, key by key, before it is decoded, so that positions stay true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import Mapping, Node, Problems, Scalar, Text, nearest, parse_duration
from stoker.documents.node import kind_of
from stoker.spec.alert import SEVERITIES

if TYPE_CHECKING:
    from stoker.spec.kinds.kind import KindAlert

_PRIMARY = ("above", "below", "equals", "older_than", "at_least")


def changed(node: Mapping, change: Node, alert: KindAlert, name: str, problems: Problems) -> Mapping:
    """`node` with the parameters of `change` in place of its own.

    A number of the alert's parameters, `for`, `keep_firing_for`, `enabled`, the `severity` of an alert without levels, or a level:
    `{warning: 0.85}` sets the bound of that level, `{warning: {above: 0.85, for: 20m}}` several of its numbers. Anything else is
    a problem.
    """
    if not isinstance(change, Mapping):
        problems.add(change.position, "type", f"what changes {name} is no mapping", "write {parameter: value}")
        return node
    known = set(alert.numbers()) | set(_level_params(node)) | {"for", "keep_firing_for", "enabled"}
    if alert.levels is None:
        known.add("severity")
    for key, value in change:
        if key in SEVERITIES:
            node = _change_level(node, key, value, alert, known, problems)
        elif key not in known:
            right = nearest(key, known) or f"its parameters: {', '.join(sorted(known))}"
            problems.add(key.position, "unknown-parameter", f"{name} has no parameter {key}", right)
        else:
            node = _set(node, key, value)
    return node


def _level_params(node: Mapping) -> list[str]:
    levels = node.get("levels")
    if not isinstance(levels, Mapping):
        return []
    return [str(key) for _, level in levels if isinstance(level, Mapping) for key, _ in level]


def _set(node: Mapping, key: Text, value: Node) -> Mapping:
    """A top-level parameter; one that differs between levels is set in each of them."""
    params = node.get("params")
    if isinstance(params, Mapping) and params.get(key) is not None:
        return _put(node, Text("params"), _put(params, key, value))
    levels = node.get("levels")
    if isinstance(levels, Mapping) and key in _level_params(node):
        for severity, level in levels:
            if isinstance(level, Mapping) and level.get(key) is not None:
                levels = _put(levels, severity, _put(level, key, value))
        return _put(node, Text("levels"), _standing_at(levels, value))
    return _put(node, key, value)


def _change_level(
    node: Mapping, severity: Text, value: Node, alert: KindAlert, known: set[str], problems: Problems
) -> Mapping:
    if isinstance(value, Scalar) and not _is_bound(value):
        right = "it has to be a number, such as 0.85 for 85 %, or a duration such as 30s, 5m or 1h30m"
        problems.add(value.position, "type", f"{severity} is {kind_of(value)}", right)
        return node
    levels = node.get("levels")
    if not isinstance(levels, Mapping):
        if severity != alert.severity:
            right = f"it has the level {alert.severity}"
            problems.add(severity.position, "unknown-parameter", f"there is no level {severity}", right)
            return node
        if not isinstance(value, Scalar):
            return _several(node, value, known, problems)
        params = node.get("params")
        first = _primary(node) if not isinstance(params, Mapping) else _primary(params)
        if first not in known:
            right = f"name one of its parameters: {', '.join(sorted(known - {'severity'}))}"
            problems.add(value.position, "unknown-parameter", "a number alone does not say what it changes", right)
            return node
        return _set(node, first, value)
    level = levels.get(severity)
    if not isinstance(level, Mapping):
        right = f"its levels: {', '.join(str(key) for key, _ in levels)}"
        problems.add(severity.position, "unknown-parameter", f"there is no level {severity}", right)
        return node
    if isinstance(value, Scalar):
        level = _put(level, _primary(level), value)
    elif isinstance(value, Mapping):
        level = _several(level, value, known, problems)
    return _put(node, Text("levels"), _standing_at(_put(levels, severity, level), value))


def _is_bound(value: Scalar) -> bool:
    number = isinstance(value.value, int | float) and not isinstance(value.value, bool)
    return number or parse_duration(value.raw) is not None


def _standing_at(levels: Mapping, change: Node) -> Mapping:
    """The levels at the place of the change, so that a problem with a number is told where the user wrote it."""
    return Mapping(change.position, levels.entries)


def _several(node: Mapping, change: Node, known: set[str], problems: Problems) -> Mapping:
    if not isinstance(change, Mapping):
        problems.add(change.position, "type", "a level is a number or a mapping", "as {above: 0.9}")
        return node
    for key, value in change:
        if key not in known:
            problems.add(key.position, "unknown-parameter", f"{key} is no parameter", nearest(key, known))
        else:
            node = _set(node, key, value)
    return node


def _primary(level: Mapping) -> Text:
    names = [str(key) for key, _ in level]
    return Text(next((name for name in _PRIMARY if name in names), names[0] if len(names) == 1 else "above"))


def _put(node: Mapping, key: str, value: Node) -> Mapping:
    entries = [(name, value if name == key else old) for name, old in node]
    if node.get(key) is None:
        entries.append((key if isinstance(key, Text) else Text(key), value))
    return Mapping(node.position, tuple(entries))
