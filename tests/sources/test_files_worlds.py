"""Logs that are written, rotated, packed and deleted at random while the follower looks, is saved and killed: each line counts once."""

from __future__ import annotations

import pytest
from bench.worlds import smallest, steps, wrong


@pytest.mark.parametrize("glob", ["app.log", "app.log*"])
@pytest.mark.parametrize("first", range(0, 80, 20))
def test_every_line_of_a_random_world_is_counted_once(glob: str, first: int) -> None:
    for seed in range(first, first + 20):
        happens = steps(seed)
        assert not wrong(happens, glob), smallest(happens, glob)


def test_what_happens_in_the_middle_of_a_look_loses_nothing() -> None:
    """A rotation after the folder was listed, and packing before the file was opened."""
    look = ("look", {0: ("rotate",), 1: ("pack", 1)})
    for happens in (
        [("rotate",), ("write", 1), ("rotate",), ("write", 1), ("rotate",), ("look", {2: ("rotate",)})],
        [("write", 2), look, ("write", 3), look, ("write", 1), ("rotate",), ("kill",), look],
        [("rotate",), ("rotate",), ("write", 1), ("rotate",), ("look", {2: ("pack", 2)}), ("pack", 1)],
    ):
        assert wrong([*happens], "app.log") == {}
        assert wrong([*happens], "app.log*") == {}
