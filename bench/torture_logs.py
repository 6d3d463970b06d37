"""Logs that are written and rotated in every way there is, by somebody who knows how many lines they have.

A line says which log it is of and in which part: a part ends with each rotation, so that a wrong count names the rotation that
made it. What nobody could count is not written: before a file is destroyed with all that it holds (deleted, or its only copy
overwritten), its lines have to be saved, and between copy and cut of a copytruncate nothing is written.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

LONG = 300_000
"""Bytes of a line that is longer than a block and than what is kept of a line."""
Counts = Counter[tuple[str, str]]
"""Lines by log and part."""


class Log(ABC):
    """A log with a folder of its own.

    Attributes:
        glob: what follows it.
        written: its complete lines.
        waits: whether it is to be rotated before another line is written.
        rotations: so far, by kind.

    Args:
        folder: that has the folders of all logs.
        dice: the chance of this run.
        saved: the lines that are counted in the exporter's saved state.
    """

    glob = "app.log"

    def __init__(self, folder: Path, dice: random.Random, saved: Callable[[], Counts]) -> None:
        self.name = type(self).__name__.lower()
        self.folder = folder / self.name
        self.folder.mkdir(parents=True)
        self.path = self.folder / "app.log"
        self.dice = dice
        self.written: Counts = Counter()
        self.rotations: Counter[str] = Counter()
        self.waits = False
        self._saved = saved
        self._part = self._number = 0
        self._half = b""
        self.begin()

    def begin(self) -> None:
        """Open the file of the present part, as a writer does that appends."""
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def lines(self, count: int, into: int | None = None) -> None:
        """Write so many lines, some in two halves, some long, some with two characters at the end."""
        for _ in range(count):
            self.finish(into)
            self._number += 1
            text = f"{self._number} torture log={self.name} part={self._part}".encode()
            if self.dice.random() < 0.004:
                text += b" " + b"x" * LONG
            line = text + self.dice.choice((b"\n", b"\n", b"\r\n")) + b"\n" * (self.dice.random() < 0.01)
            where = self.dice.randint(1, len(text)) if self.dice.random() < 0.1 else 0
            self._put(line[:where], into)
            self._half = line[where:]
            self.written[self.name, str(self._part)] += 1
        if self.dice.random() < 0.7:
            self.finish(into)

    def finish(self, into: int | None = None) -> None:
        """Write the rest of a line that is half written."""
        self._put(self._half, into)
        self._half = b""

    def _put(self, data: bytes, into: int | None) -> None:
        while data:
            data = data[os.write(self._descriptor if into is None else into, data) :]

    def close(self) -> None:
        """End writing."""
        self.finish()
        os.close(self._descriptor)

    def rotate(self) -> None:
        """Rotate once, where that is possible now. What was rotated before anybody saw the log is nobody's to find."""
        if self._saved()[self.name, "0"] and (kind := self.turn()) and kind != "nothing":
            self.rotations[kind] += 1

    @abstractmethod
    def turn(self) -> str:
        """Rotate; how, or `nothing`."""

    def next_part(self) -> None:
        """What is written from now on is of the next part."""
        self._part += 1

    def counted(self, *, before: bool = False) -> bool:
        """Whether everything is saved that was written: up to now, or in the parts before this one."""
        saved = self._saved()
        parts = (each for each in self.written if not before or each[1] != str(self._part))
        return all(saved[each] == self.written[each] for each in parts)

    def shift(self) -> Path:
        """Make room for `app.log.1`."""
        numbers = [name for each in self.folder.iterdir() if (name := each.name.removeprefix("app.log."))[:1].isdigit()]
        for name in sorted(numbers, key=lambda each: -int(each.partition(".")[0])):
            number, dot, packed = name.partition(".")
            (self.folder / f"app.log.{name}").rename(self.folder / f"app.log.{int(number) + 1}{dot}{packed}")
        return self.folder / "app.log.1"

    def copy(self, to: Path) -> None:
        """As `cp` does it, in pieces, some of them slow."""
        slow = self.dice.random() < 0.3
        with self.path.open("rb") as old, to.open("wb", buffering=0) as new:
            size = max(1, self.path.stat().st_size // 4 + 1)
            while piece := old.read(size if slow else 1 << 20):
                new.write(piece)
                if slow:
                    time.sleep(self.dice.random() * 0.5)


class Renamed(Log):
    """`app.log` becomes `app.log.1`, which nothing asks for; late bytes and two rotations at once."""

    def turn(self) -> str:
        """See Log."""
        times = self.dice.choice((1, 1, 1, 2, 3))
        for _ in range(times):
            late = self.dice.random() < 0.4
            if not late:
                self.finish()
            self.path.rename(self.shift())
            old = self._descriptor
            if late:
                time.sleep(self.dice.random() * 0.02)
                self.lines(self.dice.randint(1, 5), old)
                self.finish(old)
            self.next_part()
            self.begin()
            self.lines(self.dice.randint(1, 20))
            if late and not self._half:
                self.lines(1, old)  # somebody else has it still open
                self.finish(old)
            os.close(old)
        return "rename" if times == 1 else "renames at once"


class Matched(Renamed):
    """The same where the glob has the rotated files, too."""

    glob = "app.log*"


class Copied(Log):
    """copytruncate; nothing asks for the copies, and what comes after may be longer than what was there."""

    def turn(self) -> str:
        """See Log."""
        self.finish()
        copy = self.shift()
        self.copy(copy)
        size = self.path.stat().st_size
        os.truncate(self.path, 0)
        self.next_part()
        if self.dice.random() < 0.4:
            while self.path.stat().st_size <= size < 2_000_000:
                self.lines(50)
            return "copytruncate, grown past"
        self.lines(self.dice.randint(0, 5))
        return "copytruncate"


class CopiedMatched(Copied):
    """The same where the glob has the copies, too."""

    glob = "app.log*"


class Overwritten(Log):
    """copytruncate with one copy, written over each time."""

    glob = "app.log*"

    def turn(self) -> str:
        """See Log."""
        if not self.counted(before=True):
            return "nothing"
        self.finish()
        self.copy(self.folder / "app.log.1")
        os.truncate(self.path, 0)
        self.next_part()
        self.lines(self.dice.randint(0, 5))
        return "copytruncate over the last copy"


class Hollow(Copied):
    """copytruncate under a writer that goes on where it was, so that NUL bytes stand in front."""

    def begin(self) -> None:
        """See Log."""
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT)

    def turn(self) -> str:
        """See Log."""
        self.finish()
        if self.path.stat().st_size > 4_000_000:  # copies have the NUL bytes, too
            return "nothing"
        self.copy(self.shift())
        os.truncate(self.path, 0)
        self.next_part()
        self.lines(self.dice.randint(0, 5))
        return "copytruncate, with a hole"


