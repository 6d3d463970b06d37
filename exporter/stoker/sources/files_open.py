"""The files that a follower has open or knows: where reading begins in one, and what is kept of one that is closed."""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from stoker.sources.files_archives import Archives
from stoker.sources.files_event import Event
from stoker.sources.files_faults import Faults
from stoker.sources.files_followed import FollowedFile
from stoker.sources.files_found import Globs
from stoker.sources.files_held import Held
from stoker.sources.files_known import Identity, Positions
from stoker.sources.files_names import Names, Seen
from stoker.sources.files_position import Position, new_position
from stoker.sources.files_remains import (
    PACKED,
    holds,
    is_copy,
    is_of,
    is_removed,
    path_of,
)

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Iterator, Mapping


log = logging.getLogger(__name__)

_TELLING = 512
_KEPT = 1000
_KEPT_UNENDED = 20_000
_ASIDE = 64
TRIES = 3
"""Looks at a folder whose files may be renamed meanwhile."""


class OpenFiles:
    """See the module.

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
        self._log_of = log_of
        self._from_beginning = from_beginning
        self._errors = errors
        self._files: dict[Identity, FollowedFile] = {}
        self._quiet: dict[Identity, tuple[int, int]] = {}
        self._positions = Positions()
        self._most = 2 * _KEPT
        self._unsought: dict[Identity, Position] = {}
        self._tries = TRIES
        self._lost: list[Position] = []
        self._left: list[FollowedFile] = []
        self._aside: dict[Identity, Seen] = {}
        self._first = True
        self._fresh: deque[tuple[Identity, Seen]] = deque()
        self._held = Held()
        self.faults = Faults(errors)
        self.archives = Archives(lambda path, why: self.faults.say(path, "compressed", why))
        self._names = Names(find or Globs(patterns).paths, self.archives.knows, self.faults)
        self.rotations = 0
        self.truncations = 0
        self.behind = False

    def restore(self, state: Iterable[Mapping[str, Any]], *, looking: bool = False) -> None:
        """Go on from positions of an earlier life; files without one are new and read whole, unless that was still `looking`."""
        self._positions = Positions(Position.restored(each) for each in state)
        self._most = len(self._positions) + _KEPT
        self._unsought = dict(self._positions)
        self._first = looking

    def state(self) -> list[dict[str, Any]]:
        """Positions as plain values."""
        surplus = self._surplus()
        closed = [position for key, position in self._positions.items() if key not in surplus]
        return [each.state() for each in (*closed, *(file.position() for file in self._files.values()))]

    def _surplus(self) -> set[Identity]:
        """The oldest positions of files that are gone, of which too many are kept: what has ended is of little use, else a disk may be away."""
        if not self._names.looked:
            return set()
        gone = [key for key in self._positions if key not in self._quiet and key not in self._names.files]
        ended = [key for key in gone if self._positions[key].ended]
        return {*ended[:-_KEPT], *[key for key in gone if not self._positions[key].ended][:-_KEPT_UNENDED]}

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

    def _is_kept(self, identity: Identity, path: str) -> bool:
        """Whether the file has what was read of it in an earlier life, or before it was closed."""
        position = self._positions.get(identity)
        return position is not None and position.offset > 0 and holds(path, position, identity, self._held.opened)

    def _copy(self, path: str, identity: Identity, log_path: str, original: Identity) -> tuple[bool, Position | None]:
        """Whether a new file is but a copy of a log, so that there is nothing in it to read now; else from where it is no copy."""
        file = self._files.get(original)
        try:
            with self._held.opened(path, identity) as new:
                if file is None:
                    with self._held.opened(log_path, original) as log:
                        return is_copy(new.fileno(), log.fileno()), None
                if is_copy(new.fileno(), file.descriptor):
                    return True, None
                position = file.position()
                if not position.offset or not position.fits(new.fileno()):
                    return False, None
                # the copy has what the log no longer has: it is read when the log's cut has been seen
                return not file.is_there(), position
        except OSError:
            return False, None

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
        held = self._held.take(identity) if identity is not None else None
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK) if held is None else held
        except FileNotFoundError:
            return self._open_renamed(path, position, log_name, identity)
        except OSError as error:
            self.faults.say(path, "unreadable", error.strerror)
            if self._first and not self._from_beginning:
                self._skip(path)
            return None
        self.faults.over(path, "unreadable")
        try:
            file = FollowedFile(path, descriptor)
            if identity is not None and file.identity != identity:
                os.close(descriptor)
                return self._open_renamed(path, position, log_name, identity)
            if file.identity in self._files:  # under another name
                os.close(descriptor)
                return None
            file.log = log_name or self._log_of(path)
            self._begin(file, position)
            known = self._positions.get(file.identity)
            if known is not None and not known.fits(descriptor):
                self._displace(known)
        except OSError as error:
            os.close(descriptor)
            self.faults.say(path, "read", error.strerror)
            return None
        self._positions.pop(file.identity, None)
        self._quiet.pop(file.identity, None)
        self._aside.pop(file.identity, None)
        self._files[file.identity] = file
        return file

    def _open_renamed(
        self, path: str, position: Position | None, log_name: str, identity: Identity | None
    ) -> FollowedFile | None:
        """Open a file by the name that it has got since it was seen at `path`."""
        now = path_of(path, identity) if identity is not None else ""
        if now in ("", path) or now.endswith(PACKED):
            return None
        return self._open(now, position, log_name or self._log_of(path), identity=identity)

    def _skip(self, path: str) -> None:
        """Remember where a file ended that was there at the first start and could not be read then."""
        try:
            status = os.stat(path)
        except OSError:
            return
        identity = (status.st_dev, status.st_ino)
        self._positions[identity] = new_position(path, path, identity, status.st_size)

    def _begin(self, file: FollowedFile, given: Position | None) -> None:
        """Find where reading begins."""
        known = self._positions.get(file.identity)
        if known is not None and known.removed:
            known = None  # its inode is another file's
        if known is not None and not known.offset + known.head_size and not _may_be(file.path, known):
            known = None  # nothing else tells
        of_other = known is not None and not is_of(known.log, file.log)  # as a log from a backup may have its inode
        elsewhere = self._elsewhere(file) if not given and (known is None or of_other) else []
        for each in [given] if given else [*([known] if known else []), *elsewhere]:
            if each.fits(file.descriptor):
                if known is not None and each is not known and not known.ended and not given:
                    self._lost.append(known)
                self._positions.pop(each.identity, None)
                file.log = each.log
                # of an empty file nothing tells that it is the same
                file.passed = each.passed and each.offset + each.head_size > 0
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
            file.begin(file.size if file.is_over() else file.last_line())

    def _displace(self, position: Position) -> None:
        """Keep what is known of a file whose inode is another one's, or whose content is: it may be met again, perhaps packed."""
        self._positions.pop(position.identity, None)
        if position.offset:
            known = replace(position, inode=-abs(position.inode), ended=True, removed=True)
            self._positions[known.identity] = known

    def _replaced(self, position: Position) -> None:
        """Forget what is known of a file: what became of it is read from there."""
        self._positions.pop(position.identity, None)
        self._positions.pop((position.device, -abs(position.inode)), None)
        self._unsought.pop(position.identity, None)

    def _elsewhere(self, file: FollowedFile) -> list[Position]:
        """Positions under the file's name: a device's number may change with a mount, an inode with a restored backup.

        The content decides then, so that there has to be enough of it: a log that is begun anew often begins as the one before it.
        """
        # one that is quiet has a name, which is another one by now
        closed = (each for each in self._positions.at(file.path) if each.identity not in self._quiet)
        nameless = (each.position() for each in self._files.values() if not each.named and each.path == file.path)
        return [each for each in (*closed, *nameless) if each.offset and _is_told(each, file)]

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

    def _put_aside(self, position: Position) -> None:
        """Look after a rotated file from time to time."""
        try:
            status = os.stat(position.path)
        except OSError:
            return
        if (status.st_dev, status.st_ino) == position.identity:
            self._positions[position.identity] = position
            self._aside[position.identity] = Seen(position.path, (position.offset, position.changed))
            for each in list(self._aside)[:-_ASIDE]:
                del self._aside[each]

    def _rest(self, file: FollowedFile, kind: Literal["ended", "left"]) -> Iterator[Event]:
        """Close a file in which nothing happens; it is opened again when its size or time changes."""
        change = (file.offset, file.changed)  # as it was when it was read, not as it may be now
        yield from self._end(file, kind)
        self._quiet[file.identity] = change

    def _end(self, file: FollowedFile, kind: Literal["ended", "left"]) -> Iterator[Event]:
        yield Event(kind, file)
        position = file.position()
        if kind == "ended" and not file.named:
            position = replace(position, ended=True, removed=is_removed(file.descriptor))
        self._positions.pop(file.identity, None)
        self._positions[file.identity] = position
        os.close(file.descriptor)
        self._files.pop(file.identity, None)
        if position.ended and not position.removed:
            self._put_aside(position)
        if len(self._positions) > self._most:
            for key in self._surplus():
                del self._positions[key]
            self._most = len(self._positions) + _KEPT

    def _forget(self, file: FollowedFile) -> Iterator[Event]:
        """Close a file whose content was replaced by something that is not its own."""
        yield Event("ended", file)
        os.close(file.descriptor)
        del self._files[file.identity]

    def close(self) -> None:
        """Let go of all files; positions stay."""
        self.archives.close()
        self._held.drop()
        for file in self._files.values():
            self._positions[file.identity] = file.position()
            os.close(file.descriptor)
        self._files.clear()


def _is_told(position: Position, file: FollowedFile) -> bool:
    """Whether a position's content is enough to say that a file under its name is the same, if it has it."""
    remounted = position.inode == file.identity[1] and not position.removed
    return position.offset >= _TELLING or remounted or 0 < file.changed <= position.changed


def _may_be(path: str, position: Position) -> bool:
    """Whether a path is one that the position's file may have by now."""
    return path == position.path or is_of(path, position.log)
