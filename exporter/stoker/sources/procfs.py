"""The gate to /proc, for what psutil does not give or not exactly; its root can be moved."""

from __future__ import annotations

import os
from typing import NamedTuple

from stoker.errors import SourceError, UnavailableError
from stoker.sources.pseudofile import parsing, read, read_always, read_raw

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
"""Modes of CPU time in the order of /proc/stat; `guest` and `guest_nice` follow there and are parts of user and nice."""

_TICK = 1 / (os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100)
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_START_TIME = 19  # index of starttime among the fields after the command; proc(5) counts it as field 22


class CpuTimes(NamedTuple):
    """Seconds spent in each mode, in the order of MODES.

    Attributes:
        total: of all processors together.
        each: by the processor's own number, which has gaps when one is offline.
    """

    total: tuple[float, ...]
    each: dict[str, tuple[float, ...]]


class Stall(NamedTuple):
    """One line of a pressure file: `some` or `full`, and the seconds lost so far."""

    kind: str
    seconds: float


class Blocked(NamedTuple):
    """A process in uninterruptible sleep.

    Attributes:
        pid: its number; with `start` (clock ticks after boot) it is unique in this boot.
        switches: how often it was taken off a processor: the same number twice means that it did not run in between.
    """

    pid: int
    start: int
    switches: int


class Processes(NamedTuple):
    """How many processes are in which state (the kernel's letter), and those in `D`."""

    states: dict[str, int]
    blocked: list[Blocked]


class Procfs:
    """Everything read from /proc itself.

    Every method raises SourceError when a file cannot be read or understood, or is missing though every Linux has it, and
    UnavailableError when it belongs to a feature that this kernel does not have.
    """

    def __init__(self, root: str = "/proc") -> None:
        self.root = root

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def text(self, name: str) -> str:
        """A file of one line, without its newline."""
        return read_always(self._path(name)).decode(errors="replace").strip()

    def has(self, name: str) -> None:
        """Make sure that a file is there.

        Raises:
            UnavailableError: it is not.
        """
        if not os.path.exists(self._path(name)):
            raise UnavailableError(f"{self._path(name)}: No such file or directory")

    def number(self, name: str) -> int:
        """A file of one whole number, of a feature that the kernel may not have."""
        path = self._path(name)
        with parsing(path):
            return int(read(path))

    def open_files(self) -> tuple[int, int]:
        """/proc/sys/fs/file-nr: file handles in use, and how many there can be. The one between them has been 0 since Linux 2.6."""
        path = self._path("sys/fs/file-nr")
        with parsing(path):
            used, _, limit = (int(field) for field in read(path).split())
            return used, limit

    def cpu_times(self) -> CpuTimes:
        """/proc/stat's cpu lines."""
        path = self._path("stat")
        each: dict[str, tuple[float, ...]] = {}
        with parsing(path):
            for line in read_always(path).split(b"\n"):
                if not line.startswith(b"cpu"):
                    break  # the cpu lines come first, and the interrupts after them are long
                name, *fields = line.split()
                # old kernels give fewer modes: those are left out at the end, never taken for 0
                each[name[3:].decode()] = tuple(int(field) * _TICK for field in fields[: len(MODES)])
            return CpuTimes(each.pop(""), each)

    def load(self) -> tuple[float, float, float]:
        """Load averages of 1, 5 and 15 minutes."""
        path = self._path("loadavg")
        with parsing(path):
            one, five, fifteen = (float(field) for field in read_always(path).split()[:3])
            return one, five, fifteen

    def memory(self) -> dict[str, int]:
        """/proc/meminfo in bytes, without its few lines that are plain numbers."""
        path = self._path("meminfo")
        with parsing(path):
            # MemTotal:       24684092 kB
            rows = [line.split() for line in read_always(path).decode().splitlines()]
            return {row[0][:-1]: int(row[1]) * 1024 for row in rows if len(row) == 3}  # noqa: PLR2004 - name, number, unit

    def vmstat(self) -> dict[str, int]:
        """/proc/vmstat: events and pages since boot."""
        path = self._path("vmstat")
        with parsing(path):
            fields = read(path).decode().split()
            return dict(zip(fields[::2], map(int, fields[1::2]), strict=True))

    def swapped(self) -> tuple[int, int]:
        """Bytes swapped in and out since boot. psutil takes a page for 4 KiB, which it is not on many arm64 machines."""
        counts = self.vmstat()
        with parsing(self._path("vmstat")):
            return counts["pswpin"] * _PAGE, counts["pswpout"] * _PAGE

    def pressure(self, resource: str) -> list[Stall]:
        """/proc/pressure/`resource`.

        A line of Linux 6.1: `some avg10=0.00 avg60=0.13 avg300=0.13 total=9506053`, the total in microseconds.
        """
        path = self._path(f"pressure/{resource}")
        stalls = []
        with parsing(path):
            for line in read(path).decode().splitlines():
                kind, *pairs = line.split()
                values = dict(pair.split("=", 1) for pair in pairs)
                stalls.append(Stall(kind, int(values["total"]) / 1e6))
        return stalls

    def processes(self) -> Processes:
        """State of every process that this user may see.

        A process that ends while it is read is left out. Only the main thread's state is looked at: reading every
        thread would cost a hundred times more on a machine that runs data loaders.
        """
        try:
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise SourceError(f"{self.root}: {error.strerror or error}") from error
        states: dict[str, int] = {}
        blocked: list[Blocked] = []
        try:
            for name in os.listdir(folder):
                if not name.isdigit():
                    continue
                try:
                    data = read_raw(f"{name}/stat", folder)
                except OSError:
                    continue  # ended since the listing
                # 812 (python (x)) D 1 812 ...: the command may hold brackets and spaces, so the last bracket ends it
                state = chr(data[data.rindex(b")") + 2]) if b")" in data else "?"
                states[state] = states.get(state, 0) + 1
                if state == "D":
                    start = int(data[data.rindex(b")") + 2 :].split()[_START_TIME])
                    blocked.append(Blocked(int(name), start, _switches(name, folder)))
        except (ValueError, IndexError) as error:
            raise SourceError(f"{self.root}/PID/stat: not in the expected form: {error}") from error
        finally:
            os.close(folder)
        if not states:  # not even ourselves
            raise SourceError(f"{self.root}: no process can be seen")
        return Processes(states, blocked)


def _switches(name: str, folder: int) -> int:
    """Context switches of a process, 0 when it does not say."""
    try:
        lines = read_raw(f"{name}/status", folder).splitlines()
    except OSError:
        return 0
    # the last two lines: `voluntary_ctxt_switches: 150` and `nonvoluntary_ctxt_switches: 545`
    return sum(int(line.split()[1]) for line in lines if b"voluntary_ctxt_switches:" in line)
