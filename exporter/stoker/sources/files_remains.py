"""What became of a log that has lost its name or its content: the file that has the rest, and those that came between.

Looked for beside the log, among the names that a rotation gives (`train.log.1`, `train.log-20261124.gz`), whether or not a glob
asks for them. What a file holds says whether it is the one; its name only, in which order it was written.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import time
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from stoker.errors import SourceError
from stoker.sources.compressed import blocks
from stoker.sources.files_position import digest

if TYPE_CHECKING:
    from collections.abc import Callable

    Opener = Callable[[str, tuple[int, int] | None], BinaryIO]
    """Opens the file of a path, if it has this device and inode; see `opened`."""

    from stoker.sources.files_position import Position

PACKED = (".gz", ".zst")
"""Ends of the names of files that can be unpacked."""
_CANDIDATES = 64
_LISTS = 20
_PAUSE = 0.001
_SLACK = 2_000_000_000
_EDGE = 4096
_DATE = 1_000_000
_PLACE = re.compile(r"[._-](\d[\d._:TZ-]*)$")


class Sibling(NamedTuple):
    """A file beside a log that may have been rotated from it.

    Attributes:
        path: of the file.
        identity: its device and inode.
        changed: when it was last changed, in nanoseconds.
        place: where it stands among its siblings, the older the larger; None when its name does not say.
    """

    path: str
    identity: tuple[int, int]
    changed: int
    place: tuple[int, ...] | None


def is_rotated(name: str, log: str) -> bool:
    """`a.log.1`, `a.log-20261124` and `a.log_old` for `a.log`."""
    return name.startswith(log) and name[len(log) : len(log) + 1] in (".", "-", "_")


def is_of(path: str, log: str) -> bool:
    """Whether a path is a log, or has a name that a rotation of it gives."""
    return path == log or is_rotated(path, log)


def sibling(path: str, base: str = "") -> Sibling | None:
    """What is at a path; None when that is no file."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Sibling(path, (status.st_dev, status.st_ino), status.st_mtime_ns, place_of(path, base))


def is_at(path: str, identity: tuple[int, int]) -> bool:
    """Whether a path is the name of the file with this device and inode."""
    one = sibling(path)
    return one is not None and one.identity == identity


def opened(path: str, identity: tuple[int, int] | None = None, changed: int = 0) -> BinaryIO:
    """A file, opened by the name that it has by now.

    Args:
        path: its last known name.
        identity: its device and inode; None for whatever is there.
        changed: when it was last changed, in nanoseconds, where its inode may be another's by now; 0 for whenever.

    Raises:
        OSError: when it cannot be opened, or is gone.
    """
    for _ in range(_LISTS):
        try:
            file = open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb")  # noqa: SIM115 - for the caller
        except FileNotFoundError:
            if identity is None:
                raise
        else:
            status = os.fstat(file.fileno())
            if identity is None or ((status.st_dev, status.st_ino) == identity and changed in (0, status.st_mtime_ns)):
                return file
            file.close()
        if not (now := path_of(path, identity)):
            break
        path = now
    raise FileNotFoundError(errno.ENOENT, "it is gone")


def is_removed(descriptor: int) -> bool:
    """Whether an open file has no name at all any more."""
    try:
        return os.fstat(descriptor).st_nlink == 0
    except OSError:
        return False


def originals(path: str) -> list[str]:
    """The names from which this one may have come by a rotation or a copy, the longest first."""
    folder, name = os.path.split(path)
    ends = [end for end in range(len(name) - 1, 0, -1) if name[end] in "._-"]
    return [os.path.join(folder, name[:end]) for end in ends]


def path_of(path: str, identity: tuple[int, int]) -> str:
    """The path with this device and inode in the folder of `path`; empty when there is none."""
    for _ in range(_LISTS):
        try:
            with os.scandir(os.path.dirname(path)) as entries:
                names = [entry.path for entry in entries if entry.inode() == identity[1]]
        except OSError:
            return ""
        for name in names:
            if is_at(name, identity):
                return name
        if not names:
            return ""  # else it was renamed a moment ago
    return ""


def found(position: Position) -> str:
    """Where the file of a position is now, in the folder where it was; empty when it is not there."""
    path = path_of(position.path, position.identity)
    if not path and position.folder:
        path = path_of(os.path.join(position.folder, ""), position.identity)
    return "" if path.endswith(PACKED) else path  # which has its inode now


def siblings(log: str, folder: str = "") -> list[Sibling]:
    """What may have been rotated from a log, the oldest first; without what is only being packed."""
    base = os.path.basename(log)
    there = [each for place in {os.path.dirname(log), folder or os.path.dirname(log)} for each in _rotated(place, base)]
    paths = {each.path for each in there}
    whole = [each for each in there if not each.path.endswith(PACKED) or os.path.splitext(each.path)[0] not in paths]
    return sorted(whole, key=lambda each: each.changed)


