"""Expands globs often enough to see a new file within a second, and seldom enough to cost nothing."""

from __future__ import annotations

import glob
import os
import time

from stoker.sources.globs import expand

_AT_LEAST_EVERY = 30.0
_RECURSIVE_EVERY = 5.0
_COST = 100.0
_SETTLED = 2.0


class Globs:
    """The files that match one of several patterns.

    A pattern whose wildcards stand in its last part only is expanded when its folder has changed, any other one every few
    seconds and so that looking takes at most a hundredth of the time.

    Args:
        patterns: as users write them; `**` crosses folders.
    """

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self._patterns = [_Pattern(os.path.abspath(os.path.expanduser(pattern))) for pattern in patterns]

    def paths(self, now: float) -> list[str]:
        """Matching paths, sorted, each once; `now` in seconds of any steady clock."""
        return sorted({path for pattern in self._patterns for path in pattern.paths(now)})


class _Pattern:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        folder = os.path.dirname(pattern)
        self._folder = "" if glob.has_magic(folder) else folder
        self._plain = not glob.has_magic(pattern)
        self._changed = 0
        self._next = -1.0
        self._found: list[str] = []

    def paths(self, now: float) -> list[str]:
        if self._plain:
            # a name without wildcard needs no search; a file that has a wildcard's character in its name is one, too
            return [self._pattern] if os.path.lexists(self._pattern) else []
        changed = _changed(self._folder) if self._folder else 0
        if now < self._next and changed == self._changed:
            return self._found
        begun = time.perf_counter()
        self._found = expand(self._pattern)
        took = time.perf_counter() - begun
        every = _AT_LEAST_EVERY if self._folder else _RECURSIVE_EVERY
        # a folder's time has a coarse step: while it is fresh, a second change may look like the first
        fresh = self._folder and abs(time.time() - changed / 1e9) < _SETTLED
        self._changed = -1 if fresh else changed
        self._next = now + max(every, took * _COST)
        return self._found


def _changed(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0
