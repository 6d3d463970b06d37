"""Follows files by glob: from where reading ended, across rotation, deletion and truncation, each byte once.

A file that is written to stays open, so that what comes after a rename or a removal is still read and its inode cannot be given to
another. One that was quiet for ten minutes is closed and only looked at, so that thousands of old files cost no descriptors. Nothing that happens to one file stops the others; it is counted.
"""

from __future__ import annotations

import logging
import os
import stat
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stoker.sources.files_archives import PACKED, Archive, Archives
from stoker.sources.files_followed import COMPRESSED, FollowedFile
from stoker.sources.files_found import Globs
from stoker.sources.files_position import Position, digest

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator

log = logging.getLogger(__name__)

TURN = 4
"""Blocks that one file gets before it is another's turn."""
_LEAVING = 60.0
_QUIET = 600.0
_OPEN = 256
_TELLING = 512
_KEPT = 1000


class _Seen(NamedTuple):
    """A file that matches: its path, and its size and time of change."""

    path: str
    change: tuple[int, int]


class Event(NamedTuple):
    """What happened to a file.

    Attributes:
        kind: `opened` (data may follow from its offset), `data`, `cut` (what follows begins anew), `ended` (nothing follows, or
            after a long pause and as a file opened again).
        file: the file.
        data: the bytes, for `data`.
    """

    kind: Literal["opened", "data", "cut", "ended"]
    file: FollowedFile | Archive
    data: bytes = b""


