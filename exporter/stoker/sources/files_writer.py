"""Whether anybody can go on writing a file, which decides what its last line is when nothing ends that: a line, or the half of one.

A program whose output is buffered leaves half a line in its log for as long as it runs, one that was killed for ever. The kernel
tells them apart: it gives a lease for reading on a file that nobody has open for writing, be it in another container. It gives
leases to the owner of the file and to root with CAP_LEASE; and they say nothing where other machines write, too.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOCAL = frozenset(
    {
        0xEF53,  # ext2, ext3, ext4
        0x58465342,  # XFS
        0x9123683E,  # Btrfs
        0x2FC12FC1,  # ZFS
        0xF2F52010,  # F2FS
        0x01021994,  # tmpfs
        0x794C7630,  # overlayfs
    }
)
"""File systems of one machine, as statfs(2) names them."""


def is_complete(descriptor: int, size: int) -> bool | None:
    """Whether nobody has the file open for writing and it has no more than `size` bytes; None where that cannot be known.

    Args:
        descriptor: of the file, open for reading only.
        size: bytes that were read.
    """
    if _file_system(descriptor) not in _LOCAL:
        return None
    try:
        # whoever opens it meanwhile waits for the lease's end, of which a signal tells that nobody minds
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except BlockingIOError:
        return False
    except OSError:
        return None
    try:
        return os.fstat(descriptor).st_size <= size
    finally:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)


@lru_cache(maxsize=1)
def _fstatfs() -> Callable[..., int] | None:
    try:
        return ctypes.CDLL(None).fstatfs
    except (OSError, AttributeError):
        return None


def _file_system(descriptor: int) -> int:
    """The kernel's number of the file's file system; 0 when it does not say."""
    call = _fstatfs()
    answer = (ctypes.c_long * 32)()  # it begins with that number and has room for more than follows
    if call is None or call(descriptor, ctypes.byref(answer)):
        return 0
    return int(answer[0]) & (1 << 32) - 1
