"""Small machines for the tests: a /proc and a /sys in a folder of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stoker.collectors.collector import Reading


def write(root: Path, files: Mapping[str, str]) -> None:
    """Write files by their paths below `root`, making folders."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def host(root: Path, files: Mapping[str, str]) -> Host:
    """A machine whose /proc and /sys are `root`/proc and `root`/sys, with these files."""
    (root / "proc").mkdir(exist_ok=True)
    (root / "sys").mkdir(exist_ok=True)
    write(root, files)
    return Host(Machine(proc=str(root / "proc"), sys=str(root / "sys")), rootfs=str(root), linux=True)


def values(reading: Reading) -> dict[str, float]:
    """Values by series, in the exposition's own spelling: `name{label="value"}`."""
    found = {}
    for sample in reading.samples:
        assert isinstance(sample.value, float), sample
        pairs = ",".join(f'{name}="{value}"' for name, value in zip(sample.desc.labels, sample.labels, strict=True))
        series = sample.desc.name + (f"{{{pairs}}}" if pairs else "")
        assert series not in found, f"{series} twice"
        found[series] = sample.value
    return found


class Clock:
    """A clock that moves when told."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Seconds."""
        return self.now
