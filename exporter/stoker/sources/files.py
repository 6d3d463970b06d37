"""Follows files by glob: from where reading ended, across rotation, deletion and truncation, each byte once.

A followed file stays open, so that what is written to it after a rename or a removal is still read and its inode cannot be given
to another. Its name is looked at once a turn. Nothing that happens to one file stops the others; it is counted.
"""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stoker.sources.files_found import Globs
from stoker.sources.files_position import Position, digest, position_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

log = logging.getLogger(__name__)

BLOCK = 262_144
"""Bytes that are read at once."""
TURN = 16
"""Blocks that one file gets before it is another's turn."""
_LEAVING = 60.0
_KEPT = 1000
_CONTEXT = 262_144
_COMPRESSED = (".gz", ".zst", ".xz", ".bz2")


class FollowedFile:
    """An open file and how far it is read.

    Attributes:
        path: its present name.
        log: the name under which it was written: the one before a rotation, for a copy the original's.
        start: where reading began in this life.
        offset: bytes read.
        size: bytes that it had when it was last looked at.
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
        self._changed = status.st_mtime_ns
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
        if self.size == self.offset and status.st_mtime_ns == self._changed:
            return False
        self._changed = status.st_mtime_ns
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
                return b""
        data = os.pread(self.descriptor, BLOCK, self.offset)
        self.offset += len(data)
        if self.after_cut:
            data = data.lstrip(b"\0")
            self.after_cut = not data
        self.size = max(self.size, self.offset)
        return data


class Event(NamedTuple):
    """What happened to a file.

    Attributes:
        kind: `opened` (data may follow from its offset), `data`, `cut` (what follows begins anew), `ended` (nothing follows).
        file: the file.
        data: the bytes, for `data`.
    """

    kind: Literal["opened", "data", "cut", "ended"]
    file: FollowedFile
    data: bytes = b""


class Follower:
    """Follows all files that match.

    Args:
        patterns: globs.
        from_beginning: whether files older than the first start are read whole.
        errors: counts what went wrong, by reason.
    """

    def __init__(self, patterns: tuple[str, ...], *, from_beginning: bool, errors: Counter[str]) -> None:
        self._globs = Globs(patterns)
        self._from_beginning = from_beginning
        self._errors = errors
        self._files: dict[tuple[int, int], FollowedFile] = {}
        self._positions: dict[tuple[int, int], Position] = {}
        self._unsought: dict[tuple[int, int], Position] = {}
        self._cut: list[Position] = []
        self._wrong: set[tuple[str, str]] = set()
        self._first = True
        self.rotations = 0
        self.truncations = 0
        self.behind = False

    def restore(self, state: Iterable[dict[str, Any]]) -> None:
        """Go on from positions of an earlier life; files without one are new and read whole."""
        self._positions = {}
        for each in state:
            position = Position.restored(each)
            self._positions[position.device, position.inode] = position
        self._unsought = dict(self._positions)
        self._first = False

    def state(self) -> list[dict[str, Any]]:
        """Positions as plain values."""
        waiting = [position for key, position in self._positions.items() if key not in self._files][-_KEPT:]
        return [each.state() for each in (*waiting, *(file.position() for file in self._files.values()))]

    @property
    def started(self) -> bool:
        """Whether the first look has happened, in this life or an earlier one."""
        return not self._first

    @property
    def count(self) -> int:
        """Files followed."""
        return len(self._files)

    @property
    def lag(self) -> int:
        """Bytes written and not read, as of the last turn."""
        return sum(max(0, file.size - file.offset) for file in self._files.values())

    def turn(self, now: float) -> Iterator[Event]:
        """What has happened since the last turn; `behind` says afterwards whether there is more to read at once.

        Args:
            now: seconds of a steady clock.
        """
        self.behind = False
        names = self._names(now)
        yield from self._renamed(names)
        for file in list(self._files.values()):
            # what has lost its name is read first: its lines are older than those of its successor
            if file.identity not in names:
                yield from self._leaving(file, now)
            elif file.path != names[file.identity]:
                self.rotations += 1
                yield from self._news(file)
        yield from self._appeared(names)
        for file in list(self._files.values()):
            if file.identity in names:
                file.named = True
                file.path = names[file.identity]
                yield from self._news(file)

    def _names(self, now: float) -> dict[tuple[int, int], str]:
        """Path by device and inode of everything that matches and is a file."""
        names: dict[tuple[int, int], str] = {}
        wrong: set[tuple[str, str]] = set()
        for path in self._globs.paths(now):
            try:
                status = os.stat(path)
            except OSError:
                continue  # gone since the folder was read, or a link to nothing
            if path.endswith(_COMPRESSED):
                self._complain(path, "compressed", wrong)
            elif stat.S_ISDIR(status.st_mode):
                self._complain(path, "directory", wrong)
            elif not stat.S_ISREG(status.st_mode):
                self._complain(path, "no_file", wrong)
            else:
                names.setdefault((status.st_dev, status.st_ino), path)
        self._wrong = wrong | {each for each in self._wrong if each[1] == "unreadable" and each[0] in names.values()}
        return names

    def _complain(self, path: str, reason: str, now_wrong: set[tuple[str, str]]) -> None:
        """Count and say something once, for as long as it lasts."""
        now_wrong.add((path, reason))
        if (path, reason) not in self._wrong:
            self._errors[reason] += 1
            log.warning("file not followed path=%s reason=%s", path, reason)

    def _appeared(self, names: dict[tuple[int, int], str]) -> Iterator[Event]:
        for identity, path in names.items():
            if identity not in self._files:
                file = self._open(path)
                if file is not None:
                    yield Event("opened", file)
                    if file.log != file.path:
                        yield from self._news(file)  # the rest of a copy is older than what its original has now
        self._first = False

    def _open(self, path: str) -> FollowedFile | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            if (path, "unreadable") not in self._wrong:
                log.warning("file not readable path=%s why=%s", path, error.strerror)
                self._errors["unreadable"] += 1
                self._wrong.add((path, "unreadable"))
            if self._first and not self._from_beginning:
                self._skip(path)
            return None
        self._wrong.discard((path, "unreadable"))
        try:
            file = FollowedFile(path, descriptor, 0)
            file.offset = file.start = self._start(file)
            file.position()
        except OSError as error:
            os.close(descriptor)
            log.warning("file not readable path=%s why=%s", path, error.strerror)
            self._errors["read"] += 1
            return None
        self._positions.pop(file.identity, None)
        self._files[file.identity] = file
        return file

    def _skip(self, path: str) -> None:
        """Remember where a file ended that was there at the first start and could not be read then."""
        try:
            status = os.stat(path)
        except OSError:
            return
        nothing = digest(b"")
        self._positions[status.st_dev, status.st_ino] = Position(
            path=path,
            log=path,
            device=status.st_dev,
            inode=status.st_ino,
            offset=status.st_size,
            head=nothing,
            head_size=0,
            tail=nothing,
            tail_size=0,
        )

    def _start(self, file: FollowedFile) -> int:
        """Where reading begins."""
        position = self._positions.get(file.identity)
        # a device's number may change with a mount, an inode with a restored backup: the content decides
        old = [position] if position else [each for each in self._positions.values() if each.path == file.path]
        for each in old:
            if each.fits(file.descriptor):
                self._positions.pop((each.device, each.inode), None)
                file.log = each.log
                return each.offset
        if position is not None:
            if position.path == file.path:
                self.truncations += 1
                file.after_cut = True
            return 0
        for other in (*(each.remembered for each in self._files.values()), *self._positions.values(), *self._cut):
            # a copy made before the original is cut (copytruncate): what was read there is not read again here
            renamed = file.path != other.path and file.path.startswith(other.path)
            if renamed and other.offset and other.fits(file.descriptor):
                file.log = other.log
                return other.offset
        if self._first and not self._from_beginning:
            return _line_start(file)
        return 0

    def _renamed(self, names: dict[tuple[int, int], str]) -> Iterator[Event]:
        """Files of an earlier life that were rotated meanwhile: found beside their old name, what is left of them is read."""
        for identity, position in self._unsought.items():
            if identity in names or identity in self._files:
                continue
            path = _sibling(position)
            file = self._open(path) if path else None
            if file is None:
                continue
            if file.offset != position.offset:
                # another file took the inode
                os.close(file.descriptor)
                del self._files[file.identity]
                continue
            file.named = False
            self.rotations += 1
            yield Event("opened", file)
        self._unsought = {}

    def _leaving(self, file: FollowedFile, now: float) -> Iterator[Event]:
        """A file without its name: read on until it is quiet for a minute, since its writer may still have it open."""
        if file.named:
            file.named, file.quiet_since = False, now
            removed = os.fstat(file.descriptor).st_nlink == 0
            self.rotations += not removed or os.path.lexists(file.path)
            if removed and not os.path.lexists(file.path):
                self._errors["vanished"] += 1
                log.info("followed file vanished path=%s", file.path)
        before = file.offset
        yield from self._news(file)
        if file.offset != before or not file.quiet_since:
            file.quiet_since = now
        elif now - file.quiet_since >= _LEAVING:
            yield from self._end(file)

    def _end(self, file: FollowedFile) -> Iterator[Event]:
        yield Event("ended", file)
        os.close(file.descriptor)
        self._files.pop(file.identity, None)

    def _news(self, file: FollowedFile) -> Iterator[Event]:
        try:
            if file.cut():
                self.truncations += 1
                self._cut = [*self._cut[-15:], file.remembered]
                log.info("file was cut path=%s", file.path)
                yield Event("cut", file)
                file.restart()
            for _ in range(TURN):
                data = file.read() if file.size > file.offset else b""
                if not data:
                    break
                yield Event("data", file, data)
            self.behind = self.behind or file.size > file.offset
            file.position()
        except OSError as error:
            self._errors["read"] += 1
            log.warning("file not readable path=%s why=%s", file.path, error.strerror)
            yield from self._end(file)

    def close(self) -> None:
        """Let go of all files; positions stay."""
        for file in self._files.values():
            position = file.position()
            self._positions[file.identity] = position
            os.close(file.descriptor)
        self._files.clear()


def _line_start(file: FollowedFile) -> int:
    """The file's end, or the start of its last line when that has not ended: the line is completed after the start."""
    last = min(file.size, _CONTEXT)
    data = os.pread(file.descriptor, last, file.size - last)
    end = max(data.rfind(b"\n"), data.rfind(b"\r"))
    return file.size - (len(data) - end - 1) if end >= 0 or last == file.size else file.size


def _rotated(name: str, log: str) -> bool:
    """`a.log.1`, `a.log-20261124` and `a.log_old` for `a.log`; not compressed ones."""
    return name.startswith(log) and name[len(log) : len(log) + 1] in (".", "-", "_") and not name.endswith(_COMPRESSED)


def _sibling(position: Position) -> str:
    """The path in the same folder that has the position's inode; empty when there is none."""
    try:
        with os.scandir(os.path.dirname(position.path)) as entries:
            for entry in entries:
                if entry.inode() == position.inode and entry.stat().st_dev == position.device:
                    return entry.path
    except OSError:
        pass
    return ""
