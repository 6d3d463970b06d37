"""Follows files by glob: from where reading ended, across rotation, deletion and truncation, each byte once.

A file that is written to stays open, so that what comes after a rename or a removal is still read and its inode cannot be given to
another. One that was quiet for ten minutes is closed and only looked at, so that thousands of old files cost no descriptors. Nothing that happens to one file stops the others; it is counted.

A log that lost its content or, while nobody watched, its name is sought beside it (files_remains.py). A copy of a log that is
followed is not read for as long as the log has the same itself.
"""

from __future__ import annotations

import logging
import os
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.sources.files_event import Event
from stoker.sources.files_followed import BLOCK, PAUSE, FollowedFile
from stoker.sources.files_lost import LostFiles
from stoker.sources.files_position import new_position
from stoker.sources.files_remains import (
    found,
    is_at,
    originals,
    siblings,
    since,
)
from stoker.sources.files_writer import is_complete

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.sources.files_known import Identity
    from stoker.sources.files_names import Seen

log = logging.getLogger(__name__)

TURN = 4
"""Blocks that one file gets before it is another's turn."""
_LEAVING = 60.0
_QUIET = 600.0
_HELD = 3600.0
"""Seconds after which half a line is taken as one although somebody has the file open for writing."""
_OPEN = 256
_ROOM = 64
"""Files that are closed at once when too many are open."""
_ROOMS = 16
"""How often in a turn."""


