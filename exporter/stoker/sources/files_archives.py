"""Rotated and packed logs that were there before the first start: read once, oldest first, before any plain file.

A packed file that appears later is a log that was followed while it was plain, so that it is not read again. How far an archive
is read counts unpacked bytes: after a restart these are unpacked again and skipped.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from stoker.errors import SourceError
from stoker.sources.compressed import blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

_CONTEXT = 262_144
PACKED = (".gz", ".zst")
"""Ends of the names of files that can be unpacked."""


class Archive:
    """A packed file being read; to whoever takes its bytes it is a file like a followed one.

    Attributes:
        path: its name.
        log: the name under which it was written: the plain log that it was rotated from, else its name without `.gz`.
        start: where reading began in this life, in unpacked bytes.
        offset: unpacked bytes given.
        partial: of these, those of a line that has not ended; whoever takes the bytes says so.
    """

    def __init__(self, path: str, log: str, start: int) -> None:
        self.path = path
        self.log = log
        self.start = self.offset = start
        self.partial = 0
        self._skipped = b""
        self._blocks = self._rest()

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
        self.offset += len(data)
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


class Archives:
    """The archives of one follower.

    Args:
        complain: called with the path and the reason of one that cannot be read.
    """

    def __init__(self, complain: Callable[[str, str], None]) -> None:
        self._complain = complain
        self._done: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._open: Archive | None = None

    def next(self, packed: Iterable[str], plain: Iterable[str]) -> Archive | None:
        """The archive that is being read, or the oldest one that was not; None when all are read.

        Args:
            packed: paths of all packed files.
            plain: paths of the plain ones.
        """
        if self._open is None:
            left = sorted((each for each in packed if each not in self._done), key=_age)
            if left:
                self._open = Archive(left[0], _log(left[0], plain), self._kept.get(left[0], 0))
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
        if self._open is not None:
            self._done[self._open.path] = self._open.offset
            self._open = None

    def knows(self, path: str) -> bool:
        """Whether the archive was read."""
        return path in self._done

    def close(self) -> None:
        """Let go of the open archive."""
        if self._open is not None:
            self._open.close()

    def state(self) -> dict[str, Any]:
        """What is read, as plain values."""
        archive = self._open
        return {
            "done": self._done,
            "open": {} if archive is None else {archive.path: archive.offset - archive.partial},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._done = {str(path): int(offset) for path, offset in state["done"].items()}
        self._kept = {str(path): int(offset) for path, offset in state["open"].items()}


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
