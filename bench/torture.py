"""Whether the exporter counts every line once, whatever becomes of its files and however often it is killed.

A dozen logs are written and rotated, each in a way of its own (bench/torture_logs.py), while `stoker serve` is killed with SIGKILL
again and again: at random moments, which is also while it starts, and while it saves. Then it may read to the end, and its
counters are compared with the lines that were written: by log and by part between two rotations. Exit code 1 when they differ.

    python -m bench.torture --kills 100 --seed 1

A seed gives the same lines, rotations and moments; where a kill strikes depends on the machine, too.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from bench.programs import free_port, stoker
from bench.torture_logs import KINDS, Counts, Log, Mounted, can_mount, unmount

if TYPE_CHECKING:
    from collections.abc import Callable

METRIC = "stoker_torture_lines_total"
PATIENCE = 60.0
"""Seconds without any new line after which the exporter has read what it will read."""
_SERIES = re.compile(METRIC + r'\{log="(\w+)",part="(\d+)"\} (\S+)')


def config(folder: Path, logs: list[Log]) -> str:
    """A stoker.yaml that follows all logs."""
    pattern = {
        "sample": "7 torture log=renamed part=3",
        "regex": r"^\d+ torture log=(?P<log>\w+) part=(?P<part>\d+)\b",
        "inc": {METRIC: 1},
        "labels": {"log": "{log}", "part": "{part}"},
    }
    metric = {"type": "counter", "help": "lines of the torture", "labels": ["log", "part"]}
    return json.dumps(
        {
            "state_dir": str(folder / "state"),
            "host": {"enabled": False},
            "gpu": {"enabled": False},
            "sources": [
                {
                    "name": each.name,
                    "files": [str(each.folder / each.glob)],
                    "from": "beginning",
                    "formats": ["torture"],
                }
                for each in logs
            ],
            "pack": {
                "metrics": {METRIC: metric},
                "formats": {"torture": {"kind": "training", "priority": 99, "patterns": [pattern]}},
            },
        }
    )  # JSON is YAML


class Saved:
    """The counters in the saved state, read again when it has changed."""

    def __init__(self, state: Path) -> None:
        self._file = state / "logs.json"
        self._change = 0
        self._counts: Counts = Counter()

    def __call__(self) -> Counts:
        """Lines by log and part."""
        try:
            change = self._file.stat().st_mtime_ns
            if change != self._change:
                self._counts = counts_in(json.loads(self._file.read_bytes()))
                self._change = change
        except OSError:
            pass
        return self._counts


def counts_in(value: object) -> Counts:
    """The lines that a saved document has counted."""
    found: Counts = Counter()
    if isinstance(value, dict):
        for (log, part), count in value["store"]["series"].get(METRIC, ()):
            found[log, part] = int(count)
    return found


def read(port: int) -> Counts:
    """The lines that the exporter says it has counted."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    return Counter({(log, part): int(float(value)) for log, part, value in _SERIES.findall(text)})


class Writer(threading.Thread):
    """Writes and rotates one log until it is told to end."""

    def __init__(self, log: Log, dice: random.Random, chance: float) -> None:
        super().__init__(name=log.name, daemon=True)
        self._chance = chance
        self._log, self._dice = log, dice
        self._ended = threading.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        """See the class."""
        log, dice = self._log, self._dice
        try:
            while not self._ended.wait(dice.random() * 0.1):
                if not log.waits:
                    log.lines(dice.randint(1, 8))
                if log.waits or dice.random() < self._chance:
                    log.rotate()
            log.close()
        except BaseException as failure:  # noqa: BLE001 - told to whoever waits
            self.failure = failure

    def end(self) -> None:
        """Complete the last line and close."""
        self._ended.set()
        self.join()
        if self.failure is not None:
            raise self.failure


def live_and_die(command: list[str], state: Path, dice: random.Random, log: Path, *, longest: float) -> str:
    """Start the exporter and kill it; when it was struck."""
    moment = dice.uniform(0.0, longest)
    saving = dice.random() < 0.25
    begun = time.monotonic()
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        part = state / "logs.json.part"
        while time.monotonic() - begun < moment or (saving and time.monotonic() - begun < 2 * longest):
            if saving and part.exists():
                break
            time.sleep(0.0005 if saving else 0.005)
        hit = saving and part.exists()
        ended = process.poll()
        process.send_signal(signal.SIGKILL)
    if ended is not None:
        sys.exit(f"the exporter ended by itself: {log.read_text()[-2000:]}")
    return "while saving" if hit else "while starting" if time.monotonic() - begun < 1.0 else "while running"


def see(command: list[str], log: Path, seen: Callable[[], bool]) -> None:
    """A first life, until every log is known: what is rotated before nobody could find."""
    with log.open("ab") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        give_up = time.monotonic() + PATIENCE
        while not seen() and time.monotonic() < give_up:
            time.sleep(0.05)
        process.kill()


