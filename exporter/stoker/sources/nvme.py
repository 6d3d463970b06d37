"""The gate to an NVMe drive's own record of its health (the SMART log): read-only, with a bound on each drive.

The log is asked for by an ioctl on the controller's device node, which takes root (CAP_SYS_ADMIN). A drive whose controller hangs would
keep the caller in the kernel, so each call is made in a thread that can be left behind, as for mounts.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from stoker.errors import DeadlineError, SourceError, UnavailableError
from stoker.sources.deadline import Call, Done, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

_SIZE = 512
_ADMIN = 0xC0484E41  # NVME_IOCTL_ADMIN_CMD: _IOWR('N', 0x41, a command of 72 bytes)
_GET_LOG_PAGE = 0x02
_SMART = 0x02
_ALL_NAMESPACES = 0xFFFFFFFF
_MILLISECONDS = 2000
_UNIT = 512_000  # the specification counts data in thousands of 512 bytes
_REFUSED = frozenset({errno.EACCES, errno.EPERM})
_NOT_HERE = frozenset({errno.ENOENT, errno.ENXIO, errno.ENODEV, errno.ENOTTY})

WARNINGS = ("spare", "temperature", "reliability", "read_only", "backup", "persistent_memory")
"""The bits of the critical warning, from the lowest on."""


class Health(NamedTuple):
    """What a drive says of itself.

    Attributes:
        wear: share of its rated life that is used; may pass 1.
        spare, spare_threshold: share of the spare blocks that is left, and below which the drive warns.
        warnings: those of WARNINGS that it gives now.
        media_errors: times that data could not be read back as written.
        written: bytes that hosts have written in its life.
        hours: that it was powered on.
    """

    wear: float
    spare: float
    spare_threshold: float
    warnings: frozenset[str]
    media_errors: int
    written: int
    hours: int


class _Command(ctypes.Structure):
    """`struct nvme_admin_cmd` of <linux/nvme_ioctl.h>."""

    _fields_ = (
        ("opcode", ctypes.c_uint8),
        ("flags", ctypes.c_uint8),
        ("reserved", ctypes.c_uint16),
        ("nsid", ctypes.c_uint32),
        ("cdw2", ctypes.c_uint32),
        ("cdw3", ctypes.c_uint32),
        ("metadata", ctypes.c_uint64),
        ("address", ctypes.c_uint64),
        ("metadata_length", ctypes.c_uint32),
        ("data_length", ctypes.c_uint32),
        ("cdw10", ctypes.c_uint32),
        ("cdw11", ctypes.c_uint32),
        ("cdw12", ctypes.c_uint32),
        ("cdw13", ctypes.c_uint32),
        ("cdw14", ctypes.c_uint32),
        ("cdw15", ctypes.c_uint32),
        ("timeout_ms", ctypes.c_uint32),
        ("result", ctypes.c_uint32),
    )


def read_log(path: str) -> bytes:
    """The SMART log of the drive behind a device node; 512 bytes. May hang.

    Raises:
        UnavailableError: no such node here, or no right to ask.
        SourceError: the drive or its driver refused.
    """
    if sys.platform != "linux":
        raise UnavailableError("NVMe drives can only be asked on Linux")
    import fcntl  # noqa: PLC0415 - not on every system

    data = ctypes.create_string_buffer(_SIZE)
    command = _Command(
        opcode=_GET_LOG_PAGE,
        nsid=_ALL_NAMESPACES,
        address=ctypes.addressof(data),
        data_length=_SIZE,
        cdw10=(_SIZE // 4 - 1) << 16 | _SMART,
        timeout_ms=_MILLISECONDS,
    )
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = fcntl.ioctl(descriptor, _ADMIN, command)
        finally:
            os.close(descriptor)
    except OSError as error:
        quiet = error.errno in _REFUSED | _NOT_HERE
        raise (UnavailableError if quiet else SourceError)(f"{path}: {error.strerror}") from error
    if status:
        raise SourceError(f"{path}: the drive answered with status {status:#x}")
    return data.raw


def parse(log: bytes) -> Health:
    """What the log says; offsets as in the NVMe base specification.

    Raises:
        SourceError: it is too short, or empty as of a drive that keeps none.
    """
    if len(log) < _SIZE or not any(log):
        raise SourceError("the health log is empty")

    def count(at: int) -> int:
        return int.from_bytes(log[at : at + 16], "little")

    return Health(
        wear=log[5] / 100,
        spare=log[3] / 100,
        spare_threshold=log[4] / 100,
        warnings=frozenset(name for bit, name in enumerate(WARNINGS) if log[0] >> bit & 1),
        media_errors=count(160),
        written=count(48) * _UNIT,
        hours=count(128),
    )


class Drives:
    """Asks drives for their logs, each with a bound.

    Args:
        root: below which /dev is.
        seconds: how long to wait for one drive.
        read: the call that may hang.
        wait: how to wait for the end of a call for some seconds.
    """

    def __init__(
        self,
        root: str = "/",
        *,
        seconds: float = 3.0,
        read: Callable[[str], bytes] = read_log,
        wait: Callable[[Done, float], bool] = Done.wait,
    ) -> None:
        self._dev = f"{root.rstrip('/')}/dev"
        self._seconds = seconds
        self._read = read
        self._wait = wait
        self._worker: Worker | None = None
        self._running: dict[str, Call[bytes]] = {}

    def health(self, drive: str) -> Health:
        """What `nvme0` says of itself.

        Raises:
            UnavailableError: it cannot be asked from here.
            DeadlineError: it does not answer; it is not asked again before it does.
            SourceError: it refused, or said nothing.
        """
        before = self._running.get(drive)
        if before is not None and not before.done.is_set():
            raise DeadlineError("an earlier question has not been answered")
        self._running.pop(drive, None)
        self._worker = self._worker or Worker("nvme")
        call = self._worker.give(lambda: self._read(f"{self._dev}/{drive}"))
        if not self._wait(call.done, self._seconds):
            self._worker.retire()
            self._worker = None
            self._running[drive] = call
            raise DeadlineError(f"no answer within {self._seconds:g} s")
        return parse(call.result())