def _rotated(folder: str, base: str) -> set[Sibling]:
    """The files with names that a rotation gives, as they were at one moment.

    Names are listed first and looked at one by one, so that a rotation meanwhile hides a file, or shows one for another: what was
    found the same twice was there.
    """
    before: set[Sibling] | None = None
    for tries in range(_LISTS):
        time.sleep(_PAUSE * max(0, tries - 1))  # a rotation of many files takes a moment
        there: set[Sibling] = set()
        try:
            with os.scandir(folder) as entries:
                names = [entry.path for entry in entries if is_rotated(entry.name, base)]
        except OSError:
            return there
        for name in names:
            if (one := sibling(name, base)) is not None:
                there.add(one)
        if there == before:
            break
        before = there
    return there


def rest(position: Position, among: list[Sibling], way: Opener = opened) -> Sibling | None:
    """The one that has what the position's file had, and whatever followed; None when none has."""
    if not position.offset:
        return None
    return next(
        (each for each in fresh(position, among)[:_CANDIDATES] if holds(each.path, position, each.identity, way)), None
    )


def fresh(position: Position, among: list[Sibling]) -> list[Sibling]:
    """Those that were changed when the position was taken, or later; a packed file has the time of what it was."""
    return [each for each in among if each.changed >= position.changed - _SLACK]


def since(position: Position, among: list[Sibling]) -> list[Sibling]:
    """What was rotated since an empty file was looked at, the oldest first."""
    later = [each for each in among if each.place is not None and each.changed >= position.changed]
    return sorted(later, key=lambda each: each.place or (), reverse=True)


def after(position: Position, among: list[Sibling]) -> list[Sibling]:
    """What was rotated after a log that was removed, the oldest first."""
    return [each for each in since(position, among) if each.changed > position.changed]


def between(one: Sibling, among: list[Sibling]) -> list[Sibling]:
    """What was rotated after this one, the oldest first."""
    if one.place is None:
        return []
    later = [each for each in among if each.place is not None and _is_later(each.place, one.place)]
    return sorted(later, key=lambda each: each.place or (), reverse=True)


def place_of(path: str, log: str) -> tuple[int, ...] | None:
    """Of `a.log.2` and `a.log.2.gz`, rotated from `a.log`, it is (2,); of a date the later one is the smaller."""
    suffix = os.path.basename(path)[len(os.path.basename(log)) :]
    for end in PACKED:
        suffix = suffix.removesuffix(end)
    match = _PLACE.match(suffix)
    if match is None:
        return None
    numbers = [int(each) for each in re.findall(r"\d+", match[1])]
    return (numbers[0],) if len(numbers) == 1 and numbers[0] < _DATE else tuple(-each for each in numbers)


def _is_later(place: tuple[int, ...], than: tuple[int, ...]) -> bool:
    return (place[0] < 0) == (than[0] < 0) and place < than


def holds(path: str, position: Position, identity: tuple[int, int] | None = None, way: Opener = opened) -> bool:
    """Whether a file, unpacked where it is packed, has what the position's file had; see `opened`."""
    if path.endswith(PACKED):
        return _unpacked_holds(path, position, identity, way)
    try:
        with way(path, identity) as file:
            return position.fits(file.fileno())
    except OSError:
        return False


def _unpacked_holds(path: str, position: Position, identity: tuple[int, int] | None, way: Opener) -> bool:
    head, tail, left = b"", b"", position.offset
    try:
        with closing(blocks(path, way(path, identity))) as unpacked:
            for data in unpacked:
                head += data[: position.head_size - len(head)]
                if len(head) == position.head_size and digest(head) != position.head:
                    return False
                tail = (tail + data[max(0, left - position.tail_size) : left])[-position.tail_size :]
                left -= min(left, len(data))
                if not left and len(head) == position.head_size:
                    return digest(tail[len(tail) - position.tail_size :]) == position.tail
    except (SourceError, OSError):
        pass
    return False


def repeats(one: Sibling, of: int, way: Opener = opened) -> bool:
    """Whether an open file begins with all that another one has, unpacked where it is packed: it was made from that."""
    size = 0
    try:
        with closing(blocks(one.path, way(one.path, one.identity))) as unpacked:
            for data in unpacked:
                if os.pread(of, len(data), size) != data:
                    return False
                size += len(data)
    except (SourceError, OSError):
        return False
    return size > 0


def is_copy(descriptor: int, of: int) -> bool:
    """Whether an open file is, up to where it ends now, another one: a copy, perhaps one that is still being made."""
    size = os.fstat(descriptor).st_size
    if size > os.fstat(of).st_size:
        return False
    edge = min(size, _EDGE)
    ends = (0, size - edge)
    return all(os.pread(descriptor, edge, where) == os.pread(of, edge, where) for where in ends)
