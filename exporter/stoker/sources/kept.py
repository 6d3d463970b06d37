"""Files of /proc that are read again and again: kept open, which costs half of what opening them anew does.

Only the kernel's own files are kept. In a folder of plain files (a recorded machine, a test) a name may mean another file the next time,
so those are opened each time.
"""

from __future__ import annotations

import contextlib
import os
import weakref
from typing import TYPE_CHECKING

from stoker.sources.pseudofile import read_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet


class KeptFiles:
    """Files below a folder, read from their beginning each time.

    Args:
        root: the folder, usually /proc.
        suffix: what follows a name, as `/stat` a process's number.
        most: how many are kept open; more are opened each time.
        chunk: bytes that are read at once; what is larger takes more than one call.
        read: gives a whole file that is not kept open, or raises OSError.
    """

    def __init__(
        self,
        root: str,
        *,
        suffix: str = "",
        most: int = 64,
        chunk: int = 1 << 16,
        read: Callable[[str], bytes] = read_raw,
    ) -> None:
        self._root = root
        self._read_raw = read
        self._suffix = suffix
        self._most = most
        self._chunk = chunk
        self._open: dict[str, int] = {}
        self._pseudo: bool | None = None
        weakref.finalize(self, _close, self._open).atexit = False

    def read(self, name: str) -> bytes:
        """The whole file as it is now.

        Raises:
            OSError: as the kernel said it.
        """
        descriptor = self._open.get(name)
        if descriptor is None:
            return self._first(name)
        try:
            data = os.pread(descriptor, self._chunk, 0)
            while len(data) >= self._chunk and (more := os.pread(descriptor, self._chunk, len(data))):
                data += more
        except OSError:
            self._drop(name)  # what it was of is gone; the name may be of something new
            return self._first(name)
        return data

    def keep_only(self, names: AbstractSet[str]) -> None:
        """Close what has none of these names."""
        for name in self._open.keys() - names:
            self._drop(name)

    def _first(self, name: str) -> bytes:
        path = f"{self._root}/{name}{self._suffix}"
        data = self._read_raw(path)
        if len(self._open) < self._most and self._is_pseudo():
            with contextlib.suppress(OSError):  # the next read says what is wrong
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                if self._open.setdefault(name, descriptor) != descriptor:
                    os.close(descriptor)  # another thread was quicker
        return data

    def _drop(self, name: str) -> None:
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)

    def _is_pseudo(self) -> bool:
        """Whether the kernel makes these files up: a file system without blocks."""
        if self._pseudo is None:
            try:
                self._pseudo = os.statvfs(self._root).f_blocks == 0
            except OSError:
                self._pseudo = False
        return self._pseudo


def _close(descriptors: dict[str, int]) -> None:
    while descriptors:
        _, descriptor = descriptors.popitem()
        with contextlib.suppress(OSError):
            os.close(descriptor)


def share_of_descriptors(part: int) -> int:
    """One `part`-th of the files that this process may open; 0 where the system has no such limit."""
    try:
        import resource  # noqa: PLC0415 - not on every system
    except ImportError:
        return 0
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 4096 if soft == resource.RLIM_INFINITY else min(4096, soft // part)
