"""How fast a log is read, beside mtail, with the same lines, the same patterns and the same counters at the end.

Two logs of a million lines: one line in three is of a known kind, and one in a hundred. Stoker reads them on the whole way that
`stoker serve` uses: the file is found and followed, split, searched, parsed, labelled, stored and saved. It runs twice, with the
twenty patterns alone and with all shipped formats beside them. mtail reads with `-one_shot`; what it takes to start, with a log of
one line, is subtracted. Hyperscan's own rate is that of a bare scan in the same blocks, of which a callback counts the hits: for the
patterns as they stand, and for the signatures that Stoker makes of them, which are found in half the time.

A program of mtail is much faster when each of its patterns begins with fixed text: `--literal` measures that.

    python -m bench.logs
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from math import isclose
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import hyperscan
from bench.logs_lines import KINDS, config, mtail_program, regex_of, write
from bench.programs import find

from stoker.config.load import load_settings
from stoker.logs.blocks import Scanner
from stoker.logs.signature import signature
from stoker.parts import log_engine
from stoker.sources.files_followed import BLOCK
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable

GOALS = {3: 15.0, 100: 100.0}
"""Times mtail, by how rare the lines are that say something."""
RUNS = 3
"""Of Stoker and of the bare scan, of which the fastest counts; mtail, which takes longer than all of them, runs once."""
_SERIES = re.compile(r"(stoker_bench_\w+)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


def stoker(folder: Path, log: Path, formats: str, *, whole: bool) -> tuple[float, dict[str, float]]:
    """Seconds until everything is read, and the series."""
    folder.mkdir()
    file = folder / "stoker.yaml"
    file.write_text(config(folder, log, formats, whole=whole))
    settings = load_settings(file).settings
    engine = log_engine(settings, load_pack(settings.pack, alerts=False))
    engine.restore()
    begun = time.perf_counter()
    while engine.run_once(time.monotonic()):
        pass
    took = time.perf_counter() - begun
    found = {}
    for sample in engine.samples():
        if sample.desc.name.startswith("stoker_bench_") and isinstance(sample.value, float | int):
            labels = sorted(zip(sample.desc.labels, sample.labels, strict=True))
            found[series(sample.desc.name, labels)] = float(sample.value)
    engine.stop()
    return took, found


def mtail(program: Path, log: Path) -> tuple[float, dict[str, float]]:
    """The same for mtail, its start included."""
    command = [find("mtail"), "-one_shot", "-one_shot_format", "prometheus", "-progs", str(program), "-logs", str(log)]
    begun = time.perf_counter()
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    took = time.perf_counter() - begun
    found = {}
    for line in output.splitlines():
        if match := _SERIES.match(line):
            labels = [(name, value) for name, value in _LABEL.findall(match[2]) if name != "prog"]
            found[series(match[1], sorted(labels))] = float(match[3])
    return took, found


def series(name: str, labels: list[tuple[str, str]]) -> str:
    """One spelling for both."""
    return f"{name}{{{','.join(f'{label}={value}' for label, value in labels)}}}"


def raw(log: Path, scan: Callable[[bytes], object]) -> float:
    """Seconds that Hyperscan takes for the bare scan."""
    begun = time.perf_counter()
    with log.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            scan(block)
    return time.perf_counter() - begun


def patterns_scan(*, whole: bool) -> Callable[[bytes], object]:
    """A scan for the patterns as they stand."""
    database = hyperscan.Database()
    expressions = [regex_of(kind, whole=whole).encode() for kind in KINDS]
    numbers = list(range(len(expressions)))
    flags = [hyperscan.HS_FLAG_MULTILINE] * len(expressions)
    database.compile(expressions=expressions, ids=numbers, elements=len(expressions), flags=flags)
    hits = dict.fromkeys(numbers, 0)

    def hit(number: int, _: int, __: int, ___: int, ____: object) -> None:
        hits[number] += 1

    return lambda block: database.scan(block, match_event_handler=hit)


def signatures_scan(*, whole: bool) -> Callable[[bytes], object]:
    """A scan as Stoker does it."""
    return Scanner([signature(regex_of(kind, whole=whole)) for kind in KINDS]).scan


def differences(ours: dict[str, float], theirs: dict[str, float]) -> list[str]:
    """Series that differ; sums of fractions may differ in their last digits."""
    names = sorted({*ours, *theirs})
    pairs = ((name, ours.get(name, 0.0), theirs.get(name, 0.0)) for name in names)
    return [
        f"{name}: stoker {here:g}, mtail {there:g}"
        for name, here, there in pairs
        if not isclose(here, there, rel_tol=1e-9)
    ]


def measure(folder: Path, lines: int, one_in: int, *, whole: bool) -> bool:
    """Print the figures of one log; whether the counters were the same."""
    log, short, programs = folder / f"{one_in}.log", folder / "short.log", folder / "programs"
    size = write(log, lines, one_in)
    write(short, 1, 1)
    programs.mkdir(exist_ok=True)
    (programs / "bench.mtail").write_text(mtail_program(whole=whole))
    start, _ = mtail(programs, short)
    theirs, expected = mtail(programs, log)
    alone, found = min(
        (stoker(folder / f"alone{one_in}.{n}", log, "bench", whole=whole) for n in range(RUNS)), key=itemgetter(0)
    )
    beside, again = min(
        (stoker(folder / f"all{one_in}.{n}", log, "auto", whole=whole) for n in range(RUNS)), key=itemgetter(0)
    )
    bare, signatures = (
        min(raw(log, make(whole=whole)) for _ in range(RUNS)) for make in (patterns_scan, signatures_scan)
    )
    wrong = differences(found, expected) + differences(again, expected)
    theirs -= start
    print(
        f"one line in {one_in} says something: {lines:,} lines, {size / 1e6:.0f} MB, {len(KINDS)} patterns, {len(expected)} series"
    )
    for name, took in (
        ("mtail", theirs),
        ("stoker", alone),
        ("stoker, all formats", beside),
        ("hyperscan, patterns", bare),
        ("hyperscan, signatures", signatures),
    ):
        print(f"  {name:22} {took:8.3f} s {lines / took:12,.0f} lines/s {size / took / 1e6:8.0f} MB/s")
    print(
        f"  ratio stoker / mtail {theirs / alone:.1f} (goal {GOALS.get(one_in, 0):g}), with all formats {theirs / beside:.1f}"
    )
    print(
        f"  all formats cost {beside / alone - 1:+.0%} (goal +25%); of Hyperscan's rate {bare / alone:.0%} (goal for one in 100: 50%), "
        f"of its rate for the signatures {signatures / alone:.0%}"
    )
    for each in wrong[:10]:
        print(f"  DIFFERS {each}", file=sys.stderr)
    return not wrong


def main() -> int:
    """Print the comparison; 1 when the counters differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--lines", type=int, default=1_000_000, help="lines of a log (default: 1,000,000)")
    parser.add_argument(
        "--literal", action="store_true", help="patterns that begin with fixed text, at which mtail is best"
    )
    arguments = parser.parse_args()
    same = True
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as name:
        for one_in in GOALS:
            same = measure(Path(name), arguments.lines, one_in, whole=not arguments.literal) and same
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
