"""Logs that lost their name or their content: what is left of them is opened and read, before what is newer."""

from __future__ import annotations

import logging
import os
from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.sources.files_event import Event
from stoker.sources.files_names import Seen
from stoker.sources.files_open import TRIES, OpenFiles
from stoker.sources.files_position import new_position
from stoker.sources.files_remains import (
    PACKED,
    after,
    between,
    found,
    fresh,
    holds,
    is_of,
    is_removed,
    originals,
    repeats,
    rest,
    siblings,
    since,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from stoker.sources.files_followed import FollowedFile
    from stoker.sources.files_known import Identity
    from stoker.sources.files_position import Position
    from stoker.sources.files_remains import Sibling

log = logging.getLogger(__name__)


class LostFiles(OpenFiles, ABC):
    """See the module; arguments as OpenFiles has them."""

    @abstractmethod
    def _news(self, file: FollowedFile, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """What is new in a file."""

    def _opened(self, file: FollowedFile, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """What follows from opening a file."""
        for left in self._left:
            yield Event("left", left)
        self._left.clear()
        yield Event("opened", file)
        lost, self._lost = self._lost, []
        for position in lost:
            yield from self._sought_again(position, names)

    def _sought_again(self, position: Position, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """Read what is left of a log whose name or inode is another's, or what came after it."""
        if not (yield from self._remains(position, names)):
            yield from self._after(position, names)

    def _sought(self, names: Mapping[Identity, Seen]) -> Iterator[Event]:
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
            if file is not None and file.start == position.offset and file.fits(position):
                file.named = False
                self.rotations += path != position.path
                later = self._followed(position, identity)
                yield from self._opened(file, names)
                yield from self._older(file, names)
                yield from self._each(position, later, names)
                continue
            if file is not None:  # another file took the inode
                os.close(file.descriptor)
                del self._files[identity]
                self._positions[identity] = position
            if not position.ended:
                lost.append(position)
        # a folder that is listed while its files are renamed may not show them all
        self._tries = self._tries - 1 if lost else TRIES
        self._unsought = {each.identity: each for each in lost} if self._tries else {}
        at = {each.path for each in names.values()}
        for position in lost:
            if position.path not in at or not self._is_back(position):
                there = yield from self._remains(position, names)
                if not there and not self._tries:
                    yield from self._after(position, names)

    def _followed(self, position: Position, identity: Identity) -> list[Sibling]:
        """What came after a log that was rotated while nobody watched and has its inode still."""
        if not position.offset:  # it may be another one with its inode
            return self._hold(since(position, siblings(position.log, position.folder)))
        return self._between(position, identity)

    def _hold(self, among: list[Sibling]) -> list[Sibling]:
        """Rotated files that are to be read, after what is read before them: the youngest ones are the next to be packed."""
        for each in reversed(among):
            if each.identity not in self._files:
                self._held.hold(each.path, each.identity)
        return among

    def _after(self, position: Position, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """Read what came after a log of which nothing is left."""
        if not position.passed:
            yield from self._each(position, after(position, siblings(position.log, position.folder)), names)

    def _remains(self, position: Position, names: Mapping[Identity, Seen]) -> Generator[Event, None, bool]:
        """Read the rest of a log whose file has another content now, or is gone, and what was written between it and now.

        Returns:
            Whether there was something left, or might have been.
        """
        among = [each for each in siblings(_written_as(position, names), position.folder) if not self._is_known(each)]
        one = rest(position, [*self._held.gone(position.log), *among], self._held.opened)
        if one is None:
            if not position.offset:
                yield from self._each(position, since(position, among), names)
            return not position.offset
        self._hold([one])
        later = self._between(position, one.identity, one)
        self._replaced(position)
        if (old := self._files.get(one.identity)) is not None:  # the copy was written over an older one
            yield from self._forget(old)
        yield from self._take(one, position.log, position, names, passed=position.passed)
        yield from self._each(position, later, names)
        return True

    def _is_known(self, one: Sibling) -> bool:
        file = self._files.get(one.identity)
        return file.is_there() if file is not None else self.archives.knows(one.identity, one.changed)

    def _between(self, position: Position, now: Identity, before: Sibling | None = None) -> list[Sibling]:
        """What was begun and rotated, too, since a log was looked at whose file, or what has its rest, is `now` that one.

        Args:
            position: of the log.
            now: device and inode of that file.
            before: what it was, should it have no name any more.
        """
        if position.passed:
            return []
        for _ in range(TRIES):
            among = siblings(position.log, position.folder)
            one = next((each for each in among if each.identity == now), None)
            if one is not None:
                return self._hold(between(one, among))
        return self._hold(between(before, siblings(position.log, position.folder))) if before is not None else []

    def _each(self, position: Position, among: list[Sibling], names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """Read rotated files of a log of which it is not known whether they were read."""
        self._hold(among)
        log_name = _written_as(position, names) if among else ""
        for each in among:
            if each.identity in self._files or self.archives.knows(each.identity, each.changed):
                continue
            if self._is_open_file(each, log_name):
                self._held.release(each.identity)
                continue
            of_log = [one for one in self._positions.values() if is_of(one.log, log_name) and one.offset]
            of_log.sort(key=lambda one: -one.offset)
            known = next((one for one in of_log if holds(each.path, one, each.identity, self._held.opened)), None)
            if known is not None and (known.identity in self._quiet or self._is_copied(known, each, names)):
                self._held.release(each.identity)
                continue
            if known is not None:
                self._replaced(known)
            yield from self._take(each, position.log, known, names, passed=each is not among[-1])

    def _is_open_file(self, one: Sibling, log_name: str) -> bool:
        """Whether a rotated file has what is, or was, in an open one, by which it is read, perhaps later."""
        of_log = [each for each in self._files.values() if is_of(each.log, log_name)]
        packed = [each.descriptor for each in of_log if is_removed(each.descriptor)]
        if any(repeats(one, each, self._held.opened) for each in packed) or self._held.is_in(one):
            return True
        cut = [each.position() for each in of_log if each.offset and not each.is_there()]
        return any(holds(one.path, each, one.identity, self._held.opened) for each in cut)

    def _is_copied(self, position: Position, to: Sibling, names: Mapping[Identity, Seen]) -> bool:
        """Whether a log that is not open yet was copied to another file, and not cut since."""
        seen = names.get(position.identity)
        return seen is not None and position.identity != to.identity and self._is_kept(position.identity, seen.path)

    def _take(
        self, one: Sibling, log_name: str, position: Position | None, names: Mapping[Identity, Seen], *, passed: bool
    ) -> Iterator[Event]:
        """Read a rotated file from the position, or whole; `passed` as in FollowedFile."""
        log.info("rest of a log path=%s log=%s offset=%s", one.path, log_name, position.offset if position else 0)
        if one.path.endswith(PACKED):
            self.archives.take(one, log_name, position.offset if position else 0)
            return
        current = next((key for key, each in names.items() if each.path == log_name), None)
        if position is None and current is not None and self._copy(one.path, one.identity, log_name, current)[0]:
            self._held.release(one.identity)
            return
        file = self._open(one.path, position, log_name, identity=one.identity)
        if file is None and one.identity not in self._files:
            # renamed or packed a moment ago
            unread = new_position(one.path, log_name, one.identity, changed=one.changed)
            known = self._positions.get(one.identity) or position or unread
            self._unsought[one.identity] = self._positions[one.identity] = known
        if file is not None:
            file.passed = passed
            file.named = file.identity in names
            yield from self._opened(file, names)
            yield from self._older(file, names)

    def _older(self, file: FollowedFile, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """What a rotated file or a copy has is older than what its original has now: all of it is read first."""
        yield from self._news(file, names)
        while self._files.get(file.identity) is file and file.size > file.offset:
            before = file.offset
            yield from self._news(file, names)
            if file.offset == before:
                return

    def _succeeded(self, successor: FollowedFile, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """A log goes on in a new file: what was begun and rotated since the last look is older than that."""
        for file in [each for each in self._files.values() if each.log == successor.path and each.is_older()]:
            if file.passed or self._files.get(file.identity) is not file:
                continue
            position = file.position()
            among = siblings(position.log, position.folder)
            if not is_removed(file.descriptor):
                one = next((each for each in among if each.identity == file.identity), None)
            else:  # it was packed: looked for only where there may be more than itself
                one = rest(position, among) if len(fresh(position, among)) > 1 else None
            if not successor.has_name():
                return  # it may be among them itself by now; its own successor asks again
            file.passed = True
            later = between(one, among) if one is not None else after(position, among)
            if not position.offset:
                later = since(position, among)
            yield from self._each(position, later, names)

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
                    self._aside[identity] = Seen(path, seen.change)
            elif (status.st_size, status.st_mtime_ns) != seen.change:
                file = self._open(seen.path, identity=identity)
                if file is not None:
                    file.named = False
                    yield from self._opened(file, {})
                    yield from self._news(file, {})


def _written_as(position: Position, names: Mapping[Identity, Seen]) -> str:
    """The log from which a position's file was rotated, where it was first seen under a name that a rotation gives."""
    paths = {each.path for each in names.values()}
    return next((each for each in reversed(originals(position.log)) if each in paths), position.log)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1
