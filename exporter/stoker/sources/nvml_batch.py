"""Many fields of a device in one call of nvmlDeviceGetFieldValues; in the child only.

Pynvml's own way makes an object of each field and each look at one of its members: with hundreds of fields of each GPU it costs more than all
the rest. Here the question is made once, as bytes, and the answer is taken apart at once.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pynvml

from stoker.sources.nvml_calls import ERRORS
from stoker.sources.nvml_reads import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stoker.sources.nvml_fields import Field

_FIELD = struct.Struct("=IIqqII8s")
"""nvmlFieldValue_t: field, scope, timestamp, latency, type of the value, error, value."""
_TOLD, _PARTS = struct.Struct("=24x16s"), struct.Struct("=II8s")
"""The last three of it, together and each for itself."""
_TYPES: tuple[struct.Struct, ...] = tuple(struct.Struct(f"={kind}") for kind in ("d", "I", "Q", "Q", "q", "i", "H"))
"""By nvmlValueType_t."""
_UNKNOWN = object()


class Answers(NamedTuple):
    """What a batch gave.

    Attributes:
        values: by the field's link, by its key; those that are not available are left out.
        refused: the fields that were, with the constant of the error.
    """

    values: dict[int, dict[str, Any]]
    refused: list[tuple[Field, str]]


class Batch:
    """Fields that are asked for together.

    Args:
        fields: in the order in which they are answered; those of a link behind one another.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self._question = b"".join(_FIELD.pack(field.id, field.scope, 0, 0, 0, 0, bytes(8)) for field in fields)
        self._room = ctypes.create_string_buffer(len(self._question))
        self._known: dict[bytes, Any] = {}
        self._keys = [(link, [each.key for each in group]) for link, group in groupby(fields, attrgetter("link"))]

    def ask(self, handle: object) -> Answers:
        """Ask once.

        Raises:
            pynvml.NVMLError: none of them is answered.
        """
        ctypes.memmove(self._room, self._question, len(self._question))
        error = _function()(handle, ctypes.c_int(len(self.fields)), self._room)
        if error:
            raise pynvml.NVMLError(error)
        found = Answers({}, [])
        values: list[Any] = []
        known = self._known  # most fields are counters of errors, and say what they said before
        if len(known) > 2 * len(self.fields):
            known.clear()
        for (told,) in _TOLD.iter_unpack(self._room.raw):
            number = known.get(told, _UNKNOWN)
            if number is _UNKNOWN:
                kind, failed, raw = _PARTS.unpack(told)
                if failed:
                    found.refused.append((self.fields[len(values)], ERRORS.get(failed, str(failed))))
                    number = None
                else:
                    number = known[told] = value(kind, raw)
            values.append(number)
        start = 0
        for link, keys in self._keys:
            pairs = zip(keys, values[start : start + len(keys)], strict=True)
            found.values[link] = {key: number for key, number in pairs if number is not None}
            start += len(keys)
        return found


def value(kind: int, raw: bytes) -> Any:  # noqa: ANN401 - a number, or nothing
    """The number in eight bytes, by the type that NVML says; None for one that is not available."""
    if kind >= len(_TYPES):
        return None
    form = _TYPES[kind]
    return clean(form.unpack_from(raw)[0])


@cache
def _function() -> Callable[..., int]:
    """Of the library that pynvml has loaded.

    Raises:
        pynvml.NVMLError: it does not have it.
    """
    try:
        function: Callable[..., int] = ctypes.CDLL("libnvidia-ml.so.1").nvmlDeviceGetFieldValues
    except (OSError, AttributeError) as error:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_FUNCTION_NOT_FOUND) from error
    return function
