"""Logs that are written, rotated, packed and deleted at random while the follower looks, is saved and killed: each line counts once."""

from __future__ import annotations

import pytest
from bench.worlds import GLOBS, WAYS, Step, smallest, steps, wrong


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("glob", GLOBS)
@pytest.mark.parametrize("first", range(0, 80, 20))
def test_every_line_of_a_random_world_is_counted_once(way: str, glob: str, first: int) -> None:
    for seed in range(first, first + 20):
        happens = steps(seed)
        assert not wrong(happens, glob, way), smallest(happens, glob, way)


def test_what_happens_in_the_middle_of_a_look_loses_nothing() -> None:
    """A rotation after the folder was listed, and packing before the file was opened."""
    look = ("look", {0: ("rotate",), 1: ("pack", 1)})
    rotate: Step = ("rotate",)
    saved_and_killed: list[Step] = [("save",), ("kill",), ("look", {}), ("save",), ("pack", 1), ("kill",)]
    rotated_twice = ("look", {0: ("rotate",), 2: ("pack", 1), 4: ("rotate",)})
    worlds: list[list[Step]] = [
        [rotate, ("write", 1), rotate, ("write", 1), rotate, ("look", {2: rotate})],
        [("write", 2), look, ("write", 3), look, ("write", 1), rotate, ("kill",), look],
        [rotate, rotate, ("write", 1), rotate, ("look", {2: ("pack", 2)}), ("pack", 1)],
        # packed, and its inode another's, before it was its turn
        [rotate, rotate, rotate, ("write", 1), rotate, ("kill",), ("write", 2), rotated_twice],
        # packed while it was held: read once, from the file or from the archive
        [rotate, ("write", 1), rotate, ("look", {0: ("pack", 1)})],
        [rotate, ("write", 2), rotate, ("kill",), rotate, ("look", {0: ("pack", 2)})],
        # an empty file has the inode of a log that was packed
        [
            rotate,
            ("pack", 1),
            ("write", 1),
            ("look", {}),
            ("write", 2),
            rotate,
            *saved_and_killed,
            rotate,
            ("pack", 1),
            rotate,
        ],
    ]
    for happens in worlds:
        assert [wrong(happens, glob, way) for glob in GLOBS for way in WAYS] == [{}] * len(GLOBS) * len(WAYS)
