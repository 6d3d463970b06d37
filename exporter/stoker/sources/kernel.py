"""Reads the kernel's own log device: one record at a time, each with its number and the time at which it happened."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_RECORD = 8192
_TURN = 4096


class Record(NamedTuple):
    """One message.

    Attributes:
        text: the message, without what the kernel adds about devices.
        when: seconds since the epoch; of one that came while somebody waited, not before the device was last read to its end.
        uptime: seconds since boot, as the kernel stamped it.
        old: whether an earlier life of Stoker has read it already.
    """

    text: bytes
    when: float
    uptime: float
    old: bool


def is_device(path: str) -> bool:
    """Whether the kernel log is a device with records; a plain file is followed as any other, even one that is yet to come."""
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:
        return path.startswith("/dev/")


def can_read(path: str) -> bool:
    """Whether the log device is there and open to us: that takes CAP_SYSLOG where `kernel.dmesg_restrict` is 1."""
    if not is_device(path):
        return False
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def boot_id() -> str:
    """This boot's own number; empty where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def parse(record: bytes) -> tuple[int, float, bytes] | None:
    """Number, seconds since boot and message of a record; None when it is none.

    A record as Linux 3.5 and later give it: `6,339,5140900,-;NET: Registered PF_INET protocol family`, then lines ` KEY=value`.
    """
    head, mark, rest = record.partition(b";")
    fields = head.split(b",")
    try:
        number, microseconds = int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        return None
    return (number, microseconds / 1e6, rest.partition(b"\n")[0]) if mark else None


class KernelLog:
    """The log device from the start of its history, without what was read before in this boot.

    Args:
        path: usually /dev/kmsg.
        clock: seconds since the epoch.
        uptime: seconds since boot, as the kernel stamps its messages.
        boot: this boot's own number.
    """

    def __init__(
        self,
        path: str,
        clock: Callable[[], float] = time.time,
        uptime: Callable[[], float] = time.monotonic,
        boot: str | None = None,
    ) -> None:
        self._path = path
        self._clock = clock
        self._uptime = uptime
        self._boot = boot_id() if boot is None else boot
        self._descriptor: int | None = None
        self._read = -1
        self._drained: float | None = None
        self.lost = 0
        self.behind = False

    def restore(self, state: Mapping[str, Any]) -> None:
        """What was read in this boot is not new; another boot's numbers say nothing."""
        if self._boot and state.get("boot") == self._boot:
            self._read = int(state["number"])

    def state(self) -> dict[str, Any]:
        """The last number read, and the boot that it belongs to."""
        return {"boot": self._boot, "number": self._read}

    def turn(self) -> Iterator[Record]:
        """The records that are there now.

        Raises:
            UnavailableError: there is no such device here, or it is not for us.
            SourceError: it cannot be read.
        """
        self.behind = False
        if self._descriptor is None:
            self._descriptor = self._open()
        began = self._clock() - self._uptime()
        for _ in range(_TURN):
            try:
                data = os.read(self._descriptor, _RECORD)
            except BlockingIOError:
                self._drained = self._clock()
                return
            except OSError as error:
                if (
                    error.errno == errno.EPIPE
                ):  # the kernel needed the room: records were overwritten before they were read
                    self.lost += 1
                    continue
                self.close()
                raise SourceError(f"{self._path}: {error.strerror}") from error
            if not data:
                return
            parsed = parse(data)
            if parsed is None:
                continue
            number, seconds, text = parsed
            old = number <= self._read
            self._read = max(number, self._read)
            yield Record(text, self._when(began + seconds), seconds, old)
        self.behind = True

    def _when(self, told: float) -> float:
        """When a record was written: the kernel's clock for it drifts by seconds a day, and nothing that comes is older than the last look."""
        return told if self._drained is None else min(max(told, self._drained), max(self._drained, self._clock()))

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError) as error:
            raise UnavailableError(f"{self._path}: {error.strerror}") from error
        except OSError as error:
            raise SourceError(f"{self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the device."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = self._drained = None
