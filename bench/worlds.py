"""Random little worlds of rotated logs, each against the follower alone: thousands of them in minutes, where torture needs hours.

A world writes lines, rotates, packs and deletes its files; the follower looks, is saved and killed between any two of these. In every
second world things happen in the middle of a look, too. In the end each line has to be counted once. A world that fails is made as
small as it can be and printed; exit code 1.

    python -m bench.worlds --worlds 1000 --way copy --glob "app.log*"
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import logging
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoker.sources.files import Follower

if TYPE_CHECKING:
    from collections.abc import Callable

SECOND = 10**9
STEPS = 60
"""Of a world."""
GLOBS = ("app.log", "app.log*")
WAYS = ("rename", "dated", "copy")
"""Of rotating."""
Step = tuple[Any, ...]
Saved = tuple[list[dict[str, Any]], dict[str, Any], dict[str, int]]


class World:
    """A log and what was rotated from it; each change is a second after the one before.

    Args:
        folder: of the log.
        way: of rotating: "rename" to app.log.1, "dated" to app.log-20260101, "copy" to app.log.1 and cut the log.
    """

    def __init__(self, folder: Path, way: str) -> None:
        self.written: Counter[str] = Counter()
        self._folder = folder
        self._way = way
        self._log = folder / "app.log"
        self._now = 10**9
        self._part = self._number = 0
        self._copied = False
        self._begin()

    def _begin(self) -> None:
        self._descriptor = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._stamp(self._descriptor)

    def _stamp(self, file: int | Path) -> None:
        self._now += 1
        os.utime(file, ns=(self._now * SECOND, self._now * SECOND))

    def write(self, lines: int) -> None:
        """Some lines of the present part."""
        for _ in range(lines):
            self._number += 1
            os.write(self._descriptor, b"%d line of part %d\n" % (self._number, self._part))
            self.written[str(self._part)] += 1
        self._stamp(self._descriptor)

    def rotate(self) -> None:
        """As logrotate does it: the oldest first, then the log itself; a copied log is cut at the next step."""
        place = self._place()
        if self._way == "copy":
            shutil.copyfile(self._log, place)
            self._stamp(place)
            self._copied = True
            return
        self._log.rename(place)
        os.close(self._descriptor)
        self._part += 1
        self._begin()

    def _place(self) -> Path:
        if self._way == "dated":
            return self._folder / f"app.log-{20260101 + self._part}"
        numbered = {int(each.name.split(".")[2]): each for each in self._folder.glob("app.log.*")}
        for number in sorted(numbered, reverse=True):
            end = ".gz" if numbered[number].suffix == ".gz" else ""
            numbered[number].rename(self._folder / f"app.log.{number + 1}{end}")
        return self._folder / "app.log.1"

    def _cut(self) -> None:
        os.truncate(self._descriptor, 0)
        self._stamp(self._descriptor)
        self._part += 1
        self._copied = False

    def pack(self, number: int) -> None:
        """A rotated file, the newest or the one before, as gzip does it, which keeps the time."""
        name = f"app.log.{number}" if self._way != "dated" else f"app.log-{20260101 + self._part - number}"
        plain = self._folder / name
        if plain.exists():
            packed = self._folder / f"{name}.gz"
            packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
            changed = plain.stat().st_mtime_ns
            os.utime(packed, ns=(changed, changed))
            plain.unlink()

    def drop(self, counted: dict[str, int]) -> None:
        """Delete what is old and counted; its inodes are given anew."""
        if all(counted.get(part) == lines for part, lines in self.written.items() if part != str(self._part)):
            old = "app.log.[3-9]*" if self._way != "dated" else "app.log-*"
            new = [f"app.log-{20260101 + self._part - number}" for number in (1, 2)]
            for each in self._folder.glob(old):
                if not each.name.startswith(tuple(new)):
                    each.unlink()

    def do(self, step: Step, counted: dict[str, int]) -> None:
        """One step of the world."""
        if self._copied:
            self._cut()
        name, *arguments = step
        getattr(self, name)(*(arguments if name != "drop" else (counted,)))

    def close(self) -> None:
        """End writing."""
        os.close(self._descriptor)


class Life:
    """A follower and what it has counted, from its start until it is killed."""

    def __init__(self, pattern: str, saved: Saved | None = None) -> None:
        self.counted: Counter[str] = Counter()
        self._follower = Follower((pattern,), from_beginning=True, errors=Counter())
        self._now = 100.0
        if saved is not None:
            files, archives, counted = saved
            self._follower.restore(files)
            self._follower.archives.restore(archives)
            self.counted.update(counted)

    def look(self, meanwhile: Callable[[int], None] = lambda _: None) -> None:
        """One turn; `meanwhile` is called after each thing that has happened."""
        self._now += 1
        for number, event in enumerate(self._follower.turn(self._now)):
            for line in event.data.splitlines():
                self.counted[line.rpartition(b" ")[2].decode(errors="replace")] += 1
            meanwhile(number)

    def saved(self) -> Saved:
        """What a kill leaves."""
        state: Saved = json.loads(
            json.dumps([self._follower.state(), self._follower.archives.state(), dict(self.counted)])
        )
        return state

    def end(self) -> None:
        """Be killed."""
        self._follower.close()


def steps(seed: int, count: int = STEPS) -> list[Step]:
    """What happens in the world of a seed."""
    dice = random.Random(seed)
    meanwhile = seed % 2 == 1

    def change() -> Step:
        chance = dice.random()
        if chance < 0.45:
            return "write", dice.randint(1, 3)
        if chance < 0.75:
            return ("rotate",)
        return ("pack", dice.choice((1, 1, 2))) if chance < 0.93 else ("drop",)

    found: list[Step] = []
    for _ in range(count):
        chance = dice.random()
        if chance < 0.5:
            found.append(change())
        elif chance < 0.8:
            found.append(("look", {n: change() for n in range(8) if dice.random() < 0.1} if meanwhile else {}))
        else:
            found.append(("save",) if chance < 0.9 else ("kill",))
    return found


def wrong(happens: list[Step], glob: str, way: str = "rename") -> dict[str, tuple[int, int]]:
    """By part, the lines that were counted and those that were written, where they differ."""
    with tempfile.TemporaryDirectory(prefix="stoker-world-") as name:
        world = World(Path(name), way)
        world.write(2)  # what was rotated before anybody saw the log is nobody's to find
        life = Life(f"{name}/{glob}")
        life.look()
        saved = life.saved()
        for step in happens:
            if step[0] == "look":
                life.look(partial(_meanwhile, world, step[1], saved[2]))
            elif step[0] == "save":
                saved = life.saved()
            elif step[0] == "kill":
                life.end()
                life = Life(f"{name}/{glob}", saved)
            else:
                world.do(step, saved[2])
        world.do(("write", 1), saved[2])
        for _ in range(12):
            life.look()
        life.end()
        world.close()
        parts = {*world.written, *life.counted}
        found = {part: (life.counted[part], world.written[part]) for part in parts}
        return {part: (counted, written) for part, (counted, written) in found.items() if counted != written}


def _meanwhile(world: World, changes: dict[int, Step], counted: dict[str, int], number: int) -> None:
    if number in changes:
        world.do(changes[number], counted)


def smallest(happens: list[Step], glob: str, way: str = "rename") -> list[Step]:
    """A world that fails, with as few steps as possible."""
    size = len(happens) // 2
    while size:
        at = 0
        while at < len(happens):
            fewer = happens[:at] + happens[at + size :]
            if wrong(fewer, glob, way):
                happens = fewer
            else:
                at += size
        size //= 2
    return happens


def main() -> int:
    """Print the worlds that fail; 1 when there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--worlds", type=int, default=250, help="how many of each kind (default: 250)")
    parser.add_argument("--seed", type=int, default=1, help="of the first one (default: 1)")
    parser.add_argument("--glob", choices=GLOBS, action="append", help="what is followed (default: each)")
    parser.add_argument("--way", choices=WAYS, action="append", help="how the log is rotated (default: each)")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    failed = 0
    for way, glob in itertools.product(arguments.way or WAYS, arguments.glob or GLOBS):
        before = failed
        for seed in range(arguments.seed, arguments.seed + arguments.worlds):
            happens = steps(seed)
            if found := wrong(happens, glob, way):
                failed += 1
                happens = smallest(happens, glob, way)
                found = wrong(happens, glob, way) or found
                print(f"seed {seed}: {found} (counted, written) after {happens}", flush=True)
        wide = f"{way}, {glob}:"
        print(f"{wide:18} {arguments.worlds} worlds, {failed - before} with a line lost or counted twice", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
