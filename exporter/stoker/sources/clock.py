"""The gate to the kernel's own judgement of its clock: what the time daemon told it last. It is asked, never set.

`adjtimex` with no mode bits changes nothing and takes no privilege, see adjtimex(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import NamedTuple

from stoker.errors import SourceError, UnavailableError

_ERROR = 5  # TIME_ERROR: what the call returns while nothing disciplines the clock
_NANO = 0x2000  # STA_NANO: the offset is in nanoseconds
_REFUSED = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS})


class ClockState(NamedTuple):
    """How well the clock is kept.

    Attributes:
        synchronized: whether a time daemon keeps it.
        offset: seconds that it is still to be moved by.
        estimated_error: seconds, as the daemon estimates it.
        max_error: seconds that it can be wrong by at most; it grows while nobody corrects the clock, up to 16.
    """

    synchronized: bool
    offset: float
    estimated_error: float
    max_error: float


class _Timex(ctypes.Structure):
    """`struct timex` up to the members that are read; the rest is room for what the kernel writes."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def clock_state() -> ClockState:
    """Ask the kernel.

    Raises:
        UnavailableError: there is no such call here, or a sandbox forbids it.
        SourceError: it failed for another reason.
    """
    try:
        call = _library().adjtimex
    except (AttributeError, OSError, TypeError) as error:
        raise UnavailableError("adjtimex: not on this system") from error
    answer = _Timex()
    returned = call(ctypes.byref(answer))
    if returned < 0:
        number = ctypes.get_errno()
        kind = UnavailableError if number in _REFUSED else SourceError
        raise kind(f"adjtimex: {os.strerror(number)}")
    return judged(returned, answer.status, (answer.offset, answer.esterror, answer.maxerror))


def judged(returned: int, status: int, times: tuple[int, int, int]) -> ClockState:
    """What the numbers of the call mean.

    Args:
        returned: by the call.
        status: its bits.
        times: offset, in nano- or microseconds as a status bit says, estimated and maximal error in microseconds.
    """
    offset, estimated, largest = times
    return ClockState(returned != _ERROR, offset / (1e9 if status & _NANO else 1e6), estimated / 1e6, largest / 1e6)
