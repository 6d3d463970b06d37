"""Writes the log of a run: bounded, in a thread of its own, so that no disk can hold up the command.

Blocks wait in a queue of a few megabytes. A disk that is full or slow costs lines of the log, which are counted, and never
the command's output or, for longer than a moment, its time. What goes on after a loss begins with a whole line.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from stoker.sources.run_folder import LOGS
from stoker.sources.run_record import BEAT

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

SIZE = 64 << 20
"""Bytes at which a log is rotated; with the rotated ones a run has at most four times as much."""
_QUEUE = 16 << 20
_PATIENCE = 1.0
"""Seconds that the command may be held up by a disk that does not take more; once, until it takes something again."""
_TOGETHER = 1 << 16
_LINE = 1 << 20
"""Bytes beyond its size that a log may have because a line has not ended."""


class RunLog:
    """The log of one run.

    Args:
        path: of the log.
        begin: called in the thread before the first line is written.
        beat: called in the thread every half minute with the bytes lost so far.
        size: see SIZE.
        queue: bytes that may wait.

    Attributes:
        lost: bytes that are missing in the log.
        says: why, the last reason; empty while nothing is.
    """

    def __init__(
        self,
        path: str,
        *,
        begin: Callable[[], None],
        beat: Callable[[int], None],
        size: int = SIZE,
        queue: int = _QUEUE,
    ) -> None:
        self.lost = 0
        self.says = ""
        self._path = path
        self._begin = begin
        self._beat = beat
        self._size = size
        self._queue = queue
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._held = 0
        self._stalled = False
        self._ending: Callable[[int], None] | None = None
        self._descriptor = -1
        self._written = 0
        self._whole = True
        self._broken = False
        self._thread = threading.Thread(target=self._run, name="run-log", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def write(self, data: bytes) -> None:
        """Take a block; never fails, and waits for at most a moment."""
        with self._changed:
            if not self._room() and not self._stalled:
                self._stalled = not self._changed.wait_for(self._room, _PATIENCE)
            if not self._room():
                self._lose(len(data), "the disk is too slow")
                return
            self._stalled = False
            self._waiting.append(data)
            self._held += len(data)
            self._changed.notify_all()

    def _room(self) -> bool:
        return self._held < self._queue

    def close(self, end: Callable[[int], None], patience: float) -> bool:
        """Write what waits, call `end` with the bytes lost; whether that was done within `patience` seconds."""
        with self._changed:
            self._ending = end
            self._changed.notify_all()
        self._thread.join(patience)
        return not self._thread.is_alive()

    def _lose(self, size: int, why: str) -> None:
        self.lost += size
        self.says = why
        self._broken = True

    def _run(self) -> None:
        self._attempt(self._begin)
        next_beat = time.monotonic() + BEAT
        while True:
            with self._changed:
                wait = max(0.0, next_beat - time.monotonic())
                self._changed.wait_for(lambda: self._waiting or self._ending is not None, wait)
                data = self._next()
                ending = None if data else self._ending
            if data:
                self._put(data)
                with self._changed:
                    self._held -= len(data)
                    self._changed.notify_all()
            if ending is not None:
                break
            if time.monotonic() >= next_beat:
                next_beat = time.monotonic() + BEAT
                self._attempt(lambda: self._beat(self.lost))
        if self._descriptor >= 0:
            with suppress(OSError):
                if not self._whole:
                    os.write(self._descriptor, b"\n")  # nothing follows: the last line is one
                os.close(self._descriptor)
        self._attempt(lambda: ending(self.lost))

    def _next(self) -> bytes:
        """The blocks that wait, small ones together."""
        found: list[bytes] = []
        size = 0
        while self._waiting and (not found or size + len(self._waiting[0]) <= _TOGETHER):
            found.append(self._waiting.popleft())
            size += len(found[-1])
        return found[0] if len(found) == 1 else b"".join(found)

    def _attempt(self, what: Callable[[], None]) -> None:
        """Do something with the record; a failure is said at the end, and costs nothing else."""
        try:
            what()
        except OSError as error:
            self.says = error.strerror or str(error)

    def _put(self, data: bytes) -> None:
        lead = b""
        if self._broken:
            # what is left of a line whose beginning is lost would be read as a line
            start = data.find(b"\n") + 1 or len(data)
            with self._changed:
                self.lost += start
            data = data[start:]
            if not data:
                return
            lead = b"" if self._whole else b"\n"
        done = 0
        try:
            full = self._written >= self._size and (self._whole or self._written >= self._size + _LINE)
            if self._descriptor < 0 or full:
                self._rotate()
            while lead:
                lead = lead[os.write(self._descriptor, lead) :]
            while done < len(data):
                done += os.write(self._descriptor, data[done:] if done else data)
            self._broken = False
        except OSError as error:
            with self._changed:
                self._lose(len(data) - done, error.strerror or str(error))
        if done:
            self._written += done
            self._whole = data[done - 1] in b"\r\n"

    def _rotate(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            for number in range(LOGS, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(f"{self._path}.{number - 1}" if number > 1 else self._path, f"{self._path}.{number}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._descriptor = os.open(self._path, flags, 0o644)
        self._written, self._whole = 0, True