class Follower(LostFiles):
    """Follows all files that match.

    Args:
        patterns: globs.
        from_beginning: whether files older than the first start are read whole.
        errors: counts what went wrong, by reason.
        find: gives the files in place of the patterns, the older ones of a log first; told the seconds of a steady clock.
        log_of: gives the name under which a file was written, see FollowedFile.
    """

    def turn(self, now: float) -> Iterator[Event]:
        """What has happened since the last turn; `behind` says afterwards whether there is more to read at once.

        Args:
            now: seconds of a steady clock.
        """
        self.behind = False
        first = self._first and self._from_beginning and not self.archives.listed
        looked = self._names.look(now, packed=first)
        names = self._names.files
        if looked:
            self._held.drop()
            for identity, seen in self._unopened(names):
                self._held.hold(seen.path, identity)
        if first:
            self.archives.take_all(self._names.packed, {seen.path for seen in names.values()})
        rest = self.archives.has_rest
        yield from self._unpacked()
        if rest:  # where a log goes on is sought when what it had is read
            self.behind = True
            return
        if looked:
            yield from self._missing(names)
        yield from self._moved(names, now)
        if looked:
            self._fresh = self._appeared(names)
        yield from self._opened_fresh(names)
        yield from self._read(names, now)
        if looked:
            yield from self._late()
        self.behind = self.behind or self.archives.waits

    def _missing(self, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """What became of files that were closed and have lost their names."""
        for identity in [each for each in self._quiet if each not in names]:
            del self._quiet[identity]
            self._unsought[identity] = self._positions[identity]
        yield from self._sought(names)

    def _moved(self, names: Mapping[Identity, Seen], now: float) -> Iterator[Event]:
        """What has lost its name is read first: its lines are older than those of its successor."""
        for file in self._open_files():
            if file.identity not in names:
                yield from self._leaving(file, names, now)
            elif file.path != names[file.identity].path:
                self.rotations += 1
                yield from self._news(file, names)
                file.path = names[file.identity].path

    def _read(self, names: Mapping[Identity, Seen], now: float) -> Iterator[Event]:
        for file in self._open_files():
            if file.identity in names:
                file.named = True
                file.path = names[file.identity].path
                before = file.offset
                yield from self._news(file, names)
                if self._files.get(file.identity) is not file:
                    continue
                if file.offset != before or not file.quiet_since:
                    file.quiet_since = now
                    continue
                yield from self._last_line(file, now)
                if now - file.quiet_since >= (_HELD if file.partial and file.held else _QUIET):
                    yield from self._rest(file, "ended")

    def _last_line(self, file: FollowedFile, now: float) -> Iterator[Event]:
        """What nothing ends is a line when nobody can go on with it."""
        if file.partial and now - max(file.quiet_since, file.asked_at) >= PAUSE:
            file.asked_at = now
            complete = is_complete(file.descriptor, file.offset)
            file.held = complete is False
            if complete:
                yield Event("line", file)

    def _open_files(self) -> Iterator[FollowedFile]:
        """All that are open, those that become others' originals first; some may be closed meanwhile."""
        for file in sorted(self._files.values(), key=lambda each: len(each.path)):
            if self._files.get(file.identity) is file:
                yield file

    def _unpacked(self) -> Iterator[Event]:
        """A turn of the archives."""
        for archive in self.archives.turn():
            if not archive.begun:
                archive.begun = True
                yield Event("opened", archive)
            for data in self.archives.read(archive):
                yield Event("data", archive, data)
            if archive.ended:
                yield Event("ended", archive)

    def _appeared(self, names: Mapping[Identity, Seen]) -> deque[tuple[Identity, Seen]]:
        """Files that are to be opened: new ones, and closed ones that have changed since."""
        # known ones first: what came between them and a new one is theirs
        return deque(sorted(self._unopened(names), key=lambda each: each[0] not in self._positions))

    def _unopened(self, names: Mapping[Identity, Seen]) -> list[tuple[Identity, Seen]]:
        return [
            (identity, seen)
            for identity, seen in names.items()
            if identity not in self._files and self._quiet.get(identity) != seen.change
        ]

    def _opened_fresh(self, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        paths = {each.path: key for key, each in names.items()} if self._fresh else {}
        rooms = 0
        while self._fresh:
            identity, seen = self._fresh[0]
            if len(self._files) >= _OPEN // 2 and self.archives.hold_up(self._log_of(seen.path)):
                self._fresh.popleft()  # it could not be read, and leaves the room for others until the next look
                continue
            if identity not in self._files and len(self._files) >= _OPEN:
                rooms += 1
                if rooms <= _ROOMS:
                    yield from self._make_room(names)
                if len(self._files) >= _OPEN:
                    self.behind = True
                    return
            self._fresh.popleft()
            if identity not in self._files:
                yield from self._open_fresh(identity, seen, paths, names)
        self._first = False

    def _open_fresh(
        self, identity: Identity, seen: Seen, paths: Mapping[str, Identity], names: Mapping[Identity, Seen]
    ) -> Iterator[Event]:
        """Open a file that is new or has changed, unless it is but a copy of its original."""
        original = next((paths[each] for each in originals(seen.path) if each in paths), None)
        position = None
        known = self._positions.get(identity)
        if original is not None and not self._is_kept(identity, seen.path):
            waits, position = self._copy(seen.path, identity, names[original].path, original)
            if waits:
                self._held.release(identity)
                if known is not None:  # what it was is elsewhere: its inode is the copy's now
                    self._displace(known)
                    yield from self._sought_again(known, names)
                return
        file = self._open(seen.path, position, identity=identity)  # by now its name may be another's
        if file is None and not is_at(seen.path, identity):
            # renamed or packed a moment ago
            unread = new_position(seen.path, self._log_of(seen.path), identity, changed=seen.change[1])
            self._unsought[identity] = self._positions[identity] = known or unread
        if file is not None:
            later = []
            if known is not None and file.log != file.path and file.start == known.offset:
                later = self._followed(known, identity)
            yield from self._opened(file, names)
            if file.log != file.path:
                yield from self._older(file, names)
                if known is not None:
                    yield from self._each(known, later, names)
            else:
                yield from self._succeeded(file, names)

    def _make_room(self, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """Close the files that were read to their end and are the longest without a change; where there are none, read small ones."""
        for file in self._open_files():
            if file.named and file.offset < file.size <= file.offset + BLOCK:
                yield from self._news(file, names)
        idle = [each for each in self._files.values() if each.named and each.size <= each.offset]
        for file in sorted(idle, key=lambda each: (each.partial > 0 and not each.is_over(), each.changed))[:_ROOM]:
            yield from self._rest(file, "ended" if file.is_over() else "left")

    def _leaving(self, file: FollowedFile, names: Mapping[Identity, Seen], now: float) -> Iterator[Event]:
        """A file without its name: read on until it is quiet for a minute, since its writer may still have it open."""
        before = file.offset
        if file.named:
            file.named, file.quiet_since = False, 0.0
            removed = os.fstat(file.descriptor).st_nlink == 0
            self.rotations += (not removed or os.path.lexists(file.path)) and not file.has_name()
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
            return
        yield from self._last_line(file, now)
        if now - file.quiet_since >= (_HELD if file.partial and file.held else _LEAVING):
            yield from self._end(file, "ended")

    def _news(self, file: FollowedFile, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        try:
            looked = file.changed
            if file.cut():
                yield from self._cut(file, looked, names)
                if self._files.get(file.identity) is not file:
                    return
            if not file.offset and file.named and file.path == file.log:
                older = [each for each in self._files.values() if each.log == file.log and each.is_older()]
                for other in older if file.size else ():
                    # its last lines were written before the first ones here, maybe since it was looked at
                    yield from self._news(other, names)
                    self.behind = self.behind or other.size > other.offset
                    if other.size > other.offset and other.offset != other.start:
                        return
                if looked < file.changed:
                    # it was empty, and may have been filled, copied and cut since, or be another one with its inode
                    position = replace(file.position(), changed=looked)
                    yield from self._each(position, since(position, siblings(file.log, position.folder)), names)
            if self.archives.hold_up(file.log):
                return
            for _ in range(TURN):
                data = file.read() if file.size > file.offset else b""
                if file.skipped:
                    self._errors["nul"] += file.skipped
                    file.skipped = 0
                if not data:
                    break
                self.faults.over(file.path, "read")
                yield Event("data", file, data)
            self.behind = self.behind or file.size > file.offset
        except OSError as error:
            self.faults.say(file.path, "read", error.strerror)
            yield from self._end(file, "left")

    def _cut(self, file: FollowedFile, looked: int, names: Mapping[Identity, Seen]) -> Iterator[Event]:
        """What was read is no longer in the file, which was changed at `looked` when it was last looked at."""
        self.truncations += 1
        log.info("file was cut path=%s", file.path)
        paths = {each.path: key for key, each in names.items()}
        original = next((paths[each] for each in originals(file.path) if each in paths), None)
        if original == file.identity:
            original = None
        if original is not None and self._copy(file.path, file.identity, names[original].path, original) != (
            False,
            None,
        ):
            yield from self._forget(file)  # an older copy, written over with a new one
            return
        old = replace(file.position(), changed=looked)
        file.restart()
        first = True
        for event in self._remains(old, names):
            if first:
                yield Event("left", file)  # its unfinished line is in the copy
            first = False
            yield event
        if first and not self.archives.hold_up(file.log):
            yield Event("cut", file)
        elif first:
            yield Event("left", file)
