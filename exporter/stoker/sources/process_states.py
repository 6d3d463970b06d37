"""The processes of a machine by their state: what is looked at in /proc to count them, and no more."""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

from stoker.errors import SourceError
from stoker.sources.kept import KeptFiles, is_pseudo, share_of_descriptors
from stoker.sources.pseudofile import parsing, read_raw

_FLAGS = 6
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD
_PART = 4
"""To look at one number costs about as much as it costs to list so many processes."""
_START_TIME = 19  # index of starttime among the fields after the command; proc(5) counts it as field 22


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


class ProcessStates:
    """The processes below a /proc, which may be another machine's than the one that Stoker believes to run on."""

    def __init__(self, root: str = "/proc") -> None:
        self._root = root
        self._files = KeptFiles(root)
        # the main thread's own file: that of the whole process sums up what all its threads used
        form = "*/task/*/stat" if is_pseudo(root) else "*/stat"
        self._stats = KeptFiles(root, form=form, most=share_of_descriptors(4), chunk=1024)
        self._kernel: dict[str, bytes] = {}
        self._idle: Counter[bytes] = Counter()
        self._watched: set[str] = set()
        self._newest = 0
        self._numbered_alike: bool | None = None

    def look(self, *, kernel: bool = True) -> Processes:
        """State of every process that this user may see.

        A process that ends while it is read is left out. Only the main thread's state is looked at: reading every
        thread would cost a hundred times more on a machine that runs data loaders.

        Args:
            kernel: whether the kernel's own threads, thousands on a large machine, are looked at as well. Otherwise they are taken to be
                as they were last, but for those that were blocked.
        """
        if kernel:
            self._kernel.clear()
        listed = self._list(again=kernel)
        letters = Counter(self._idle)
        blocked: list[Blocked] = []
        with parsing(f"{self._root}/PID/stat"):
            for name in tuple(self._watched):
                try:
                    data = self._stats.read(name)
                except (FileNotFoundError, ProcessLookupError):
                    self._watched.discard(name)  # ended since the listing
                    continue
                except OSError:
                    continue  # not for us to see, or no descriptor is left
                # 812 (python (x)) D 1 812 ...: the command may hold brackets and spaces, so the last bracket ends it
                end = data.rfind(b") ")
                letter = data[end + 2 : end + 3]
                letters[letter] += 1
                if letter == b"D":
                    start = int(data[end + 2 :].split()[_START_TIME])
                    blocked.append(Blocked(int(name), start, self._switches(name)))
                elif kernel and int(data[end + 2 :].split(None, 7)[_FLAGS]) & _KERNEL_THREAD:
                    self._kernel[name] = letter
                    self._idle[letter] += 1
                    self._watched.discard(name)
        if listed:
            self._stats.keep_only(self._watched)
        if not letters:  # not even ourselves
            raise SourceError(f"{self._root}: no process can be seen")
        return Processes({letter.decode(errors="replace"): count for letter, count in letters.items()}, blocked)

    def _list(self, *, again: bool) -> bool:
        """Have the numbers of all processes, and perhaps of some that have ended; whether they were listed anew.

        To list them is most of the cost of looking at them. So that is done `again`, or when the kernel has given many numbers since; a few
        are looked at by themselves.
        """
        before, self._newest = (
            self._newest,
            self._last_number(),
        )  # read first: what begins meanwhile shows the next time
        given = self._newest - before
        if before and self._newest and not again and 0 <= given <= (len(self._watched) + len(self._kernel)) // _PART:
            self._watched.update(filter(self._is_process, map(str, range(before + 1, self._newest + 1))))
            return False
        try:
            names = set(filter(str.isdigit, os.listdir(self._root)))
        except OSError as error:
            self._newest = 0
            raise SourceError(f"{self._root}: {error.strerror or error}") from error
        self._watched = names - self._kernel.keys()
        self._idle = Counter(self._kernel[name] for name in names & self._kernel.keys())
        return True

    def _is_process(self, name: str) -> bool:
        """Whether a number is that of a process that is there, and not of one of its other threads."""
        try:
            return f"\nTgid:\t{name}\n".encode() in read_raw(f"{self._root}/{name}/status")
        except OSError:
            return False

    def _last_number(self) -> int:
        """The number that the kernel last gave to a process or thread; 0 where that is not about the processes of this /proc.

        /proc/loadavg tells it for the container of whoever reads, whatever machine the folder is of. Whoever has only one number as
        seen from the folder is in no other container than its processes.
        """
        if self._numbered_alike is None:
            self._numbered_alike = self._numbers() == 1
        try:
            return int(self._files.read("loadavg").rpartition(b" ")[2]) if self._numbered_alike else 0
        except (OSError, ValueError):
            return 0

    def _numbers(self) -> int:
        """How many numbers this process has, from the folder's container down to its own; 0 where that is not told."""
        try:
            status = read_raw(f"{self._root}/self/status")
        except OSError:
            return 0
        return len(status.partition(b"\nNSpid:")[2].partition(b"\n")[0].split())

    def _switches(self, pid: str) -> int:
        """Context switches of a process, 0 when it does not say."""
        try:
            lines = read_raw(f"{self._root}/{pid}/status").splitlines()
        except OSError:
            return 0
        # the last two lines: `voluntary_ctxt_switches: 150` and `nonvoluntary_ctxt_switches: 545`
        return sum(int(line.split()[1]) for line in lines if b"voluntary_ctxt_switches:" in line)
