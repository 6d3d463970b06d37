"""Calls NVML's functions, in the child, each announced before it is made.

Before each call the time, the index of the device and the name of the call go into memory that the parent shares, so that a call which does
not return can be named.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any

import pynvml

if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable

ANNOUNCEMENT = struct.Struct("<dq80s")
"""Monotonic seconds, index of the device (-1: none), name of the call."""
NO_DEVICE = -1
IDLE = b"idle"
"""In place of a call's name while none is made."""
ERRORS = {
    getattr(pynvml, name): name.removeprefix("NVML_ERROR_") for name in dir(pynvml) if name.startswith("NVML_ERROR_")
}


class Refused(Exception):  # noqa: N818 - not an error: NVML's own word
    """A call that NVML refused: its name and the constant of the error."""

    def __init__(self, call: str, error: str) -> None:
        super().__init__(f"{call}: {error}")
        self.call = call
        self.error = error


class Nvml:
    """Calls, each announced before it is made."""

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared
        self.call = ""

    def rest(self) -> None:
        """No call is made for now: whoever looks sees that the last one has returned."""
        self._shared[:] = ANNOUNCEMENT.pack(time.monotonic(), NO_DEVICE, IDLE)

    def ask(
        self,
        index: int,
        call: str,
        *arguments: object,
        function: Callable[..., Any] | None = None,
        keep: Callable[[Any], Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever the function gives
        """Make one call, with pynvml's function of that name or another one, and give what `keep` makes of its answer.

        Raises:
            Refused: NVML gave an error, or this driver or pynvml has no such function.
        """
        # one copy: pack_into would clear the memory first, and the parent might look just then
        self.call = call
        self._shared[:] = ANNOUNCEMENT.pack(time.monotonic(), index, call.encode())
        function = function or getattr(pynvml, call, None)
        if function is None:
            raise Refused(call, "FUNCTION_NOT_FOUND")
        try:
            answer = _called(function, arguments)
            return keep(answer) if keep is not None else answer
        except pynvml.NVMLError as error:
            raise Refused(call, ERRORS.get(error.value, str(error.value))) from error
        except pynvml.NVMLLibraryMismatchError as error:
            raise Refused(call, "FUNCTION_NOT_FOUND") from error
        except Exception as error:  # an answer that pynvml cannot decode may cost this value only
            raise Refused(call, type(error).__name__) from error


def _called(function: Callable[..., Any], arguments: tuple[object, ...]) -> Any:  # noqa: ANN401 - whatever the function gives
    """Call; a text that is no UTF-8, as boards without a serial number have, is told as far as it can be."""
    try:
        return function(*arguments)
    except UnicodeDecodeError:
        while hasattr(function, "__wrapped__"):  # pynvml's decoding is wrapped around what it decodes
            function = function.__wrapped__
        answer = function(*arguments)
        return text(answer) if isinstance(answer, bytes) else answer


def text(value: object) -> str:
    """A text of NVML's, whatever pynvml made of it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
