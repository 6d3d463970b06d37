"""The names that are asked for, and what is there under them: looked at every turn, or less often where they are very many."""

from __future__ import annotations

import math
import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from stoker.sources.files_followed import COMPRESSED
from stoker.sources.files_remains import PACKED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stoker.sources.files_faults import Faults
    from stoker.sources.files_known import Identity

_DEAR = 0.02
_COST = 50.0


class Seen(NamedTuple):
    """A file that matches: its path, and its size and time of change."""

    path: str
    change: tuple[int, int]


class Names:
    """See the module. A look that takes more than 20 ms of CPU is taken so seldom that looking costs at most a fiftieth of a core.

    Attributes:
        files: what matches and is a text file, by device and inode, as of the last look.
        packed: paths of packed files, as of the last look that asked for them.

    Args:
        find: gives the paths; told the seconds of a steady clock.
        knows: whether the packed file with this device, inode and time of change was read.
        faults: takes what cannot be followed.
    """

    def __init__(
        self, find: Callable[[float], Iterable[str]], knows: Callable[[Identity, int], bool], faults: Faults
    ) -> None:
        self.files: dict[Identity, Seen] = {}
        self.packed: list[str] = []
        self._find = find
        self._knows = knows
        self._faults = faults
        self._next = -math.inf

    @property
    def looked(self) -> bool:
        """Whether there was a look in this life."""
        return self._next > -math.inf

    def look(self, now: float, *, packed: bool) -> bool:
        """Look, unless it is too early; whether that was done.

        Args:
            now: seconds of a steady clock.
            packed: whether packed files are wanted; they are faults otherwise.
        """
        if now < self._next:
            return False
        begun = time.thread_time()
        self.files, self.packed = {}, []
        for path in self._find(now):
            try:
                status = os.stat(path)
            except OSError as error:
                if os.path.islink(path):
                    # to nothing, or in a circle; a file that is gone since the folder was read is no fault
                    self._faults.say(path, "unreadable", error.strerror)
                continue
            if path.endswith(COMPRESSED):
                self._see_packed(path, status, wanted=packed)
            elif stat.S_ISREG(status.st_mode):
                seen = Seen(path, (status.st_size, status.st_mtime_ns))
                self.files.setdefault((status.st_dev, status.st_ino), seen)
            else:
                self._faults.say(path, "directory" if stat.S_ISDIR(status.st_mode) else "no_file")
        self._faults.looked(seen.path for seen in self.files.values())
        took = time.thread_time() - begun
        self._next = now + took * _COST if took > _DEAR else now
        return True

    def _see_packed(self, path: str, status: os.stat_result, *, wanted: bool) -> None:
        if self._knows((status.st_dev, status.st_ino), status.st_mtime_ns):
            return
        if wanted and path.endswith(PACKED) and stat.S_ISREG(status.st_mode):
            self.packed.append(path)
        else:
            self._faults.say(path, "compressed")
