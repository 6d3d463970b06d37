"""Turns a document into typed values, and everything that does not fit into problems.

The type is a frozen dataclass; its fields are the keys, its annotations the types, its docs the reference and the JSON
Schema. A key that is a Python word has a trailing underscore (`for_`). A dataclass that has a field `at: At` learns
where it and each of its keys stood. Nothing is guessed: a number is not a text, a text is not a number.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union

from stoker.documents.node import Mapping, Node, Scalar, Sequence, kind_of, plain
from stoker.documents.position import NOWHERE, Position, Text
from stoker.documents.problem import Problems, nearest
from stoker.documents.quantity import Duration, Size, parse_duration, parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class At:
    """Where a decoded value stood.

    Attributes:
        position: of the value.
        keys: of each key in it.
        values: of the value under each key.
    """

    position: Position = NOWHERE
    keys: typing.Mapping[str, Position] = field(default_factory=dict)
    values: typing.Mapping[str, Position] = field(default_factory=dict)

    def key(self, name: str) -> Position:
        """Where the key stood, or the whole value when it was left to its default."""
        return self.keys.get(name, self.position)

    def value(self, name: str) -> Position:
        """Where the value under the key stood, or the whole when it was left to its default."""
        return self.values.get(name, self.position)


_MISSING: Any = dataclasses.MISSING


def setting(default: Any = _MISSING, *, doc: str, factory: Callable[[], Any] | None = None) -> Any:  # noqa: ANN401 - stands for any field
    """A dataclass field that a user may set; `doc` is a sentence for the reference. Without default it is required."""
    metadata = {"doc": doc}
    if factory is not None:
        return field(default_factory=factory, metadata=metadata)
    if default is _MISSING:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def decode(node: Node | None, into: type[T], problems: Problems, *, file: str = "") -> T | None:
    """`node` as a value of the dataclass `into`; None when it could not be made. Every mistake becomes a problem.

    An empty document (None) is an empty mapping.
    """
    if node is None:
        node = Mapping(Position(file, 1, 1), ())
    value = _Decoder(problems).any(node, into, "")
    return typing.cast("T | None", None if value is _BAD else value)


_BAD: Any = object()


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def settable(cls: type) -> dict[str, tuple[dataclasses.Field[Any], Any]]:
    """The keys of a dataclass as a user writes them, each with its field and type."""
    hints = _hints(cls)
    return {
        each.name.rstrip("_"): (each, hints[each.name])
        for each in dataclasses.fields(cls)
        if hints[each.name] is not At
    }


class _Decoder:
    def __init__(self, problems: Problems) -> None:
        self._problems = problems

    def any(self, node: Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - one return for each kind of type
        origin = typing.get_origin(kind)
        if origin in (Union, types.UnionType):
            return self._union(node, typing.get_args(kind), key)
        if origin is Literal:
            return self._literal(node, typing.get_args(kind), key)
        if origin is tuple:
            return self._sequence(node, typing.get_args(kind)[0], key)
        if origin in (dict, types.MappingProxyType) or getattr(origin, "__name__", "") == "Mapping":
            return self._dict(node, typing.get_args(kind)[1], key)
        if kind in (Any, object):
            return plain(node)
        if custom := getattr(kind, "from_node", None):
            value = custom(node, self._problems)
            return _BAD if value is None else value
        if dataclasses.is_dataclass(kind):
            return self._dataclass(node, kind, key)
        return self._scalar(node, kind, key)

    def _wrong(self, node: Node, key: str, wanted: str) -> Any:  # noqa: ANN401 - the marker of a failure
        what = f"{key} is" if key else "this is"
        self._problems.add(node.position, "type", f"{what} {kind_of(node)}", f"it has to be {wanted}")
        return _BAD

    def _union(self, node: Node, kinds: tuple[Any, ...], key: str) -> Any:  # noqa: ANN401 - any declared type
        if type(None) in kinds and isinstance(node, Scalar) and node.value is None:
            return None
        fitting = [kind for kind in kinds if kind is not type(None) and _fits(node, kind)]
        if fitting:
            return self.any(node, fitting[0], key)
        return self._wrong(node, key, " or ".join(_called(kind) for kind in kinds if kind is not type(None)))

    def _literal(self, node: Node, choices: tuple[Any, ...], key: str) -> Any:  # noqa: ANN401 - any declared type
        if isinstance(node, Scalar) and node.value in choices and isinstance(node.value, str | int):
            return str(node.value) if isinstance(node.value, str) else node.value
        words = ", ".join(str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices)
        guess = nearest(node.raw, [str(choice) for choice in choices]) if isinstance(node, Scalar) else ""
        what = f"{key} is {kind_of(node)}" if key else f"this is {kind_of(node)}"
        self._problems.add(node.position, "choice", what, guess or f"one of {words}")
        return _BAD

    def _sequence(self, node: Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - any declared type
        if not isinstance(node, Sequence):
            return self._wrong(node, key, "a list")
        values = [self.any(item, kind, key) for item in node.items]
        return _BAD if any(value is _BAD for value in values) else tuple(values)

    def _dict(self, node: Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - any declared type
        if isinstance(node, Scalar) and node.value is None:
            return {}
        if not isinstance(node, Mapping):
            return self._wrong(node, key, "a mapping")
        values = {name: self.any(item, kind, name) for name, item in node}
        return _BAD if any(value is _BAD for value in values.values()) else values

    def _dataclass(self, node: Node, cls: Any, key: str) -> Any:  # noqa: ANN401 - any declared type
        if isinstance(node, Scalar) and node.value is None:
            node = Mapping(node.position, ())
        if not isinstance(node, Mapping):
            return self._wrong(node, key, "a mapping")
        known = settable(cls)
        values: dict[str, Any] = {}
        bad = False
        meant: set[str] = set()
        for name, item in node:
            if name not in known:
                right = nearest(name, known) or f"known here: {', '.join(sorted(known))}"
                self._problems.add(name.position, "unknown-key", f"{name} is no key here", right)
                meant.update(each for each in known if right == f"did you mean {each}?")
                continue
            own, kind = known[name]
            value = self.any(item, kind, name)
            bad = bad or value is _BAD
            values[own.name] = value
        for wanted, (own, _) in known.items():
            required = own.default is dataclasses.MISSING and own.default_factory is dataclasses.MISSING
            if required and own.name not in values:
                bad = True
                if wanted not in meant:  # a misspelled one has been told
                    right = f"add {wanted}: {own.metadata.get('doc', '')}"
                    self._problems.add(node.position, "missing-key", f"{wanted} is missing", right.rstrip("."))
        if bad:
            return _BAD
        if "at" in _hints(cls) and _hints(cls)["at"] is At:
            values["at"] = At(
                node.position,
                {str(name): name.position for name, _ in node},
                {str(name): item.position for name, item in node},
            )
        return cls(**values)

    def _scalar(self, node: Node, kind: Any, key: str) -> Any:  # noqa: ANN401 - any declared type
        value = node.value if isinstance(node, Scalar) else _BAD
        made: Any = _BAD
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if (kind in (str, bool) and isinstance(value, kind)) or (kind is int and number and isinstance(value, int)):
            made = value
        elif kind is float and number and isinstance(value, int | float):
            made = float(value)
        elif kind is Duration and isinstance(value, str | int):
            made = parse_duration(str(value))
        elif kind is Size and isinstance(node, Scalar) and (number or isinstance(value, str)):
            made = parse_size(node.raw)
        return self._wrong(node, key, _called(kind)) if made is None or made is _BAD else made


def _fits(node: Node, kind: Any) -> bool:  # noqa: ANN401 - any declared type
    origin = typing.get_origin(kind)
    if isinstance(node, Sequence):
        return origin is tuple or kind in (Any, object)
    if isinstance(node, Mapping):
        return dataclasses.is_dataclass(kind) or origin is dict or hasattr(kind, "from_node") or kind in (Any, object)
    if origin is Literal:
        return node.value in typing.get_args(kind)
    found = _Decoder(Problems()).any(node, kind, "") if origin is None and not dataclasses.is_dataclass(kind) else _BAD
    return found is not _BAD


_WORDS = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Duration: "a duration such as 30s, 5m or 1h30m",
    Size: "a size such as 64KiB or 1GiB",
}


def _called(kind: Any) -> str:  # noqa: ANN401 - any declared type
    origin = typing.get_origin(kind)
    if origin is tuple:
        return "a list"
    if origin is Literal:
        return "one of " + ", ".join(str(choice) for choice in typing.get_args(kind))
    return _WORDS.get(kind, "a mapping")


__all__ = ["At", "Text", "decode", "settable", "setting"]
