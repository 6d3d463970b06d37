"""Rotated and packed logs: read beside the plain files, a slice a turn, and each before what its log has that is newer.

Those that were there before the first start are read once, oldest first. A packed file that appears later is a log that was
followed while it was plain, so that it is not read again, unless it was packed before it was read to its end. How far an archive is
read counts unpacked bytes: after a restart these are unpacked again and skipped.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from stoker.errors import SourceError
from stoker.sources.compressed import blocks
from stoker.sources.files_position import Edges, Progress
from stoker.sources.files_remains import opened, sibling

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping

    from stoker.sources.files_known import Identity
    from stoker.sources.files_remains import Sibling

_CONTEXT = 262_144
_KEPT = 4000
_AT_ONCE = 4
"""Logs of which an archive is open."""
_SLICE = 2 << 20
"""Unpacked bytes of an archive a turn."""


class Archive(Progress):
    """A packed file being read; to whoever takes its bytes it is a file like a followed one.

    Attributes:
        path: its name.
        log: the name under which it was written: the plain log that it was rotated from, else its name without `.gz`.
        start: where reading began in this life, in unpacked bytes.
        begun: whether somebody was told that it is read.
        ended: whether it is read to its end.
    """

    def __init__(self, path: str, identity: Identity, changed: int, log: str, start: int) -> None:
        super().__init__(Edges(b"", b"", start))
        self.path = path
        self._identity, self._changed = identity, changed
        self.log = log
        self.start = start
        self.begun = self.ended = False
        self._skipped = b""
        self._blocks = self._rest()

    def _rest(self) -> Generator[tuple[int, bytes]]:
        skip = self.start
        for block in blocks(self.path, opened(self.path, self._identity, self._changed)):
            self._skipped = (self._skipped + block[:skip])[-_CONTEXT:]
            yield len(block), block[skip:]
            skip = max(0, skip - len(block))

    def slice(self) -> Iterator[bytes]:
        """The next blocks; none of what was read before.

        Raises:
            SourceError: when it cannot be unpacked.
            OSError: when it cannot be read.
        """
        unpacked = 0
        while unpacked < _SLICE:
            size, data = next(self._blocks, (0, b""))
            if not size:
                self.ended = True
                return
            unpacked += size
            if data:
                self._edges.add(data)
                yield data

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
    """An archive to be read: by device and inode, since a rotation renames it.

    Attributes:
        changed: when it was changed, in nanoseconds: an inode is given anew.
        rest: whether it is what was left of a log that was followed.
    """

    path: str
    log: str
    offset: int
    identity: Identity
    changed: int
    rest: bool


class Archives:
    """The archives of one follower.

    Attributes:
        listed: whether those that were there before the first start are known.

    Args:
        complain: called with the path and the reason of one that cannot be read.
    """

    def __init__(self, complain: Callable[[str, str], None]) -> None:
        self.listed = False
        self._complain = complain
        self._read: dict[Identity, int] = {}
        self._waiting: list[_Waiting] = []
        self._logs: Counter[str] = Counter()
        self._open: dict[Identity, Archive] = {}

    @property
    def waits(self) -> bool:
        """Whether there is one to be read."""
        return bool(self._waiting)

    @property
    def has_rest(self) -> bool:
        """Whether the rest of a log that was followed is to be read: before it nothing is looked for."""
        return any(each.rest for each in self._waiting)

    def hold_up(self, log: str) -> bool:
        """Whether there is one of this log to be read, before anything else of it."""
        return self._logs[log] > 0

    def take_all(self, packed: Iterable[str], plain: Collection[str]) -> None:
        """Read those that are there before anything was read, the oldest first.

        Args:
            packed: paths of all packed files.
            plain: paths of the plain ones.
        """
        self.listed = True
        # one whose plain file is still there is only being packed
        whole = [each for each in packed if each[: each.rindex(".")] not in plain]
        there = [one for path in whole if (one := sibling(path)) is not None]
        for one in sorted(there, key=lambda each: (each.changed, each.path)):
            self.take(one, _log(one.path, plain), 0, rest=False)

    def take(self, one: Sibling, log: str, offset: int, *, rest: bool = True) -> None:
        """Read an archive, or what follows an offset of a log that was packed before it was read to its end."""
        if not self.knows(one.identity, one.changed):
            self._wait(_Waiting(one.path, log, offset, one.identity, one.changed, rest))

    def _wait(self, each: _Waiting) -> None:
        self._waiting.append(each)
        self._logs[each.log] += 1

    def turn(self) -> Iterator[Archive]:
        """Those that are read now: the oldest one of each log, of a few logs at once; the others wait."""
        first: dict[str, _Waiting] = {}
        for each in sorted(self._waiting, key=lambda each: not each.rest):
            first.setdefault(each.log, each)
            if len(first) == _AT_ONCE:
                break
        for each in first.values():
            archive = self._open.get(each.identity)
            if archive is None:
                archive = self._open[each.identity] = Archive(
                    each.path, each.identity, each.changed, each.log, each.offset
                )
            yield archive
            if archive.ended:
                del self._open[each.identity]
                self._no_longer(each)
                self._remember(each)

    def read(self, archive: Archive) -> Iterator[bytes]:
        """The next blocks of an archive; it has ended when it cannot be read."""
        try:
            yield from archive.slice()
        except (SourceError, OSError) as error:
            self._complain(archive.path, str(error))
            archive.ended = True

    def _no_longer(self, each: _Waiting) -> None:
        self._waiting.remove(each)
        self._logs[each.log] -= 1
        if not self._logs[each.log]:
            del self._logs[each.log]

    def _remember(self, each: _Waiting) -> None:
        self._read.pop(each.identity, None)
        self._read[each.identity] = each.changed
        if len(self._read) > _KEPT:
            del self._read[next(iter(self._read))]

    def knows(self, identity: Identity, changed: int) -> bool:
        """Whether the archive with this device, inode and time of change was read or waits to be."""
        waiting = any(each.identity == identity and each.changed == changed for each in self._waiting)
        return waiting or self._read.get(identity) == changed

    def close(self) -> None:
        """Let go of the open archives."""
        for archive in self._open.values():
            archive.close()
        self._open.clear()

    def state(self) -> dict[str, Any]:
        """What is read and what waits, as plain values."""
        waiting = []
        for each in self._waiting:
            archive = self._open.get(each.identity)
            offset = archive.offset - archive.partial if archive is not None else each.offset
            waiting.append([each.path, each.log, offset, list(each.identity), each.changed, each.rest])
        return {
            "listed": self.listed,
            "read": [[*identity, changed] for identity, changed in self._read.items()],
            "waiting": waiting,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave; the first versions knew no times of change."""
        self.listed = bool(state.get("listed"))
        for device, inode, *changed in state.get("read", ()):
            self._read[int(device), int(inode)] = int(changed[0]) if changed else 0
        for path, log, offset, (device, inode), *changed in state.get("waiting", ()):
            at, rest = (int(changed[0]), bool(changed[1])) if len(changed) > 1 else (0, True)
            self._wait(_Waiting(str(path), str(log), int(offset), (int(device), int(inode)), at, rest))


def _log(path: str, plain: Iterable[str]) -> str:
    """`train.log.2.gz` was written as `train.log` where that is there."""
    bare = path[: path.rindex(".")]
    written = [each for each in plain if bare.startswith(each) and bare[len(each) : len(each) + 1] in (".", "-", "_")]
    return max(written, key=len, default=bare)
