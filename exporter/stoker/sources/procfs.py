"""The gate to /proc, for what psutil does not give or not exactly; its root can be moved."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.errors import SourceError
from stoker.sources.kept import KeptFiles
from stoker.sources.pseudofile import failure, parsing

if TYPE_CHECKING:
    from collections.abc import Callable

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Modes of CPU time in the order of /proc/stat; `guest` and `guest_nice` follow there and are parts of user and nice."""

_TICK = 1 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_SECTOR = 512  # the kernel's unit of disk traffic, whatever the disk's own is
_MEMORY = re.compile(rb"^(Mem\w+|Cached|Buffers|Swap\w+): +(\S+) kB$", re.MULTILINE)  # MemTotal:       24684092 kB
_EVENTS = (b"pswpin", b"pswpout", b"oom_kill")
_FRESH = 0.05
"""Seconds: a round of collectors asks for the same table several times, and /proc/stat of a large machine takes a millisecond."""


class CpuTimes(NamedTuple):
    """Seconds spent in each mode, in the order of MODES.

    Attributes:
        total: of all processors together.
        each: by the processor's own number, which has gaps when one is offline.
    """

    total: tuple[float, ...]
    each: dict[str, tuple[float, ...]]


class DiskCounts(NamedTuple):
    """What a block device did since boot; `io_seconds` is None where the system does not say."""

    read_bytes: int
    written_bytes: int
    reads: int
    writes: int
    io_seconds: float | None


class NetworkCounts(NamedTuple):
    """What an interface did since it came up: bytes, packets, and packets with errors or dropped."""

    receive_bytes: int
    transmit_bytes: int
    receive_packets: int
    transmit_packets: int
    receive_errors: int
    transmit_errors: int
    receive_dropped: int
    transmit_dropped: int


class Stall(NamedTuple):
    """One line of a pressure file: `some` or `full`, and the seconds lost so far."""

    kind: str
    seconds: float


