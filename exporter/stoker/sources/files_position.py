"""Tells one file from another that took its name, its inode or a copy of its content."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_EDGE = 256


def digest(data: bytes) -> str:
    """A short hash: the log's own text is not kept."""
    return blake2b(data, digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading has to go on, and how to know that the file is still the same.

    Attributes:
        path: name under which the file was last seen.
        log: name under which it was written, see FollowedFile.
        device, inode: of the file.
        offset: bytes that are read and whose lines are complete.
        head, head_size: hash of the file's first bytes, up to 256, read or not, and how many these were.
        tail, tail_size: the same of the bytes just before the offset.
        folder: of the file itself, where the path is a link; else empty.
        changed: when the file was changed before it was last looked at, in nanoseconds; 0 when unknown.
        ended: whether it had lost its name and was quiet.
        removed: whether it had no name at all, so that its inode may be another file's.
        passed: whether the log was seen to go on in another file.
    """

    path: str
    log: str
    device: int
    inode: int
    offset: int
    head: str
    head_size: int
    tail: str
    tail_size: int
    folder: str = ""
    changed: int = 0
    ended: bool = False
    removed: bool = False
    passed: bool = False

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    def fits(self, descriptor: int) -> bool:
        """Whether the open file begins, and stands before the offset, as this position remembers."""
        return (
            os.fstat(descriptor).st_size >= self.offset
            and digest(os.pread(descriptor, self.head_size, 0)) == self.head
            and digest(os.pread(descriptor, self.tail_size, self.offset - self.tail_size)) == self.tail
        )

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Position:
        """From what `state` gave."""
        return cls(
            path=str(state["path"]),
            log=str(state["log"]),
            device=int(state["device"]),
            inode=int(state["inode"]),
            offset=int(state["offset"]),
            head=str(state["head"]),
            head_size=int(state["head_size"]),
            tail=str(state["tail"]),
            tail_size=int(state["tail_size"]),
            folder=str(state.get("folder", "")),
            changed=int(state.get("changed", 0)),
            ended=bool(state.get("ended")),
            removed=bool(state.get("removed")),
            passed=bool(state.get("passed", state["path"] != state["log"])),
        )


class Edges:
    """The bytes by which a file is known again, taken from what was read: the file itself may have changed since.

    Attributes:
        offset: bytes read.
        partial: of these, those of a line that has not ended; 0 when that line is taken as ended.

    Args:
        first: the file's first bytes, up to 256, read or not.
        last: as many of those just before the offset.
        offset: where reading begins.
    """

    def __init__(self, first: bytes, last: bytes, offset: int) -> None:
        self._first = first
        self._last = self._line = last
        self.offset = offset
        self.partial = 0

    def add(self, data: bytes) -> None:
        """Take bytes that follow."""
        known = len(self._first)
        if self.offset <= known < _EDGE:
            self._first += data[known - self.offset :][: _EDGE - known]
        self.offset += len(data)
        end = max(data.rfind(b"\n"), data.rfind(b"\r"), data.rfind(b"\b")) + 1
        if end:
            self._line = (self._last + data[max(0, end - _EDGE) : end])[-_EDGE:]
            self.partial = len(data) - end
        else:
            self.partial += len(data)
        self._last = (self._last + data[-_EDGE:])[-_EDGE:]

    def hole(self, size: int) -> None:
        """Take NUL bytes that are no text and were not read."""
        self.add(b"\0" * min(size, 2 * _EDGE))
        self.offset += max(0, size - 2 * _EDGE)
        self.end()

    def end(self) -> None:
        """Take the last line as ended."""
        self.partial, self._line = 0, self._last

    def look(self, descriptor: int) -> None:
        """Take first bytes that are there and not yet read: a file that waits has to be known again, too."""
        if len(self._first) < _EDGE:
            first = _first(descriptor)
            if first.startswith(self._first):
                self._first = first

    def there(self, descriptor: int) -> bool:
        """Whether the open file still has what was read, and the first bytes that were seen."""
        start = self.offset - len(self._last)
        return (
            os.fstat(descriptor).st_size >= self.offset
            and os.pread(descriptor, len(self._last), start) == self._last
            and os.pread(descriptor, len(self._first), 0) == self._first
        )

    def place(self, position: Position) -> Position:
        """The position, put at the start of the first line that has not ended."""
        done = self.offset - self.partial
        size = min(done, _EDGE)
        tail = (self._line if self.partial else self._last)[-size:] if size else b""
        return replace(
            position,
            offset=done,
            head=digest(self._first),
            head_size=len(self._first),
            tail=digest(tail),
            tail_size=len(tail),
        )


class Progress:
    """How far something is read, whatever gives its bytes.

    Args:
        edges: of what was read.
    """

    def __init__(self, edges: Edges) -> None:
        self._edges = edges

    @property
    def offset(self) -> int:
        """Bytes read."""
        return self._edges.offset

    @property
    def partial(self) -> int:
        """Of the bytes read, those of a line that has not ended."""
        return self._edges.partial

    def end_line(self) -> None:
        """Take the last line as ended."""
        self._edges.end()


def edges_of(descriptor: int, offset: int) -> Edges:
    """Of an open file that is read up to `offset`."""
    size = min(offset, _EDGE)
    return Edges(_first(descriptor), os.pread(descriptor, size, offset - size), offset)


def _first(descriptor: int) -> bytes:
    """The first bytes of an open file; a hole is no text, and somebody may yet fill it."""
    return os.pread(descriptor, _EDGE, 0).partition(b"\0")[0]


def new_position(path: str, log: str, identity: tuple[int, int], offset: int = 0, *, changed: int = 0) -> Position:
    """Of a file of which nothing is known but where reading begins."""
    nothing = digest(b"")
    return Position(path, log, *identity, offset, nothing, 0, nothing, 0, changed=changed)
