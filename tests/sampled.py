"""Log samples: files of many versions, prefixes and ranks, and those that stand in the shipped formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from followed import DESCS, PACK
from stoker.documents import Problems
from stoker.logs.formats import compile_formats

if TYPE_CHECKING:
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
