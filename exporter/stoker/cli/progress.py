"""A line on the terminal that says how far a long work is; nothing where standard error is no terminal."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAUSE = 0.2
"""Seconds between two drawings."""
_WIDTH = 24
_PACKED = (".gz", ".zst")


class Progress:
    """Bytes of files that are read one after the other.

    Args:
        files: their paths; a share is shown when the size of all of them is known, which it is not for standard input and packed files.
    """

    def __init__(self, files: Sequence[str]) -> None:
        self._shown = sys.stderr.isatty()
        self._size = _size(files) if self._shown else 0
        self._done = 0
        self._next = time.monotonic() + _PAUSE
        self._drawn = False

    def advance(self, size: int, says: str) -> None:
        """So many more bytes are read."""
        self._done += size
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _PAUSE
        self._drawn = True
        share = min(1.0, self._done / self._size) if self._size else 0.0
        full = int(share * _WIDTH)
        bar = f"{share:4.0%} [{'#' * full}{' ' * (_WIDTH - full)}] " if self._size else f"{self._done / 1e6:,.0f} MB "
        sys.stderr.write(f"\r\x1b[K{bar} {says}")
        sys.stderr.flush()

    def end(self) -> None:
        """Take the line away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def _size(files: Sequence[str]) -> int:
    """Bytes of all of them; 0 where one of them does not say."""
    total = 0
    for file in files:
        if file == "-" or file.endswith(_PACKED) or not os.path.isfile(file):
            return 0
        total += os.path.getsize(file)
    return total
