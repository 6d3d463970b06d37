"""Many fields of a device in one call of nvmlDeviceGetFieldValues; in the child only.

Pynvml's own way makes an object of each field and each look at one of its members: with hundreds of fields of each GPU it costs more than all
the rest. Here the question is made once, as bytes, and the answer is taken apart at once.
"""

from __future__ import annotations

import ctypes
import struct
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import pynvml

from stoker.sources.nvml_calls import ERRORS
from stoker.sources.nvml_reads import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stoker.sources.nvml_fields import Field

_FIELD = struct.Struct("=IIqqII8s")
"""nvmlFieldValue_t: field, scope, timestamp, latency, type of the value, error, value."""
_TYPES: tuple[struct.Struct, ...] = tuple(struct.Struct(f"={kind}") for kind in ("d", "I", "Q", "Q", "q", "i", "H"))
"""By nvmlValueType_t."""


class Answer(NamedTuple):
    """A field, and its value or the constant of its error; both are empty for a value that is not available."""

    field: Field
    value: Any
    error: str


class Batch:
    """Fields that are asked for together.

    Args:
        fields: in the order in which they are answered.
    """

    def __init__(self, fields: Sequence[Field]) -> None:
        self.fields = tuple(fields)
        self._question = b"".join(_FIELD.pack(field.id, field.scope, 0, 0, 0, 0, bytes(8)) for field in fields)
        self._room = ctypes.create_string_buffer(len(self._question))

    def ask(self, handle: object) -> list[Answer]:
        """Ask once.

        Raises:
            pynvml.NVMLError: none of them is answered.
        """
        ctypes.memmove(self._room, self._question, len(self._question))
        error = _function()(handle, ctypes.c_int(len(self.fields)), self._room)
        if error:
            raise pynvml.NVMLError(error)
        found: list[Answer] = []
        rows = _FIELD.iter_unpack(self._room.raw)
        for field, (_, _, _, _, kind, failed, raw) in zip(self.fields, rows, strict=True):
            if failed:
                found.append(Answer(field, None, ERRORS.get(failed, str(failed))))
            else:
                found.append(Answer(field, value(kind, raw), ""))
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
