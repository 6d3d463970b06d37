"""Files of /proc that are read again and again: kept open, which costs half of what opening them anew does.

Only the kernel's own files are kept. In a folder of plain files (a recorded machine, a test) a name may mean another file the next time,
so those are opened each time.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

_PIECE = 1 << 10
"""Bytes below which the kernel gives a file in one piece. Of a longer table it gives about a page at a time, however much is asked for."""


class KeptFiles:
    """Files below a folder, read from their beginning each time.

    Args:
        root: the folder, usually /proc.
        form: the file of a name, which stands in the place of each `*`.
        most: how many are kept open; more are opened each time.
        chunk: bytes that are read at once; what is larger takes more than one call.
        fresh: seconds for which what was read of a kept file is given again: several collectors ask for the same file in one round.
        monotonic: seconds that never go back.
        read: gives a whole file in place of the file system, or raises OSError; nothing is kept open then.
    """

    def __init__(
        self,
        root: str,
        *,
        form: str = "*",
        most: int = 64,
        chunk: int = 1 << 16,
        fresh: float = 0.0,
        monotonic: Callable[[], float] = time.monotonic,
        read: Callable[[str], bytes] | None = None,
    ) -> None:
        self._root = root
        self._form = form
        self._read = read
        self._most = most
        self._chunk = chunk
        self._fresh = fresh
        self._monotonic = monotonic
        self._open: dict[str, int] = {}
        self._given: dict[str, tuple[float, bytes]] = {}
        self._pseudo: bool | None = None
        weakref.finalize(self, _close, self._open).atexit = False

    def read(self, name: str) -> bytes:
        """The whole file as it is now, or was `fresh` seconds ago.

        Raises:
            OSError: as the kernel said it.
        """
        descriptor = self._open.get(name)
        if descriptor is None:
            return self._first(name)
        if self._fresh:
            now = self._monotonic()
            read_at, data = self._given.get(name, (-math.inf, b""))
            if now - read_at < self._fresh:
                return data
        try:
            data = self._whole(descriptor)
        except OSError:
            self._drop(name)  # what it was of is gone; the name may be of something new
            return self._first(name)
        if self._fresh:
            self._given[name] = (now, data)
        return data

    def keep_only(self, names: AbstractSet[str]) -> None:
        """Close what has none of these names."""
        for name in self._open.keys() - names:
            self._drop(name)

    def _first(self, name: str) -> bytes:
        path = f"{self._root}/{self._form.replace('*', name)}"
        if self._read is not None:
            return self._read(path)
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        kept = False
        try:
            data = self._whole(descriptor)
            if self._pseudo is None:
                self._pseudo = is_pseudo(self._root)
            if self._pseudo and len(self._open) < self._most:
                kept = self._open.setdefault(name, descriptor) == descriptor  # else another thread was quicker
        finally:
            if not kept:
                os.close(descriptor)
        return data

    def _whole(self, descriptor: int) -> bytes:
        data = os.pread(descriptor, self._chunk, 0)
        if len(data) >= min(self._chunk, _PIECE):
            while more := os.pread(descriptor, self._chunk, len(data)):
                data += more
        return data

    def _drop(self, name: str) -> None:
        self._given.pop(name, None)
        descriptor = self._open.pop(name, None)
        if descriptor is not None:
            os.close(descriptor)


def is_pseudo(folder: str) -> bool:
    """Whether the kernel makes the files of a folder up: a file system without blocks."""
    try:
        return os.statvfs(folder).f_blocks == 0
    except OSError:
        return False


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