class Procfs:
    """Everything read from /proc itself.

    Every method raises SourceError when a file cannot be read or understood, or is missing though every Linux has it, and
    UnavailableError when it belongs to a feature that this kernel does not have.

    Args:
        root: where it is.
        read: gives a whole file that is not of a process, or raises OSError.
    """

    def __init__(self, root: str = "/proc", read: Callable[[str], bytes] | None = None) -> None:
        self.root = root
        self._files = KeptFiles(root, fresh=_FRESH, read=read)
        self._memory: tuple[bytes, dict[str, int]] = (b"", {})

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def _read(self, name: str) -> bytes:
        """A file of a feature that the kernel may not have."""
        try:
            return self._files.read(name)
        except OSError as error:
            raise failure(self._path(name), error) from error

    def _read_always(self, name: str) -> bytes:
        """A file that every Linux has: without it something is wrong here (no /proc is mounted), and is to be said."""
        try:
            return self._files.read(name)
        except OSError as error:
            raise SourceError(f"{self._path(name)}: {error.strerror or error}") from error

    def text(self, name: str) -> str:
        """A file of one line, without its newline."""
        return self._read_always(name).decode(errors="replace").strip()

    def number(self, name: str) -> int:
        """A file of one whole number, of a feature that the kernel may not have."""
        with parsing(self._path(name)):
            return int(self._read(name))

    def open_files(self) -> tuple[int, int]:
        """/proc/sys/fs/file-nr: file handles in use, and how many there can be. The one between them has been 0 since Linux 2.6."""
        with parsing(self._path("sys/fs/file-nr")):
            used, _, limit = (int(field) for field in self._read("sys/fs/file-nr").split())
            return used, limit

    def boot_time(self) -> float:
        """When the machine was booted, seconds since the epoch: /proc/stat's btime."""
        with parsing(self._path("stat")):
            data = self._read_always("stat")
            return float(int(data[data.index(b"\nbtime ") + 7 :].split(None, 1)[0]))

    def cpu_times(self) -> CpuTimes:
        """/proc/stat's cpu lines."""
        each: dict[str, tuple[float, ...]] = {}
        with parsing(self._path("stat")):
            data = self._read_always("stat")
            # the cpu lines come first, and the interrupts after them are long
            for line in data[: data.find(b"\nintr ")].split(b"\n"):
                if not line.startswith(b"cpu"):
                    break
                name, *fields = line.split()
                # old kernels give fewer modes: those are left out at the end, never taken for 0
                each[name[3:].decode()] = tuple(int(field) * _TICK for field in fields[: len(MODES)])
            return CpuTimes(each.pop(""), each)

    def load(self) -> tuple[float, float, float]:
        """Load averages of 1, 5 and 15 minutes."""
        with parsing(self._path("loadavg")):
            one, five, fifteen = (float(field) for field in self._read_always("loadavg").split()[:3])
            return one, five, fifteen

    def memory(self) -> dict[str, int]:
        """What /proc/meminfo says of memory, caches, buffers and swap, in bytes."""
        with parsing(self._path("meminfo")):
            data = self._read_always("meminfo")
            if data is not self._memory[0]:  # what is asked for in the same round is the same
                self._memory = (data, {name.decode(): int(size) * 1024 for name, size in _MEMORY.findall(data)})
            return self._memory[1]

    def events(self) -> dict[str, int]:
        """What /proc/vmstat counts since boot of pages swapped in and out, and of processes killed for want of memory."""
        with parsing(self._path("vmstat")):
            data = b"\n" + self._read("vmstat")
            if not data.split(None, 2)[1].isdigit():
                raise ValueError(data[1:41].decode(errors="replace"))
            found = {}
            for name in _EVENTS:
                at = data.find(b"\n%b " % name)
                if at >= 0:
                    found[name.decode()] = int(data[at + len(name) + 1 :].split(None, 1)[0])
            return found

    def swapped(self) -> tuple[int, int]:
        """Bytes swapped in and out since boot. psutil takes a page for 4 KiB, which it is not on many arm64 machines."""
        counts = self.events()
        with parsing(self._path("vmstat")):
            return counts["pswpin"] * _PAGE, counts["pswpout"] * _PAGE

    def pressure(self, resource: str) -> list[Stall]:
        """/proc/pressure/`resource`.

        A line of Linux 6.1: `some avg10=0.00 avg60=0.13 avg300=0.13 total=9506053`, the total in microseconds.
        """
        stalls = []
        with parsing(self._path(f"pressure/{resource}")):
            for line in self._read(f"pressure/{resource}").decode().splitlines():
                kind, _, total = line[: line.index(" ")], *line.rpartition("total=")[1:]
                stalls.append(Stall(kind, int(total) / 1e6))
        return stalls

    def disks(self) -> dict[str, DiskCounts]:
        """/proc/diskstats, as far as it has the counters of a whole device."""
        found = {}
        with parsing(self._path("diskstats")):
            for line in self._read("diskstats").splitlines():
                #  254 0 vda 905990 49 29285536 93 775842 1 79431360 3402 0 154972 ...
                fields = line.split(None, 13)
                reads, _, read, _, writes, _, written, _, _, busy = map(int, fields[3:13])
                found[fields[2].decode()] = DiskCounts(read * _SECTOR, written * _SECTOR, reads, writes, busy / 1000)
        return found

    def networks(self) -> dict[str, NetworkCounts]:
        """/proc/net/dev: every interface, the loopback included."""
        found = {}
        with parsing(self._path("net/dev")):
            for line in self._read_always("net/dev").splitlines()[2:]:
                #   eth0: 5000000    4000    3    4    0     0          0         0  6000000    5000    1    2 ...
                name, _, counts = line.rpartition(b":")
                received, in_packets, in_errors, in_drops, _, _, _, _, sent, out_packets, out_errors, out_drops = map(
                    int, counts.split(None, 12)[:12]
                )
                found[name.strip().decode(errors="replace")] = NetworkCounts(
                    received, sent, in_packets, out_packets, in_errors, out_errors, in_drops, out_drops
                )
        return found