class Follower:
    """Follows all files that match.

    Args:
        patterns: globs.
        from_beginning: whether files older than the first start are read whole.
        errors: counts what went wrong, by reason.
        find: gives the files in place of the patterns, the older ones of a log first; told the seconds of a steady clock.
        log_of: gives the name under which a file was written, see FollowedFile.
    """

    def __init__(
        self,
        patterns: tuple[str, ...],
        *,
        from_beginning: bool,
        errors: Counter[str],
        find: Callable[[float], Iterable[str]] | None = None,
        log_of: Callable[[str], str] = str,
    ) -> None:
        self._find = find or Globs(patterns).paths
        self._log_of = log_of
        self._from_beginning = from_beginning
        self._errors = errors
        self._files: dict[tuple[int, int], FollowedFile] = {}
        self._quiet: dict[tuple[int, int], tuple[int, int]] = {}
        self._positions: dict[tuple[int, int], Position] = {}
        self._unsought: dict[tuple[int, int], Position] = {}
        self._earlier: frozenset[tuple[int, int]] = frozenset()
        self._cut: list[Position] = []
        self._wrong: set[tuple[str, str]] = set()
        self._first = True
        self._packed: list[str] = []
        self.archives = Archives(lambda path, why: self._complain(path, "compressed", self._wrong, why))
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
        self._earlier = frozenset(self._positions)
        self._first = False

    def state(self) -> list[dict[str, Any]]:
        """Positions as plain values."""
        gone = [position for key, position in self._positions.items() if key not in self._quiet][-_KEPT:]
        quiet = [self._positions[key] for key in self._quiet]
        return [each.state() for each in (*gone, *quiet, *(file.position() for file in self._files.values()))]

    @property
    def started(self) -> bool:
        """Whether the first look has happened, in this life or an earlier one."""
        return not self._first

    @property
    def count(self) -> int:
        """Files followed."""
        return len(self._files) + len(self._quiet)

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
        if self._first and (archive := self._archive(names)) is not None:
            yield from self._unpacked(archive)
            return
        for identity in [each for each in self._quiet if each not in names]:
            del self._quiet[identity]
            self._unsought[identity] = self._positions[identity]
        yield from self._renamed(names)
        for file in list(self._files.values()):
            # what has lost its name is read first: its lines are older than those of its successor
            if file.identity not in names:
                yield from self._leaving(file, now)
            elif file.path != names[file.identity].path:
                self.rotations += 1
                yield from self._news(file)
        yield from self._appeared(names)
        for file in list(self._files.values()):
            if file.identity in names:
                file.named = True
                file.path = names[file.identity].path
                before = file.offset
                yield from self._news(file)
                if file.offset != before or not file.quiet_since:
                    file.quiet_since = now
                elif now - file.quiet_since >= _QUIET:
                    yield from self._rest(file)

    def _archive(self, names: dict[tuple[int, int], _Seen]) -> Archive | None:
        return self.archives.next(self._packed, [seen.path for seen in names.values()])

    def _unpacked(self, archive: Archive) -> Iterator[Event]:
        """A turn of an archive; the plain files, which are newer, wait for it."""
        self.behind = True
        if archive.offset == archive.start:
            yield Event("opened", archive)
        for _ in range(TURN):
            data = self.archives.read()
            if not data:
                yield Event("ended", archive)
                self.archives.end()
                return
            yield Event("data", archive, data)

    def _names(self, now: float) -> dict[tuple[int, int], _Seen]:
        """What matches and is a file, by device and inode."""
        names: dict[tuple[int, int], _Seen] = {}
        wrong: set[tuple[str, str]] = set()
        self._packed = []
        for path in self._find(now):
            try:
                status = os.stat(path)
            except OSError as error:
                if os.path.islink(
                    path
                ):  # to nothing, or in a circle; a file that is gone since the folder was read is no fault
                    self._complain(path, "unreadable", wrong, error.strerror)
                continue
            if self.archives.knows(path):
                continue
            if self._first and self._from_beginning and path.endswith(PACKED) and stat.S_ISREG(status.st_mode):
                self._packed.append(path)
            elif path.endswith(COMPRESSED):
                self._complain(path, "compressed", wrong)
            elif stat.S_ISDIR(status.st_mode):
                self._complain(path, "directory", wrong)
            elif not stat.S_ISREG(status.st_mode):
                self._complain(path, "no_file", wrong)
            else:
                seen = _Seen(path, (status.st_size, status.st_mtime_ns))
                names.setdefault((status.st_dev, status.st_ino), seen)
        there = {seen.path for seen in names.values()} if self._wrong else set()
        self._wrong = wrong | {each for each in self._wrong if each[1] in ("unreadable", "read") and each[0] in there}
        return names

    def _complain(self, path: str, reason: str, wrong: set[tuple[str, str]], why: str | None = None) -> None:
        """Count and say something once, for as long as it lasts: until it is no longer in `wrong`."""
        if (path, reason) not in self._wrong:
            self._errors[reason] += 1
            log.warning("file not followed path=%s reason=%s why=%s", path, reason, why or "no text file")
        wrong.add((path, reason))

    def _appeared(self, names: dict[tuple[int, int], _Seen]) -> Iterator[Event]:
        for identity, seen in names.items():
            if identity in self._files or self._quiet.get(identity) == seen.change:
                continue
            if len(self._files) >= _OPEN:
                idle = [each for each in self._files.values() if each.named and each.size <= each.offset]
                if not idle:
                    self.behind = True
                    return
                yield from self._rest(min(idle, key=lambda each: each.changed))
            file = self._open(seen.path)
            if file is not None:
                yield Event("opened", file)
                if file.log != file.path:
                    yield from self._older(file)
        self._first = False

    def _older(self, file: FollowedFile) -> Iterator[Event]:
        """What a rotated file or a copy has is older than what its original has now: all of it is read first."""
        yield from self._news(file)
        while self._files.get(file.identity) is file and file.size > file.offset:
            yield from self._news(file)

    def _rest(self, file: FollowedFile) -> Iterator[Event]:
        """Close a file in which nothing happens; it is opened again when its size or time changes."""
        status = os.fstat(file.descriptor)
        yield from self._end(file)
        self._quiet[file.identity] = (status.st_size, status.st_mtime_ns)

    def _open(self, path: str) -> FollowedFile | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        except OSError as error:
            self._complain(path, "unreadable", self._wrong, error.strerror)
            if self._first and not self._from_beginning:
                self._skip(path)
            return None
        self._wrong.discard((path, "unreadable"))
        try:
            file = FollowedFile(path, descriptor, 0)
            file.log = self._log_of(path)
            file.offset = file.start = self._start(file)
            file.position()
        except OSError as error:
            os.close(descriptor)
            self._complain(path, "read", self._wrong, error.strerror)
            return None
        self._positions.pop(file.identity, None)
        self._quiet.pop(file.identity, None)
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
        for each in [position] if position else self._elsewhere(file):
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
            return file.last_line()
        return 0

    def _elsewhere(self, file: FollowedFile) -> list[Position]:
        """Positions of an earlier life under the file's name: a device's number may change with a mount, an inode with a restored backup.

        The content decides then, so that there has to be enough of it: a log that is begun anew often begins as the one before it.
        """
        old = [self._positions[key] for key in self._earlier if key in self._positions]
        known = (each for each in old if each.path == file.path)
        return [each for each in known if each.inode == file.identity[1] or each.offset >= _TELLING]

    def _renamed(self, names: dict[tuple[int, int], _Seen]) -> Iterator[Event]:
        """Files that were rotated while they were not open: found beside their old name, what is left of them is read."""
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
            self.rotations += path != position.path
            yield Event("opened", file)
        self._unsought = {}

    def _leaving(self, file: FollowedFile, now: float) -> Iterator[Event]:
        """A file without its name: read on until it is quiet for a minute, since its writer may still have it open."""
        if file.named:
            file.named, file.quiet_since = False, 0.0
            removed = os.fstat(file.descriptor).st_nlink == 0
            self.rotations += (not removed or os.path.lexists(file.path)) and not _has_name(file)
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
        try:
            self._positions[file.identity] = file.position()
        except OSError:
            self._positions[file.identity] = file.remembered
        os.close(file.descriptor)
        self._files.pop(file.identity, None)
        if len(self._positions) > len(self._quiet) + 2 * _KEPT:
            gone = [key for key in self._positions if key not in self._quiet]
            for key in gone[:-_KEPT]:
                del self._positions[key]

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
                self._wrong.discard((file.path, "read"))
                if file.after_cut:  # nothing but zeros, of a hole mostly
                    self._errors["nul"] += 1
                    continue
                yield Event("data", file, data)
            self.behind = self.behind or file.size > file.offset
            file.position()
        except OSError as error:
            self._complain(file.path, "read", self._wrong, error.strerror)
            yield from self._end(file)

    def close(self) -> None:
        """Let go of all files; positions stay."""
        self.archives.close()
        for file in self._files.values():
            position = file.position()
            self._positions[file.identity] = position
            os.close(file.descriptor)
        self._files.clear()


def _has_name(file: FollowedFile) -> bool:
    """Whether the file is where it was: it is only not asked for any more."""
    try:
        status = os.stat(file.path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file.identity


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
