"""The gate to the control groups that this process is in: the limits of a container, seen from inside.

In a container it is the container's limit that runs out, long before the machine's memory. Limits may be set on any level above
a process (the container, its pod, a slice of the machine), so every level that can be seen from here is looked at, and the narrowest
counts. Both versions of the interface are read; what is found is told in bytes, seconds and processors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stoker.errors import UnavailableError
from stoker.sources.pseudofile import failure, parsing, read_raw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NO_LIMIT = 1 << 60
"""Version 1 says `no limit` as the largest number of whole pages."""
_FILES = {
    ("memory", True): ("memory.max", "memory.current", "memory.stat", "memory.events"),
    ("memory", False): ("memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat", "memory.oom_control"),
    ("cpu", True): ("cpu.max", "cpu.stat"),
    ("cpu", False): ("cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.stat"),
}
"""What a level has, by controller and whether it is of version 2."""


class MemoryLimit(NamedTuple):
    """The narrowest limit on memory.

    Attributes:
        limit, used: bytes; file cache that is not in active use could be given back at once and is not counted as used.
        kills: processes that the kernel killed because of it; None where it does not say.
    """

    limit: int
    used: int
    kills: int | None


class CpuLimit(NamedTuple):
    """The narrowest limit on processor time.

    Attributes:
        processors: how many may be used at the same time, on the mean of a period.
        throttled: seconds that tasks waited because of it, summed over the processors; None where the kernel does not say.
    """

    processors: float
    throttled: float | None


class Cgroups:
    """The levels above this process.

    Args:
        procfs: root of /proc.
        sysfs: root of /sys.
        read: gives a whole file, or raises OSError.
    """

    def __init__(self, procfs: str, sysfs: str, read: Callable[[str], bytes] = read_raw) -> None:
        self._procfs = procfs
        self._read_file = read
        self._root = f"{sysfs}/fs/cgroup"

    def memory(self) -> MemoryLimit | None:
        """The narrowest limit on memory, which may be beyond what the machine has; None when there is none.

        Raises:
            UnavailableError: this system has no control groups.
            SourceError: a file of a level that has a limit cannot be read or understood.
        """
        levels = []
        for folder, second in self._levels("memory"):
            limit = self._limit(f"{folder}/{'memory.max' if second else 'memory.limit_in_bytes'}")
            if limit is not None and limit < _NO_LIMIT:
                levels.append((limit, folder, second))
        if not levels:
            return None
        limit, folder, second = min(levels, key=lambda level: level[0])
        used = int(self._number(f"{folder}/{'memory.current' if second else 'memory.usage_in_bytes'}"))
        inactive = self._counts(f"{folder}/memory.stat").get("inactive_file" if second else "total_inactive_file", 0)
        kills = self._counts(f"{folder}/{'memory.events' if second else 'memory.oom_control'}").get("oom_kill")
        return MemoryLimit(limit, max(0, used - inactive), kills)

    def cpu(self) -> CpuLimit | None:
        """The narrowest limit on processor time; None when there is none.

        Raises:
            UnavailableError, SourceError: as for `memory`.
        """
        levels = []
        for folder, second in self._levels("cpu"):
            processors = self._second_quota(folder) if second else self._first_quota(folder)
            if processors is not None:
                levels.append((processors, folder, second))
        if not levels:
            return None
        processors, folder, second = min(levels, key=lambda level: level[0])
        counts = self._counts(f"{folder}/cpu.stat")
        name, unit = ("throttled_usec", 1e6) if second else ("throttled_time", 1e9)
        return CpuLimit(processors, counts[name] / unit if name in counts else None)

    def files(self) -> Iterator[str]:
        """Every file that may be read, whether or not it is there.

        Raises:
            UnavailableError, SourceError: as for `memory`.
        """
        yield f"{self._procfs}/self/cgroup"
        for controller in ("memory", "cpu"):
            for folder, second in self._levels(controller):
                yield from (f"{folder}/{name}" for name in _FILES[controller, second])

    def _levels(self, controller: str) -> Iterator[tuple[str, bool]]:
        """Folders from the process's own up to the top, and whether each is of version 2.

        In a container the path may be that of the machine, of which the container sees its own part only, mounted as the top:
        levels that cannot be seen have no files and no limits.
        """
        path = f"{self._procfs}/self/cgroup"
        with parsing(path):
            # 4:memory:/docker/ab12 (version 1), 0::/system.slice/a.service (version 2)
            rows = [line.split(":", 2) for line in self._read(path).decode(errors="replace").splitlines()]
            mine = {name: place for _, names, place in rows for name in names.split(",")}
        if not mine:
            raise UnavailableError(f"{path}: this process is in no control group")
        second = controller not in mine
        top = self._root if second else f"{self._root}/{controller}"
        place = mine.get(controller, mine.get("", "/")).rstrip("/")
        if ".." in place.split("/"):  # beyond what is mounted here
            place = ""
        while True:
            yield f"{top}{place}", second
            if not place:
                return
            place = place.rpartition("/")[0]

    def _read(self, path: str) -> bytes:
        """The whole file; UnavailableError where there is none, SourceError where it cannot be read."""
        try:
            return self._read_file(path)
        except OSError as error:
            raise failure(path, error) from error

    def _number(self, path: str) -> int:
        with parsing(path):
            return int(self._read(path))

    def _limit(self, path: str) -> int | None:
        """A limit in bytes; None where there is no such file, or it says `max`."""
        try:
            text = self._read(path).strip()
        except UnavailableError:
            return None
        with parsing(path):
            return None if text == b"max" else int(text)

    def _second_quota(self, folder: str) -> float | None:
        """`200000 100000`, microseconds in each period of so many, or `max 100000`."""
        path = f"{folder}/cpu.max"
        try:
            text = self._read(path)
        except UnavailableError:
            return None
        with parsing(path):
            quota, period = text.split()
            return None if quota == b"max" else _share(int(quota), int(period))

    def _first_quota(self, folder: str) -> float | None:
        """Version 1 says -1 for no limit."""
        try:
            quota = self._number(f"{folder}/cpu.cfs_quota_us")
            period = self._number(f"{folder}/cpu.cfs_period_us")
        except UnavailableError:
            return None
        with parsing(folder):
            return None if quota < 0 else _share(quota, period)

    def _counts(self, path: str) -> dict[str, int]:
        """A file of names and numbers; empty where there is none."""
        try:
            words = self._read(path).decode(errors="replace").split()
        except UnavailableError:
            return {}
        with parsing(path):
            return dict(zip(words[::2], map(int, words[1::2]), strict=True))


def _share(quota: int, period: int) -> float:
    if period <= 0:
        raise ValueError(f"a period of {period}")
    return quota / period
