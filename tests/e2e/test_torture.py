"""A short version of bench/torture.py: killed again and again, the real program counts every line once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.torture import torture

if TYPE_CHECKING:
    from pathlib import Path


def test_every_line_is_counted_once_whatever_becomes_of_files_and_program(tmp_path: Path) -> None:
    assert torture(tmp_path, kills=6, seed=7, longest=2.0, patience=20, chance=0.1) == 0
