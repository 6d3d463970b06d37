"""The last line of a file, when nothing ends it: a line when nobody can go on with it, else half of one."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from read_files import Reader, append
from stoker.sources.files_writer import is_complete

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _leases(tmp_path: Path) -> None:
    with (tmp_path / "probe").open("wb") as file, open(file.name, "rb") as reader:
        if is_complete(reader.fileno(), 0) is None:
            pytest.skip("this file system does not say who has a file open")


def test_what_a_program_that_is_gone_wrote_last_is_a_line_after_five_seconds(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\nRuntimeError: x")
    reader.turn()
    reader.turn(4)
    assert "line" not in reader.events
    reader.turn(2)
    assert reader.events == ["opened", "data", "line"]
    reader.turn(100)
    assert reader.events.count("line") == 1
    assert reader.follower.state()[0]["offset"] == log.stat().st_size
    second = reader.again(f"{tmp_path}/*.log")
    assert second.turn() == b""
    append(log, b"more\n")
    assert second.turn() == b"more\n"


def test_half_a_line_of_a_program_that_runs_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    with log.open("wb", buffering=0) as writer:
        writer.write(b"loss: 2")
        reader.turn()
        for seconds in (6, 60, 601, 2000):
            reader.turn(seconds)
        assert reader.events == ["opened", "data"]
        assert reader.follower.state()[0]["offset"] == 0, "it is given again as a whole"
        writer.write(b".5\nacc")
        assert reader.turn() == b".5\nacc"
    reader.turn(6)
    assert reader.events[-1] == "line"


def test_half_a_line_is_waited_for_an_hour_at_most(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    with (tmp_path / "a.log").open("wb", buffering=0) as writer:
        writer.write(b"loss: 2")
        reader.turn()
        reader.turn(6)
        reader.turn(3600)
        assert reader.events[-1] == "ended"
        writer.write(b".5\n")
        assert reader.turn() == b".5\n"


def test_the_rest_of_a_line_that_comes_long_after_a_rotation_is_no_line_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    with log.open("wb", buffering=0) as writer:
        writer.write(b"lo")
        reader.turn()
        log.rename(tmp_path / "a.log.1")
        append(log, b"new\n")
        reader.turn(7)
        reader.turn(200)
        assert not {"line", "ended"} & set(reader.events)
        writer.write(b"ss: 2\n")
        assert reader.turn() == b"ss: 2\n"
    reader.turn(61)
    assert reader.events[-1] == "ended"


def test_a_deleted_file_ends_with_a_line(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"half")
    reader.turn()
    log.unlink()
    reader.turn()
    reader.turn(6)
    assert reader.events[-1] == "line"


@pytest.mark.parametrize(("age", "start"), [(60, 11), (0, 4)], ids=["old", "fresh"])
def test_the_last_line_of_an_old_file_is_old(tmp_path: Path, age: int, start: int) -> None:
    log = tmp_path / "a.log"
    append(log, b"one\nboom 12")
    os.utime(log, (log.stat().st_mtime - age,) * 2)
    reader = Reader(f"{tmp_path}/*.log", beginning=False)
    assert reader.turn() == b"one\nboom 12"[start:]


def test_a_last_line_is_one_when_its_file_has_to_make_room(tmp_path: Path) -> None:
    for number in range(600):
        append(tmp_path / f"{number}.log", b"half")
        os.utime(tmp_path / f"{number}.log", (1e9, 1e9))
    reader = Reader(f"{tmp_path}/*.log")
    assert b"".join(reader.turn() for _ in range(3)) == b"half" * 600
    reader.turn(6)
    assert reader.events.count("ended") + reader.events.count("line") == 600
    assert {each["offset"] for each in reader.follower.state()} == {4}


def test_whoever_opens_a_file_while_it_is_asked_about_is_not_disturbed(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.touch()
    answers = set()
    done = threading.Event()

    def write() -> None:
        for _ in range(2000):
            append(log, b"x")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    with log.open("rb") as reader:
        while not done.is_set():
            answers.add(is_complete(reader.fileno(), 1 << 20))
        thread.join()
        assert log.stat().st_size == 2000
        assert is_complete(reader.fileno(), 2000) is True
        assert is_complete(reader.fileno(), 1999) is False
    assert None not in answers


def test_who_writes_to_a_pipe_or_to_what_is_no_local_file_is_not_known() -> None:
    reader, writer = os.pipe()
    try:
        assert is_complete(reader, 0) is None
    finally:
        os.close(reader)
        os.close(writer)
    with open("/proc/self/stat", "rb") as file:
        assert is_complete(file.fileno(), 0) is None