def settle(port: int, expected: Counts, patience: float) -> Counts:
    """Wait until everything is counted, or nothing more comes; what is counted then."""
    counts: Counts = Counter()
    changed = time.monotonic()
    while counts != expected and time.monotonic() - changed < patience:
        time.sleep(0.2)
        try:
            now = read(port)
        except OSError:
            continue
        if now != counts:
            counts, changed = now, time.monotonic()
    return counts


def torture(
    folder: Path,
    kills: int,
    seed: int,
    *,
    longest: float = 4.0,
    only: str = "",
    without: str = "-",
    patience: float = PATIENCE,
    chance: float = 0.03,
) -> int:
    """Do it; the number of lines lost and doubled, and 1 more when there were too few rotations. Prints the figures.

    Args:
        folder: for logs and state.
        kills: how often the exporter is killed.
        seed: of the chance.
        longest: seconds of a life, at most.
        only: logs with this in their name.
        without: the log of this name is left out.
        patience: seconds without a new line after which nothing more is expected.
        chance: of a rotation after some lines.
    """
    dice = random.Random(seed)
    state = folder / "state"
    named = [kind for kind in KINDS if only in kind.__name__.lower() != without]
    kinds = [kind for kind in named if kind is not Mounted or can_mount(folder)]
    with ExitStack() as stack:
        saved = Saved(state)
        logs: list[Log] = []
        for kind in kinds:
            logs.append(kind(folder / "logs", random.Random(dice.random()), saved))
            if kind is Mounted:
                stack.callback(unmount, folder / "logs" / "mount")
        (folder / "stoker.yaml").write_text(config(folder, logs))
        port = free_port()
        command = stoker(folder / "stoker.yaml", port)
        writers = [Writer(each, random.Random(dice.random()), chance) for each in logs]
        for writer in writers:
            writer.start()
        see(command, folder / "stoker.out", lambda: all(saved()[each.name, "0"] for each in logs))
        struck = Counter(
            live_and_die(command, state, dice, folder / "stoker.out", longest=longest) for _ in range(kills)
        )
        for writer in writers:
            writer.end()
        expected = Counter({each: count for log in logs for each, count in log.written.items()})
        with (folder / "stoker.out").open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output)
        try:
            counts = settle(port, expected, patience)
        finally:
            process.kill()
            process.wait()
    print(f"seed {seed}, kills {kills}: " + ", ".join(f"{count} {when}" for when, count in sorted(struck.items())))
    if Mounted not in kinds and not only:
        print("not done: a file system that goes and comes, which needs the right to mount")
    return report(logs, expected, counts)


def report(logs: list[Log], expected: Counts, counts: Counts) -> int:
    """Print what was done and found; lines lost and doubled, and 1 more when there were too few rotations."""
    print(f"{'log':18} {'lines':>8} {'counted':>8} {'lost':>6} {'doubled':>7}  rotations")
    wrong = 0
    for log in logs:
        lost, doubled = log.written - counts, Counter({each: counts[each] for each in log.written}) - log.written
        wrong += lost.total() + doubled.total()
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(log.rotations.items()))
        there = sum(counts[each] for each in log.written)
        print(f"{log.name:18} {log.written.total():8} {there:8} {lost.total():6} {doubled.total():7}  {kinds}")
        for what, found in (("lost", lost), ("doubled", doubled)):
            for (_, part), count in sorted(found.items(), key=lambda each: int(each[0][1]))[:10]:
                print(f"    {what} in part {part}: {count} of {log.written[log.name, part]}")
    rotations = sum((log.rotations for log in logs), Counter[str]())
    print(
        f"lines {expected.total()}, counted {counts.total()}, rotations {rotations.total()}, "
        f"lost {(expected - counts).total()}, doubled {(counts - expected).total()}"
    )
    return wrong + (rotations.total() < len(logs))


def main() -> int:
    """Print the figures; 1 when a line was lost or counted twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=100, help="how often it is killed (default: 100)")
    parser.add_argument("--seed", type=int, default=1, help="of the chance (default: 1)")
    parser.add_argument("--life", type=float, default=4.0, help="seconds of a life, at most (default: 4)")
    parser.add_argument("--only", default="", help="logs with this in their name")
    parser.add_argument("--without", default="-", help="leaves out the log of this name")
    parser.add_argument("--keep", type=Path, help="a folder that stays, with logs and state")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = arguments.keep
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoker-torture-")))
        folder.mkdir(parents=True, exist_ok=True)
        only, without, life = arguments.only, arguments.without, arguments.life
        return 1 if torture(folder, arguments.kills, arguments.seed, longest=life, only=only, without=without) else 0


if __name__ == "__main__":
    sys.exit(main())
