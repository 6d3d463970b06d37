"""Follows files by glob: from where reading ended, across rotation, deletion and truncation, each byte once.

A file that is written to stays open, so that what comes after a rename or a removal is still read and its inode cannot be given to
another. One that was quiet for ten minutes is closed and only looked at, so that thousands of old files cost no descriptors. Nothing that happens to one file stops the others; it is counted.

A log that lost its content or, while nobody watched, its name is sought beside it (files_remains.py). A copy of a log that is
followed is not read for as long as the log has the same itself.
"""

from __future__ import annotations

import logging
import os
import stat
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from stoker.sources.files_archives import Archive, Archives
from stoker.sources.files_followed import COMPRESSED, FollowedFile
from stoker.sources.files_found import Globs
from stoker.sources.files_position import Position, new_position
from stoker.sources.files_remains import (
    PACKED,
    between,
    found,
    fresh,
    holds,
    is_copy,
    originals,
    path_of,
    rest,
    siblings,
    since,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stoker.sources.files_remains import Sibling

log = logging.getLogger(__name__)

TURN = 4
"""Blocks that one file gets before it is another's turn."""
_LEAVING = 60.0
_QUIET = 600.0
_OPEN = 256
_TELLING = 512
_KEPT = 1000
_ASIDE = 64
_TRIES = 3

Identity = tuple[int, int]
"""Device and inode."""


class _Seen(NamedTuple):
    """A file that matches: its path, and its size and time of change."""

    path: str
    change: tuple[int, int]


class Event(NamedTuple):
    """What happened to a file.

    Attributes:
        kind: `opened` (data may follow from its offset), `data`, `cut` (what follows begins anew), `ended` (nothing follows, or
            after a long pause and as a file opened again), `left` (the same, and a line that has not ended is given again as a
            whole: later, or by another file).
        file: the file.
        data: the bytes, for `data`.
    """

    kind: Literal["opened", "data", "cut", "ended", "left"]
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
        self._files: dict[Identity, FollowedFile] = {}
        self._quiet: dict[Identity, tuple[int, int]] = {}
        self._positions: dict[Identity, Position] = {}
        self._unsought: dict[Identity, Position] = {}
        self._tries = _TRIES
        self._lost: list[Position] = []
        self._left: list[FollowedFile] = []
        self._aside: dict[Identity, _Seen] = {}
        self._wrong: set[tuple[str, str]] = set()
        self._first = True
        self._packed: list[str] = []
        self.archives = Archives(lambda path, why: self._complain(path, "compressed", self._wrong, why))
        self.rotations = 0
        self.truncations = 0
        self.behind = False

    def restore(self, state: Iterable[Mapping[str, Any]], *, looking: bool = False) -> None:
        """Go on from positions of an earlier life; files without one are new and read whole, unless that was still `looking`."""
        positions = [Position.restored(each) for each in state]
        self._positions = {each.identity: each for each in positions}
        self._unsought = dict(self._positions)
        self._first = looking

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
        if (archive := self._archive(names)) is not None:
            yield from self._unpacked(archive)
            return
        for identity in [each for each in self._quiet if each not in names]:
            del self._quiet[identity]
            self._unsought[identity] = self._positions[identity]
        yield from self._sought(names)
        for file in self._open_files():
            # what has lost its name is read first: its lines are older than those of its successor
            if file.identity not in names:
                yield from self._leaving(file, names, now)
            elif file.path != names[file.identity].path:
                self.rotations += 1
                yield from self._news(file, names)
                file.path = names[file.identity].path
        yield from self._appeared(names)
        for file in self._open_files():
            if file.identity in names:
                file.named = True
                file.path = names[file.identity].path
                before = file.offset
                yield from self._news(file, names)
                if file.offset != before or not file.quiet_since:
                    file.quiet_since = now
                elif now - file.quiet_since >= _QUIET:
                    yield from self._rest(file, "ended")
        yield from self._late()
        self.behind = self.behind or self.archives.waits

    def _open_files(self) -> Iterator[FollowedFile]:
        """All that are open, those that become others' originals first; some may be closed meanwhile."""
        for file in sorted(self._files.values(), key=lambda each: len(each.path)):
            if self._files.get(file.identity) is file:
                yield file

    def _archive(self, names: dict[Identity, _Seen]) -> Archive | None:
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

    def _names(self, now: float) -> dict[Identity, _Seen]:
        """What matches and is a file, by device and inode."""
        names: dict[Identity, _Seen] = {}
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

    def _appeared(self, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        paths: dict[str, Identity] = {}
        fresh_ones = [
            (identity, seen)
            for identity, seen in names.items()
            if identity not in self._files and self._quiet.get(identity) != seen.change
        ]
        # known ones first: what came between them and a new one is theirs
        for identity, seen in sorted(fresh_ones, key=lambda each: each[0] not in self._positions):
            if identity in self._files:
                continue
            paths = paths or {each.path: key for key, each in names.items()}
            original = next((paths[each] for each in originals(seen.path) if each in paths), None)
            position = None
            if original is not None and not self._is_kept(identity, seen.path):
                waits, position = self._copy(seen.path, original)
                if waits:
                    continue
            if len(self._files) >= _OPEN:
                idle = [each for each in self._files.values() if each.named and each.size <= each.offset]
                if not idle:
                    self.behind = True
                    return
                yield from self._rest(min(idle, key=lambda each: each.changed), "left")
            file = self._open(seen.path, position)
            if (file is None or file.identity != identity) and identity in self._positions:
                self._unsought[identity] = self._positions[identity]  # renamed or packed a moment ago
            if file is not None:
                yield from self._opened(file, names)
                if file.log != file.path:
                    yield from self._older(file, names)
                else:
                    yield from self._succeeded(file, names)
        self._first = False

    def _is_kept(self, identity: Identity, path: str) -> bool:
        """Whether the file has what was read of it in an earlier life, or before it was closed."""
        position = self._positions.get(identity)
        return position is not None and position.offset > 0 and holds(path, position)

    def _opened(self, file: FollowedFile, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """What follows from opening a file."""
        for left in self._left:
            yield Event("left", left)
        self._left.clear()
        yield Event("opened", file)
        lost, self._lost = self._lost, []
        for position in lost:
            yield from self._remains(position, names)

    def _copy(self, path: str, original: Identity) -> tuple[bool, Position | None]:
        """Whether a new file is but a copy of a log, so that there is nothing in it to read now; else from where it is no copy."""
        file = self._files.get(original)
        if file is None:
            return False, None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False, None
        try:
            if is_copy(descriptor, file.descriptor):
                return True, None
            position = file.position()
            if not position.offset or not position.fits(descriptor):
                return False, None
            # the copy has what the log no longer has: it is read when the log's cut has been seen
            return not file.is_there(), position
        except OSError:
            return False, None
        finally:
            os.close(descriptor)

    def _older(self, file: FollowedFile, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """What a rotated file or a copy has is older than what its original has now: all of it is read first."""
        yield from self._news(file, names)
        while self._files.get(file.identity) is file and file.size > file.offset:
            before = file.offset
            yield from self._news(file, names)
            if file.offset == before:
                return

    def _rest(self, file: FollowedFile, kind: Literal["ended", "left"]) -> Iterator[Event]:
        """Close a file in which nothing happens; it is opened again when its size or time changes."""
        change = (file.offset, file.changed)  # as it was when it was read, not as it may be now
        yield from self._end(file, kind)
        self._quiet[file.identity] = change

    def _open(
        self, path: str, position: Position | None = None, log_name: str = "", *, identity: Identity | None = None
    ) -> FollowedFile | None:
        """Open a file where reading has to begin: at the position, if the file fits it, else where that is known to be.

        Args:
            path: of the file; when that is no longer the name of the one meant, its new name is looked for.
            position: where it was read up to, under this or another name.
            log_name: the name under which it was written, where the path does not say.
            identity: of the file meant; None for any.
        """
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
            file = FollowedFile(path, descriptor)
            if identity is not None and file.identity != identity:
                os.close(descriptor)
                path = path_of(path, identity)
                return self._open(path, position, log_name, identity=identity) if path else None
            file.log = log_name or self._log_of(path)
            self._begin(file, position)
        except OSError as error:
            os.close(descriptor)
            self._complain(path, "read", self._wrong, error.strerror)
            return None
        self._positions.pop(file.identity, None)
        self._quiet.pop(file.identity, None)
        self._aside.pop(file.identity, None)
        self._files[file.identity] = file
        return file

    def _skip(self, path: str) -> None:
        """Remember where a file ended that was there at the first start and could not be read then."""
        try:
            status = os.stat(path)
        except OSError:
            return
        self._positions[status.st_dev, status.st_ino] = new_position(path, path, status, status.st_size)

    def _begin(self, file: FollowedFile, given: Position | None) -> None:
        """Find where reading begins."""
        known = self._positions.get(file.identity)
        if known is not None and known.removed:
            known = None  # its inode is another file's
        for each in [given] if given else [known] if known else self._elsewhere(file):
            if each.fits(file.descriptor):
                self._positions.pop(each.identity, None)
                file.log = each.log
                file.passed = each.passed
                if each.changed and each.identity == file.identity:
                    file.changed = each.changed
                file.begin(each.offset)
                old = self._files.get(each.identity)
                if old is not None and old.path == file.path and old is not file:
                    del self._files[each.identity]
                    os.close(old.descriptor)
                    self._left.append(old)
                return
        if known is not None:
            self.truncations += known.path == file.path
            if not known.ended and not given:
                self._lost.append(known)
        elif self._first and not self._from_beginning:
            file.begin(file.last_line())

    def _elsewhere(self, file: FollowedFile) -> list[Position]:
        """Positions under the file's name: a device's number may change with a mount, an inode with a restored backup.

        The content decides then, so that there has to be enough of it: a log that is begun anew often begins as the one before it.
        """
        known = [*self._positions.values(), *(each.position() for each in self._files.values() if not each.named)]
        return [each for each in known if each.path == file.path and each.offset and _is_told(each, file)]

    def _sought(self, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """Files that were rotated while they were not open: what is left of them is read."""
        lost = []
        for identity, position in list(self._unsought.items()):
            if identity in names or identity in self._files or position.removed:
                continue
            path = found(position)
            if path and position.ended and _size(path) == position.offset:
                self._put_aside(replace(position, path=path))
                continue
            file = self._open(path, position, identity=identity) if path else None
            if file is not None and file.start == position.offset:
                file.named = False
                self.rotations += path != position.path
                yield from self._opened(file, names)
                yield from self._older(file, names)
                if not position.passed:
                    yield from self._between(position, identity, names)
                continue
            if file is not None:  # another file took the inode
                os.close(file.descriptor)
                del self._files[identity]
            if not position.ended:
                lost.append(position)
        # a folder that is listed while its files are renamed may not show them all
        self._tries = self._tries - 1 if lost else _TRIES
        self._unsought = {each.identity: each for each in lost} if self._tries else {}
        at = {each.path for each in names.values()}
        for position in lost:
            if position.path not in at or not self._is_back(position):
                yield from self._remains(position, names)

    def _is_back(self, position: Position) -> bool:
        """Whether the file that now has the position's name is the same one, on another device or from a backup."""
        try:
            descriptor = os.open(position.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            file = FollowedFile(position.path, descriptor)
            return _is_told(position, file) and position.fits(descriptor)
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def _remains(self, position: Position, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """Read the rest of a log whose file has another content now, or is gone, and what was written between it and now."""
        among = [each for each in siblings(position.log, position.folder) if not self._is_known(each.identity)]
        one = rest(position, among)
        if one is None:
            if not position.offset and not position.passed:
                yield from self._each(position, since(position, among), names)
            return
        self._positions.pop(position.identity, None)
        self._unsought.pop(position.identity, None)
        if (old := self._files.get(one.identity)) is not None:  # the copy was written over an older one
            yield from self._forget(old)
        yield from self._take(one, position.log, position, names)
        if not position.passed:
            yield from self._between(position, one.identity, names)

    def _is_known(self, identity: Identity) -> bool:
        file = self._files.get(identity)
        return file.is_there() if file is not None else self.archives.has_read(identity)

    def _between(self, position: Position, now: Identity, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """Read what was begun and rotated, too, since a log was looked at whose file, or what has its rest, is `now` that one."""
        for _ in range(_TRIES):
            among = siblings(position.log, position.folder)
            one = next((each for each in among if each.identity == now), None)
            if one is not None:
                break
        if one is not None:
            yield from self._each(position, between(one, among), names)

    def _each(self, position: Position, among: list[Sibling], names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """Read rotated files of a log of which it is not known whether they were read."""
        for each in among:
            if each.identity not in self._files and not self.archives.has_read(each.identity):
                open_ones = [one.position() for one in self._files.values() if _is_removed(one)]
                of_log = [
                    one
                    for one in (*open_ones, *self._positions.values())
                    if one.log == position.log and one.offset and one.identity != each.identity
                ]
                known = next((one for one in of_log if holds(each.path, one)), None)
                if known is not None and known.identity in self._files:
                    continue
                if known is not None:
                    del self._positions[known.identity]
                    self._unsought.pop(known.identity, None)
                yield from self._take(each, position.log, known, names)

    def _take(
        self, one: Sibling, log_name: str, position: Position | None, names: Mapping[Identity, _Seen]
    ) -> Iterator[Event]:
        """Read a rotated file from the position, or whole."""
        log.info("rest of a log path=%s log=%s offset=%s", one.path, log_name, position.offset if position else 0)
        if one.path.endswith(PACKED):
            self.archives.take(one.path, log_name, position.offset if position else 0)
            return
        current = next((key for key, each in names.items() if each.path == log_name), None)
        if position is None and current is not None and self._copy(one.path, current)[0]:
            return
        file = self._open(one.path, position, log_name, identity=one.identity)
        if file is not None:
            file.passed = True
            file.named = file.identity in names
            yield from self._opened(file, names)
            yield from self._older(file, names)

    def _succeeded(self, successor: FollowedFile, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """A log goes on in a new file: what was begun and rotated since the last look is older than that."""
        for file in [each for each in self._files.values() if each.log == successor.path and _is_older(each)]:
            if file.passed or self._files.get(file.identity) is not file:
                continue
            position = file.position()
            among = siblings(position.log, position.folder)
            if not _is_removed(file):
                one = next((each for each in among if each.identity == file.identity), None)
            else:  # it was packed: looked for only where there may be more than itself
                one = rest(position, among) if len(fresh(position, among)) > 1 else None
            if not _has_name(successor):
                return  # it may be among them itself by now; its own successor asks again
            file.passed = True
            later = between(one, among) if one is not None else []
            if not position.offset:
                later = since(position, among)
            yield from self._each(position, later, names)

    def _leaving(self, file: FollowedFile, names: Mapping[Identity, _Seen], now: float) -> Iterator[Event]:
        """A file without its name: read on until it is quiet for a minute, since its writer may still have it open."""
        before = file.offset
        if file.named:
            file.named, file.quiet_since = False, 0.0
            removed = os.fstat(file.descriptor).st_nlink == 0
            self.rotations += (not removed or os.path.lexists(file.path)) and not _has_name(file)
            if removed and not os.path.lexists(file.path):
                self._errors["vanished"] += 1
                log.info("followed file vanished path=%s", file.path)
            yield from self._news(file, names)
            if not removed:
                file.path = found(file.position()) or file.path
        else:
            yield from self._news(file, names)
        if self._files.get(file.identity) is not file:
            return
        if file.offset != before or not file.quiet_since:
            file.quiet_since = now
        elif now - file.quiet_since >= _LEAVING:
            yield from self._end(file, "ended")

    def _late(self) -> Iterator[Event]:
        """What is written to a rotated file after it was quiet for a minute."""
        for identity, seen in list(self._aside.items()):
            try:
                status = os.stat(seen.path)
            except OSError:
                status = None
            if status is None or (status.st_dev, status.st_ino) != identity:
                del self._aside[identity]
                position = self._positions.get(identity)
                path = found(position) if position is not None else ""
                if position is not None and path:
                    self._positions[identity] = replace(position, path=path)
                    self._aside[identity] = _Seen(path, seen.change)
            elif (status.st_size, status.st_mtime_ns) != seen.change:
                file = self._open(seen.path, identity=identity)
                if file is not None:
                    file.named = False
                    yield from self._opened(file, {})
                    yield from self._news(file, {})

    def _put_aside(self, position: Position) -> None:
        """Look after a rotated file from time to time."""
        try:
            status = os.stat(position.path)
        except OSError:
            return
        if (status.st_dev, status.st_ino) == position.identity:
            self._positions[position.identity] = position
            self._aside[position.identity] = _Seen(position.path, (position.offset, position.changed))
            for each in list(self._aside)[:-_ASIDE]:
                del self._aside[each]

    def _end(self, file: FollowedFile, kind: Literal["ended", "left"]) -> Iterator[Event]:
        yield Event(kind, file)
        position = file.position()
        if kind == "ended" and not file.named:
            position = replace(position, ended=True, removed=_is_removed(file))
        self._positions.pop(file.identity, None)
        self._positions[file.identity] = position
        os.close(file.descriptor)
        self._files.pop(file.identity, None)
        if position.ended and not position.removed:
            self._put_aside(position)
        if len(self._positions) > len(self._quiet) + 2 * _KEPT:
            gone = [key for key in self._positions if key not in self._quiet]
            for key in gone[:-_KEPT]:
                del self._positions[key]

    def _forget(self, file: FollowedFile) -> Iterator[Event]:
        """Close a file whose content was replaced by something that is not its own."""
        yield Event("ended", file)
        os.close(file.descriptor)
        del self._files[file.identity]

    def _news(self, file: FollowedFile, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        try:
            looked = file.changed
            if file.cut():
                yield from self._cut(file, names)
                if self._files.get(file.identity) is not file:
                    return
            if not file.offset and file.size and file.named and file.path == file.log:
                for other in [each for each in self._files.values() if each.log == file.log and _is_older(each)]:
                    # its last lines were written before the first ones here, maybe since it was looked at
                    yield from self._news(other, names)
                    self.behind = self.behind or other.size > other.offset
                    if other.size > other.offset and other.offset != other.start:
                        return
                if looked < file.changed:
                    # it was empty, and may have been filled, copied and cut since
                    position = replace(file.position(), changed=looked)
                    yield from self._each(position, since(position, siblings(file.log, position.folder)), names)
            if self.archives.waits:
                return
            for _ in range(TURN):
                data = file.read() if file.size > file.offset else b""
                if file.skipped:
                    self._errors["nul"] += 1
                    file.skipped = 0
                if not data:
                    break
                self._wrong.discard((file.path, "read"))
                yield Event("data", file, data)
            self.behind = self.behind or file.size > file.offset
        except OSError as error:
            self._complain(file.path, "read", self._wrong, error.strerror)
            yield from self._end(file, "left")

    def _cut(self, file: FollowedFile, names: Mapping[Identity, _Seen]) -> Iterator[Event]:
        """What was read is no longer in the file."""
        self.truncations += 1
        log.info("file was cut path=%s", file.path)
        paths = {each.path: key for key, each in names.items()}
        original = next((paths[each] for each in originals(file.path) if each in paths), None)
        if original is not None and original != file.identity and self._copy(file.path, original) != (False, None):
            yield from self._forget(file)  # an older copy, written over with a new one
            return
        old = file.position()
        file.restart()
        first = True
        for event in self._remains(old, names):
            if first:
                yield Event("left", file)  # its unfinished line is in the copy
            first = False
            yield event
        if first and not self.archives.waits:
            yield Event("cut", file)
        elif first:
            yield Event("left", file)

    def close(self) -> None:
        """Let go of all files; positions stay."""
        self.archives.close()
        for file in self._files.values():
            self._positions[file.identity] = file.position()
            os.close(file.descriptor)
        self._files.clear()


def _has_name(file: FollowedFile) -> bool:
    """Whether the file is where it was: it is only not asked for any more."""
    try:
        status = os.stat(file.path)
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file.identity


def _is_older(file: FollowedFile) -> bool:
    """Whether a log goes on in another file."""
    return not file.named or file.path != file.log


def _is_removed(file: FollowedFile) -> bool:
    try:
        return os.fstat(file.descriptor).st_nlink == 0
    except OSError:
        return False


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _is_told(position: Position, file: FollowedFile) -> bool:
    """Whether a position's content is enough to say that a file under its name is the same, if it has it."""
    remounted = position.inode == file.identity[1] and not position.removed
    return position.offset >= _TELLING or remounted or 0 < file.changed <= position.changed
