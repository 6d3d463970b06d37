from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from stoker.errors import SourceError
from stoker.sources.stdin import StandardInput

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_there_is_read_and_nothing_is_waited_for() -> None:
    reading, writing = os.pipe()
    source = StandardInput(reading)
    assert list(source.turn()) == []
    os.write(writing, b"one")
    assert list(source.turn()) == [b"one"]
    assert not source.ended
    os.close(writing)
    assert list(source.turn()) == []
    assert source.ended
    os.close(reading)


def test_a_file_as_standard_input_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 100_000)
    descriptor = os.open(path, os.O_RDONLY)
    source = StandardInput(descriptor)
    assert sum(map(len, source.turn())) == 100_000
    assert source.ended
    os.close(descriptor)


def test_a_closed_standard_input_is_said_once() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    source = StandardInput(reading)
    with pytest.raises(SourceError):
        list(source.turn())
    assert list(source.turn()) == []
