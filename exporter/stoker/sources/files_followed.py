"""One followed file: open, read up to an offset, and compared with what it was."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.sources.files_position import Progress, edges_of, new_position
from stoker.sources.files_remains import is_rotated
from stoker.sources.files_writer import is_complete

if TYPE_CHECKING:
    from stoker.sources.files_position import Position

BLOCK = 262_144
"""Bytes that are read at once."""
COMPRESSED = (".gz", ".zst", ".xz", ".bz2")
"""Ends of the names of files that are no text."""
PAUSE = 5.0
"""Seconds after which a line without end is one, when nobody can go on with it."""
_CONTEXT = 262_144
_HEADER = 4096
"""Bytes at the beginning of a file in which a table has the names of its columns."""


class FollowedFile(Progress):
    """An open file and how far it is read.

    Attributes:
        path: its present name.
        log: the name under which it was written: the one before a rotation, for a copy the original's.
        start: where reading began in this life.
        size: bytes that it had when it was last looked at.
        changed: when it was changed before that, in nanoseconds.
        named: whether it has a name that is asked for.
        after_cut: whether NUL bytes may come that are no text.
        skipped: runs of such bytes that began since somebody last set it to 0.
        passed: whether the log was seen to go on in another file.
        asked_at: when it was last asked whether somebody has it open for writing, by the clock of `quiet_since`.
        held: whether somebody has, as far as is known.
    """

    def __init__(self, path: str, descriptor: int, offset: int = 0) -> None:
        self.path = path
        self.log = path
        self.descriptor = descriptor
        self.start = offset
        status = os.fstat(descriptor)
        self.identity = (status.st_dev, status.st_ino)
        self.size = status.st_size
        self.named = True
        self.quiet_since = self.asked_at = 0.0
        self.held = False
        self.after_cut = not offset
        self.skipped = 0
        self._hollow = False
        self.passed = False
        self.changed = status.st_mtime_ns
        folder = os.path.dirname(os.path.realpath(path))
        self._folder = "" if folder == os.path.dirname(path) else folder
        super().__init__(edges_of(descriptor, offset))
        self._known = self._place(new_position(path, path, self.identity))

    def begin(self, offset: int) -> None:
        """Start reading there."""
        self.start = offset
        self.after_cut = not offset
        self._hollow = False
        self._edges = edges_of(self.descriptor, offset)
        self._known = self._place(self._known)

    def before(self, size: int) -> bytes:
        """Up to `size` bytes in front of where reading began, from the beginning of a line on; first those lines of the file that may name
        the columns of all others.
        """
        start = max(0, self.start - size)
        data = os.pread(self.descriptor, self.start - start, start)
        if start == 0:
            return data.lstrip(b"\0")
        first = os.pread(self.descriptor, min(_HEADER, start), 0).lstrip(b"\0")
        return first[: first.rfind(b"\n") + 1] + data[data.find(b"\n") + 1 :]

    def former(self, size: int) -> bytes:
        """The last `size` bytes of the file that had this name before a rotation, by its name and age; empty where there is none."""
        folder, name = os.path.split(self.log)
        try:
            with os.scandir(folder) as entries:
                old = [
                    each
                    for each in entries
                    if is_rotated(each.name, name)
                    and not each.name.endswith(COMPRESSED)
                    and each.is_file()
                    and each.inode() != self.identity[1]
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
        """Where a restart has to go on; said from memory, whatever has become of the file."""
        known = self._known
        if self._edges.offset - self._edges.partial != known.offset or (self.path, self.log) != (known.path, known.log):
            self._known = known = self._place(known)
        if (known.changed, known.passed) != (self.changed, self.passed):
            self._known = known = replace(known, changed=self.changed, passed=self.passed)
        return known

    def _place(self, position: Position) -> Position:
        return self._edges.place(replace(position, path=self.path, log=self.log, folder=self._folder))

    def has_name(self) -> bool:
        """Whether the file is where it was: it is only not asked for any more."""
        try:
            status = os.stat(self.path)
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self.identity

    def is_older(self) -> bool:
        """Whether a log goes on in another file."""
        return not self.named or self.path != self.log

    def fits(self, position: Position) -> bool:
        """Whether the file is as a position remembers it."""
        try:
            return position.fits(self.descriptor)
        except OSError:
            return False

    def is_over(self) -> bool:
        """Whether nobody can go on with its last line, nor has for a while."""
        return time.time() - self.changed / 1e9 >= PAUSE and bool(is_complete(self.descriptor, self.size))

    def is_there(self) -> bool:
        """Whether what was read is still in the file."""
        try:
            return self._edges.there(self.descriptor)
        except OSError:
            return True

    def cut(self) -> bool:
        """Whether the content that was read is gone: the file is shorter, or not what it was up to where it was read."""
        status = os.fstat(self.descriptor)
        self.size = status.st_size
        if self.size == self.offset and status.st_mtime_ns == self.changed:
            return False
        self.changed = status.st_mtime_ns
        if not self._edges.there(self.descriptor):
            return True
        self._edges.look(self.descriptor)
        return False

    def restart(self) -> None:
        """Read again from the beginning."""
        self.begin(0)

    def read(self) -> bytes:
        """The next block; empty at the end, and when what is there follows nothing that was read."""
        offset = self.offset
        if self.after_cut:
            # a writer without O_APPEND goes on where it was: the hole before that is no text
            try:
                offset = os.lseek(self.descriptor, offset, os.SEEK_DATA)
            except OSError:
                if os.fstat(self.descriptor).st_size > offset:
                    self._pass_over(0)
                self.size = self.offset  # nothing but a hole follows, which somebody may yet fill
                return b""
        data = os.pread(self.descriptor, BLOCK, offset)
        if not data or (not self._edges.there(self.descriptor) and self._is_new(data, offset)):
            return b""
        if self.after_cut:
            text = data.lstrip(b"\0")
            if hole := offset - self.offset + len(data) - len(text):
                self._pass_over(hole)
            self.after_cut, data = not text, text
        elif data[:1] == b"\0" and not data.strip(b"\0"):
            # a hole, too: what follows of it is passed over at once, be it a terabyte
            self._pass_over(len(data))
            self.after_cut, data = True, b""
        self._hollow = self._hollow and not data
        self._edges.add(data)
        self.size = max(self.size, self.offset)
        return data

    def _pass_over(self, size: int) -> None:
        """NUL bytes that are no text: a run of them counts when it begins, however it is read."""
        self.skipped += not self._hollow
        self._hollow = True
        self._edges.hole(size)

    def _is_new(self, data: bytes, offset: int) -> bool:
        """The file was cut since it was last compared: whether that was before these bytes were read."""
        return os.pread(self.descriptor, len(data), offset) == data

    def last_line(self) -> int:
        """The file's end, or the start of its last line when that has not ended: the line is completed after the start."""
        last = min(self.size, _CONTEXT)
        data = os.pread(self.descriptor, last, self.size - last)
        end = max(data.rfind(b"\n"), data.rfind(b"\r"), data.rfind(b"\b"))
        return self.size - (len(data) - end - 1) if end >= 0 or last == self.size else self.size
