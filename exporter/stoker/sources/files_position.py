"""Tells one file from another that took its name, its inode or a copy of its content."""

from __future__ import annotations

import os
from dataclasses import dataclass
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
        head, head_size: hash of the file's first bytes (up to 256 of those before the offset) and how many these were.
        tail, tail_size: the same of the bytes just before the offset.
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
        numbers = {name: int(state[name]) for name in ("device", "inode", "offset", "head_size", "tail_size")}
        return cls(
            path=str(state["path"]), log=str(state["log"]), head=str(state["head"]), tail=str(state["tail"]), **numbers
        )


def position_of(path: str, log: str, descriptor: int, offset: int) -> Position:
    """The position of an open file that is read up to `offset`."""
    status = os.fstat(descriptor)
    size = min(offset, _EDGE)
    head, tail = os.pread(descriptor, size, 0), os.pread(descriptor, size, offset - size)
    return Position(
        path=path,
        log=log,
        device=status.st_dev,
        inode=status.st_ino,
        offset=offset,
        head=digest(head),
        head_size=len(head),
        tail=digest(tail),
        tail_size=len(tail),
    )
