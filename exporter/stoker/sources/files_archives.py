"""Rotated and packed logs that were there before the first start: read once, oldest first, before any plain file.

A packed file that appears later is a log that was followed while it was plain, so that it is not read again, unless it was packed
before it was read to its end. How far an archive is read counts unpacked bytes: after a restart these are unpacked again and skipped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.errors import SourceError
from stoker.sources.compressed import blocks
from stoker.sources.files_position import Edges
from stoker.sources.files_remains import path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

_CONTEXT = 262_144
_KEPT = 1000


class Archive:
    """A packed file being read; to whoever takes its bytes it is a file like a followed one.

    Attributes:
        path: its name.
        log: the name under which it was written: the plain log that it was rotated from, else its name without `.gz`.
        start: where reading began in this life, in unpacked bytes.
    """

    def __init__(self, path: str, log: str, start: int) -> None:
        self.path = path
        self.log = log
        self.start = start
        self._edges = Edges(b"", b"", start)
        self._skipped = b""
        self._blocks = self._rest()

    @property
    def offset(self) -> int:
        """Unpacked bytes given."""
        return self._edges.offset

    @property
    def partial(self) -> int:
        """Of these, those of a line that has not ended."""
        return self._edges.partial

    def end_line(self) -> None:
        """Take the last line as ended."""
        self._edges.end()

    def _rest(self) -> Generator[bytes]:
        skip = self.start
        for block in blocks(self.path):
            self._skipped = (self._skipped + block[:skip])[-_CONTEXT:]
            if len(block) > skip:
                yield block[skip:]
            skip = max(0, skip - len(block))

    def read(self) -> bytes:
        """The next block; empty at the end.

        Raises:
            SourceError: when it cannot be unpacked.
            OSError: when it cannot be read.
        """
        data = next(self._blocks, b"")
        self._edges.add(data)
        return data

    def before(self, size: int) -> bytes:
        """Up to `size` bytes in front of where reading began, from the beginning of a line on; once something is read."""
        data = self._skipped[-size:]
        return data if len(data) == self.start else data[data.find(b"\n") + 1 :]

    def former(self, size: int) -> bytes:  # noqa: ARG002 - as a followed file's
        """Nothing: an older archive was read just before."""
        return b""

    def close(self) -> None:
        """Let go of the file, or of the program that unpacks it."""
        self._blocks.close()


class _Waiting(NamedTuple):
    """An archive to be read: by device and inode, since a rotation renames it."""

    path: str
    log: str
    offset: int
    identity: tuple[int, int]


class Archives:
    """The archives of one follower.

    Args:
        complain: called with the path and the reason of one that cannot be read.
    """

    def __init__(self, complain: Callable[[str, str], None]) -> None:
        self._complain = complain
        self._done: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._read: dict[tuple[int, int], None] = {}
        self._waiting: list[_Waiting] = []
        self._open: Archive | None = None
        self._of: _Waiting | None = None

    @property
    def waits(self) -> bool:
        """Whether there is one to be read before anything else."""
        return bool(self._waiting)

    def take(self, path: str, log: str, offset: int) -> None:
        """Read the rest of a log that was packed before it was read to its end."""
        identity = _identity(path)
        if identity is not None and not self.has_read(identity):
            self._waiting.append(_Waiting(path, log, offset, identity))

    def next(self, packed: Iterable[str], plain: Iterable[str]) -> Archive | None:
        """The archive that is being read, or the oldest one that was not; None when all are read.

        Args:
            packed: paths of all packed files.
            plain: paths of the plain ones.
        """
        while self._open is None and self._waiting:
            self._of = each = self._waiting[0]
            path = each.path if _identity(each.path) == each.identity else path_of(each.path, each.identity)
            if path:
                self._open = Archive(path, each.log, each.offset)
                return self._open
            self._complain(each.path, "it is gone")
            self._waiting.pop(0)
        if self._open is None:
            self._of = None
            there = set(plain)
            # one whose plain file is still there is only being packed
            fresh = (each for each in packed if not self.knows(each) and each[: each.rindex(".")] not in there)
            left = sorted(fresh, key=_age)
            if left:
                self._open = Archive(left[0], _log(left[0], there), self._kept.get(left[0], 0))
        return self._open

    def read(self) -> bytes:
        """The next block of the open archive; empty when it has ended, well or not."""
        archive = self._open
        assert archive is not None
        try:
            return archive.read()
        except (SourceError, OSError) as error:
            self._complain(archive.path, str(error))
            return b""

    def end(self) -> None:
        """The open archive is read to its end."""
        if self._open is None:
            return
        if self._of is not None:
            self._waiting.remove(self._of)
        else:
            self._done[self._open.path] = self._open.offset
        identity = self._of.identity if self._of is not None else _identity(self._open.path)
        if identity is not None:
            self._read[identity] = None
            for each in list(self._read)[:-_KEPT]:
                del self._read[each]
        self._open = None

    def knows(self, path: str) -> bool:
        """Whether the archive was read, under this name or another."""
        return path in self._done or (bool(self._read) and _identity(path) in self._read)

    def has_read(self, identity: tuple[int, int]) -> bool:
        """Whether the archive with this device and inode was read or waits to be."""
        return identity in self._read or any(each.identity == identity for each in self._waiting)

    def close(self) -> None:
        """Let go of the open archive."""
        if self._open is not None:
            self._open.close()

    def state(self) -> dict[str, Any]:
        """What is read, as plain values."""
        archive, of = self._open, self._of
        offset = archive.offset - archive.partial if archive is not None else 0
        waiting = [
            each._replace(offset=offset) if archive is not None and each is of else each for each in self._waiting
        ]
        return {
            "done": self._done,
            "read": list(self._read),
            "waiting": [[*each[:3], list(each.identity)] for each in waiting],
            "open": {} if archive is None or of is not None else {archive.path: offset},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._done = {str(path): int(offset) for path, offset in state["done"].items()}
        self._kept = {str(path): int(offset) for path, offset in state["open"].items()}
        self._read = {(int(device), int(inode)): None for device, inode in state.get("read", ())}
        self._waiting = [
            _Waiting(str(path), str(log), int(offset), (int(identity[0]), int(identity[1])))
            for path, log, offset, identity in state.get("waiting", ())
        ]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _age(path: str) -> tuple[int, str]:
    try:
        return os.stat(path).st_mtime_ns, path
    except OSError:
        return 0, path


def _log(path: str, plain: Iterable[str]) -> str:
    """`train.log.2.gz` was written as `train.log` where that is there."""
    bare = path[: path.rindex(".")]
    written = [each for each in plain if bare.startswith(each) and bare[len(each) : len(each) + 1] in (".", "-", "_")]
    return max(written, key=len, default=bare)
