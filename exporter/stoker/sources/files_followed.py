"""One followed file: open, read up to an offset, and compared with what it was."""

from __future__ import annotations

import os

from stoker.sources.files_position import Position, position_of

BLOCK = 262_144
"""Bytes that are read at once."""
COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
"""Ends of the names of files that are no text."""
_CONTEXT = 262_144


class FollowedFile:
    """An open file and how far it is read.

    Attributes:
        path: its present name.
        log: the name under which it was written: the one before a rotation, for a copy the original's.
        start: where reading began in this life.
        offset: bytes read.
        size: bytes that it had when it was last looked at.
        changed: when it was changed before that, in nanoseconds.
        partial: of the bytes read, those of a line that has not ended; whoever takes the bytes says so.
    """

    def __init__(self, path: str, descriptor: int, offset: int) -> None:
        self.path = path
        self.log = path
        self.descriptor = descriptor
        self.offset = self.start = offset
        self.partial = 0
        status = os.fstat(descriptor)
        self.identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        self.named = True
        self.quiet_since = 0.0
        self.after_cut = False
        self.changed = status.st_mtime_ns
        self._known = position_of(path, path, descriptor, offset)

    def before(self, size: int) -> bytes:
        """Up to `size` bytes in front of where reading began, from the beginning of a line on."""
        start = max(0, self.start - size)
        data = os.pread(self.descriptor, self.start - start, start)
        return data if start == 0 else data[data.find(b"\n") + 1 :]

    def former(self, size: int) -> bytes:
        """The last `size` bytes of the file that had this name before a rotation, by its name and age; empty where there is none."""
        folder, name = os.path.split(self.log)
        try:
            with os.scandir(folder) as entries:
                old = [
                    each
                    for each in entries
                    if _rotated(each.name, name) and each.is_file() and each.inode() != self.identity[1]
                ]
            newest = max(old, key=lambda each: each.stat().st_mtime_ns, default=None)
            if newest is None:
                return b""
            with open(newest.path, "rb") as file:
                file.seek(max(0, newest.stat().st_size - size))
                return file.read(size)
        except OSError:
            return b""

    def position(self) -> Position:
        """Where a restart has to go on."""
        done = self.offset - self.partial
        known = self._known
        if done != known.offset or self.path != known.path or self.log != known.log:
            self._known = position_of(self.path, self.log, self.descriptor, done)
        return self._known

    @property
    def remembered(self) -> Position:
        """The position when it was last taken: the one to use once the content may be gone."""
        return self._known

    def cut(self) -> bool:
        """Whether the content that was read is gone: the file is shorter, or not what it was up to where it was read."""
        status = os.fstat(self.descriptor)
        self.size = status.st_size
        if self.size == self.offset and status.st_mtime_ns == self.changed:
            return False
        self.changed = status.st_mtime_ns
        return self.size < self.offset or not self._known.fits(self.descriptor)

    def restart(self) -> None:
        """Read again from the beginning."""
        self.offset = self.partial = 0
        self.after_cut = True
        self._known = position_of(self.path, self.log, self.descriptor, 0)

    def read(self) -> bytes:
        """The next block; empty at the end."""
        if self.after_cut:
            # a writer without O_APPEND goes on where it was: the hole before that is no text
            try:
                self.offset = os.lseek(self.descriptor, self.offset, os.SEEK_DATA)
            except OSError:
                self.size = self.offset  # nothing but a hole follows, which somebody may yet fill
                return b""
        data = os.pread(self.descriptor, BLOCK, self.offset)
        self.offset += len(data)
        if self.after_cut:
            data = data.lstrip(b"\0")
            self.after_cut = not data
        elif data[:1] == b"\0" and not data.strip(b"\0"):
            self.after_cut = True  # a hole, too: what follows of it is passed over at once, be it a terabyte
        self.size = max(self.size, self.offset)
        return data

    def last_line(self) -> int:
        """The file's end, or the start of its last line when that has not ended: the line is completed after the start."""
        last = min(self.size, _CONTEXT)
        data = os.pread(self.descriptor, last, self.size - last)
        end = max(data.rfind(b"\n"), data.rfind(b"\r"))
        return self.size - (len(data) - end - 1) if end >= 0 or last == self.size else self.size


def _rotated(name: str, log: str) -> bool:
    """`a.log.1`, `a.log-20261124` and `a.log_old` for `a.log`; not compressed ones."""
    return name.startswith(log) and name[len(log) : len(log) + 1] in (".", "-", "_") and not name.endswith(COMPRESSED)