class Packed(Log):
    """Renamed and packed, right away or one rotation later; the oldest ones are removed."""

    glob = "app.log*"

    def turn(self) -> str:
        """See Log."""
        self.finish()
        if self.counted(before=True):
            for each in self.folder.glob("app.log.[3-9]*"):
                each.unlink()  # what is begun next gets its inode
        self.path.rename(self.shift())
        os.close(self._descriptor)
        self.next_part()
        self.begin()
        self.lines(self.dice.randint(0, 20))
        which = self.folder / f"app.log.{self.dice.choice((1, 2))}"
        if not which.exists():
            return "rename"
        tool = self.dice.choice((["gzip"], ["zstd", "-q", "--rm"]))
        subprocess.run([*tool, str(which)], check=True)
        return f"{tool[0]} {'right away' if which.suffix == '.1' else 'later'}"


class PackedUnmatched(Packed):
    """The same where nothing asks for the packed files."""

    glob = "app.log"


class Linked(Log):
    """A link that is pointed at another file in another folder."""

    def begin(self) -> None:
        """See Log."""
        target = self.folder / "files" / f"{self._part}.txt"
        target.parent.mkdir(exist_ok=True)
        self._descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        link = self.folder / "new"
        link.symlink_to(target)
        link.rename(self.path)

    def turn(self) -> str:
        """See Log."""
        if not self.counted(before=True):
            return "nothing"  # what a link pointed at between two looks nobody can know
        self.finish()
        os.close(self._descriptor)
        self.next_part()
        self.begin()
        return "link switched"


class Removed(Log):
    """Deleted when it is counted, and begun anew."""

    def turn(self) -> str:
        """See Log."""
        self.finish()
        self.waits = not self.counted()
        if self.waits:
            return "nothing"
        os.close(self._descriptor)
        self.path.unlink()
        time.sleep(self.dice.choice((0.0, 0.3)))
        self.next_part()
        self.begin()
        return "deletion"


class Restored(Log):
    """Deleted and brought back from a backup, then written on."""

    def turn(self) -> str:
        """See Log."""
        self.finish()
        if self.path.stat().st_size < 1024:
            return "nothing"
        os.close(self._descriptor)
        backup = self.folder / "backup"
        self.dice.choice((shutil.copy, shutil.copy2))(self.path, backup)
        self.path.unlink()
        time.sleep(self.dice.choice((0.0, 0.3, 1.5)))
        backup.rename(self.path)
        self.next_part()
        self.begin()
        return "restored"


class Moved(Log):
    """Moved out of the glob while it is written, and in again."""

    def turn(self) -> str:
        """See Log."""
        away = self.folder / "away"
        self.path.rename(away)
        time.sleep(self.dice.choice((0.0, 0.3, 1.5)))
        self.lines(5)
        away.rename(self.path)
        self.next_part()
        return "moved out and in"


class Mounted(Log):
    """On a file system that goes and comes back as another device."""

    def __init__(self, folder: Path, dice: random.Random, saved: Callable[[], Counts]) -> None:
        self._mount = folder / "mount"
        self._mount.mkdir(parents=True)
        mount(self._mount)
        super().__init__(self._mount, dice, saved)

    def turn(self) -> str:
        """See Log."""
        self.finish()
        os.close(self._descriptor)
        kept = self._mount.parent / "kept"
        shutil.copytree(self.folder, kept)
        unmount(self._mount)
        time.sleep(self.dice.choice((0.0, 0.3, 1.5)))
        mount(self._mount)
        self.folder.mkdir()
        for each in kept.iterdir():
            # at once as a file system comes: the content is there when the name is
            shutil.copy2(each, self.folder / "part")
            (self.folder / "part").rename(self.folder / each.name)
        shutil.rmtree(kept)
        self.next_part()
        self.begin()
        return "file system went and came"

    def close(self) -> None:
        """See Log; the file system stays until the exporter has ended."""
        super().close()


def mount(folder: Path) -> None:
    """Put an empty file system there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)], check=True, capture_output=True)


def unmount(folder: Path) -> None:
    """Take it away, whoever has files of it open."""
    subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def can_mount(folder: Path) -> bool:
    """Whether this user may mount here."""
    probe = folder / "probe"
    probe.mkdir()
    try:
        mount(probe)
    except (OSError, subprocess.CalledProcessError):
        return False
    unmount(probe)
    probe.rmdir()
    return True


KINDS: tuple[type[Log], ...] = (
    Renamed,
    Matched,
    Copied,
    CopiedMatched,
    Overwritten,
    Hollow,
    Packed,
    PackedUnmatched,
    Linked,
    Removed,
    Restored,
    Moved,
    Mounted,
)
