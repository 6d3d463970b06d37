from __future__ import annotations

import glob
from typing import TYPE_CHECKING

import pytest

from stoker.sources.globs import expand

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "a.log",
        "b/a.log",
        "b/c/a.log",
        "b/c/d/x.txt",
        ".hidden/a.log",
        "b/.a.log",
        "e[1]/a.log",
        "b/c/run/c/a.log",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    "pattern",
    ["*.log", "**/*.log", "b/**/*.log", "b/**/c/*.log", "**/c/**/*.log", "**/**/a.log", "**/a.log", "*/a.log"],
)
def test_it_finds_what_the_standard_library_finds(tree: Path, pattern: str) -> None:
    found = expand(f"{tree}/{pattern}")
    assert sorted(found) == sorted(set(glob.glob(f"{tree}/{pattern}", recursive=True)))


def test_links_to_folders_are_followed(tree: Path) -> None:
    elsewhere = tree / "b" / "elsewhere"
    elsewhere.symlink_to(tree / "e[1]")
    assert f"{tree}/b/elsewhere/a.log" in expand(f"{tree}/b/**/*.log")


def test_links_in_a_circle_end(tree: Path) -> None:
    before = expand(f"{tree}/**/*.log")
    for folder in ("b", "b/c", "b/c/d"):
        for number in range(3):
            (tree / folder / f"up{number}").symlink_to(tree)
    assert sorted(expand(f"{tree}/**/*.log")) == sorted(before)
