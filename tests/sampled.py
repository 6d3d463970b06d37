"""Log samples: files of many versions, prefixes and ranks, and those that stand in the shipped formats."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from followed import DESCS, PACK
from stoker.documents import Problems
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter

if TYPE_CHECKING:
    from stoker.metrics import Observation
    from stoker.spec.format import FormatSpec

FOLDER = Path(__file__).parent / "logs" / "samples"
LOGS = sorted(path.stem for path in FOLDER.glob("*.log"))
FORMATS = compile_formats(PACK.formats, "auto", DESCS, Problems())
NOW = 1_780_000_000.0


def samples(spec: FormatSpec) -> list[str]:
    return [
        str(sample)
        for pattern in spec.patterns
        for sample in (pattern.sample if isinstance(pattern.sample, tuple) else (pattern.sample,))
    ]


def whole_of(name: str) -> bytes:
    """A log of this folder, or all the samples of a format as one log."""
    if name in LOGS:
        return (FOLDER / f"{name}.log").read_bytes()
    return "".join(f"{sample}\n" for sample in samples(PACK.formats[name])).encode()


WITH_SAMPLES = sorted(str(name) for name, spec in PACK.formats.items() if spec.patterns)


def line_by_line(one: Interpreter) -> None:
    """Have an interpreter look at each line by itself, as where Hyperscan is not installed."""
    one._scanner = None
    one._ways_of = FORMATS.ways.matcher.scan


def read(data: bytes, *, by_line: bool, size: int) -> tuple[list[Observation], Interpreter]:
    """What a log says, given in blocks of this size, and the interpreter that read it."""
    one = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    if by_line:
        line_by_line(one)
    found = [each for start in range(0, len(data), size) for each in one.feed(data[start : start + size])]
    return found + one.flush(), one


def same(data: bytes, size: int) -> None:
    """A block that the scanner goes through gives what the same lines give when each is looked at by itself."""
    (expected, one), (found, other) = read(data, by_line=True, size=1 << 20), read(data, by_line=False, size=size)
    assert found == expected
    assert other.stats.lines == one.stats.lines
    assert +other.stats.matched == +one.stats.matched
    assert other.stats.errors == one.stats.errors
