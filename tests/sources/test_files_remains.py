"""What became of a log that lost its name or its content: nothing of it is lost, nothing read twice."""

from __future__ import annotations

import gzip
import os
import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from read_files import Reader, append

if TYPE_CHECKING:
    from pathlib import Path

LONG = b"".join(b"line %d\n" % number for number in range(100))


@pytest.mark.parametrize("glob", ["a.log", "a.log*"])
def test_the_rest_of_a_cut_log_is_in_its_copy_whether_or_not_that_is_asked_for(tmp_path: Path, glob: str) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/{glob}")
    append(log, b"one\n")
    reader.turn()
    append(log, b"two\nhal")
    reader.turn()
    append(log, b"f\nthree\n")
    shutil.copy(log, tmp_path / "a.log.1")
    os.truncate(log, 0)
    append(log, b"four\nand more than there was before\n")
    assert reader.turn() == b"half\nthree\nfour\nand more than there was before\n"
    assert reader.turn() == b""


def test_a_copy_that_is_being_made_is_not_read(tmp_path: Path) -> None:
    log, copy = tmp_path / "a.log", tmp_path / "a.log.1"
    reader = Reader(f"{tmp_path}/a.log*")
    append(log, LONG)
    assert reader.turn() == LONG
    copy.touch()
    assert reader.turn() == b""
    append(copy, LONG[:50])
    assert reader.turn() == b""
    append(log, b"more\n")
    append(copy, LONG[50:] + b"more\n")
    assert reader.turn() == b"more\n", "from the log itself"
    os.truncate(log, 0)
    append(log, b"new\n")
    assert reader.turn() == b"new\n"
    assert reader.again(f"{tmp_path}/a.log*").turn() == b""


def test_a_copy_written_over_an_older_one_is_not_read_again(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/a.log*")
    for number in range(4):
        text = b"".join(b"%d %d\n" % (number, line) for line in range(100))
        append(log, text[:300])
        assert reader.turn() == text[:300], "which is whole lines"
        append(log, text[300:])
        shutil.copyfile(log, tmp_path / "a.log.1")
        os.truncate(log, 0)
        assert reader.turn() == text[text.rfind(b"\n", 0, 300) + 1 :]
        reader = reader.again(f"{tmp_path}/a.log*") if number == 1 else reader


@pytest.mark.parametrize("away", [False, True], ids=["watched", "away"])
def test_a_log_filled_copied_and_cut_between_two_looks_is_in_its_copy(tmp_path: Path, *, away: bool) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"")
    os.utime(log, ns=(1, 1))
    reader.turn()
    append(log, LONG)
    shutil.copy(log, tmp_path / "a.log.1")
    os.truncate(log, 0)
    append(log, b"more\n")
    if away:
        reader = reader.again(f"{tmp_path}/*.log")
    assert reader.turn() + reader.turn() == LONG + b"more\n"
    assert reader.again(f"{tmp_path}/*.log").turn() == b""


def test_what_was_packed_while_nobody_watched_is_read_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, LONG)
    reader.turn()
    text = log.read_bytes() + b"rest\n"
    log.unlink()
    (tmp_path / "a.log.2.gz").write_bytes(gzip.compress(text))
    (tmp_path / "a.log.1.gz").write_bytes(gzip.compress(b"between\n"))
    append(log, b"now\n")
    second = reader.again(f"{tmp_path}/*.log")
    assert b"".join(second.turn() for _ in range(6)) == b"rest\nbetween\nnow\n"
    (tmp_path / "a.log.2.gz").rename(tmp_path / "a.log.3.gz")
    (tmp_path / "a.log.1.gz").rename(tmp_path / "a.log.2.gz")
    third = second.again(f"{tmp_path}/*.log")
    assert b"".join(third.turn() for _ in range(6)) == b""


@pytest.mark.parametrize("glob", ["a.log", "a.log*"])
@pytest.mark.parametrize("away", [False, True], ids=["watched", "away"])
def test_what_is_begun_and_rotated_between_two_looks_is_read(tmp_path: Path, glob: str, *, away: bool) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/{glob}")
    append(tmp_path / "a.log.err", b"not a rotated one\n" if glob == "a.log" else b"")
    append(log, b"1\n")
    reader.turn()
    append(log, b"2\n")
    log.rename(tmp_path / "a.log.3")
    append(tmp_path / "a.log.2", b"3\n")
    append(tmp_path / "a.log.1", b"4\n")
    append(log, b"5\n")
    if away:
        reader = reader.again(f"{tmp_path}/{glob}")
    assert b"".join(reader.turn() for _ in range(3)) == b"2\n3\n4\n5\n"
    assert reader.again(f"{tmp_path}/{glob}").turn() == b""


@pytest.mark.parametrize("away", [False, True], ids=["watched", "away"])
def test_a_file_restored_from_a_backup_is_the_same_file(tmp_path: Path, *, away: bool) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, LONG)
    assert reader.turn() == LONG
    shutil.copy(log, tmp_path / "backup")
    log.unlink()
    assert reader.turn() == b""
    (tmp_path / "backup").rename(log)
    append(log, b"more\n")
    if away:
        reader = reader.again(f"{tmp_path}/*.log")
    assert reader.turn() == b"more\n"
    assert reader.turn() == b""


def test_late_bytes_are_read_however_late_they_are(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"1\n")
    reader.turn()
    log.rename(tmp_path / "a.log.1")
    append(log, b"2\n")
    reader.turn()
    reader.turn()
    reader.turn(61)
    assert reader.follower.count == 1
    append(tmp_path / "a.log.1", b"late\n")
    assert reader.turn() == b"late\n"
    reader.turn()
    reader.turn(61)
    (tmp_path / "a.log.1").rename(tmp_path / "a.log.2")
    assert reader.turn() == b""
    append(tmp_path / "a.log.2", b"later\n")
    assert reader.turn() + reader.turn() == b"later\n"
    again = reader.again(f"{tmp_path}/*.log")
    assert again.turn() == b""


def test_a_file_cut_while_it_is_read_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, LONG)
    reader.now += 1
    events = reader.follower.turn(reader.now)
    assert [next(events).kind, next(events).kind] == ["opened", "data"]
    other = LONG.replace(b"line", b"LINE")
    log.write_bytes(other)  # before anybody could have looked at the file again
    assert list(events) == []
    append(log, b"more\n")
    assert reader.turn() == other + b"more\n"
    assert reader.follower.truncations == 1


def test_a_line_is_not_cut_in_two_when_its_file_has_to_make_room(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    with ExitStack() as stack:
        writers = [stack.enter_context((tmp_path / f"{each}.log").open("wb", buffering=0)) for each in range(300)]
        for writer in writers:
            writer.write(b"hal")
        reader.turn()
        reader.turn()
        left = reader.events.count("left")
        assert left
        assert not {"line", "ended"} & set(reader.events)
        for writer in writers:
            writer.write(b"f\n")
        found = b"".join(reader.turn() for _ in range(3))
    assert found.count(b"f\n") == 300
    assert found.count(b"half\n") >= left, "what was closed is given as a whole"
    assert {each["offset"] for each in reader.follower.state()} == {5}


def test_a_hole_is_counted(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    with log.open("wb", buffering=0) as writer:
        writer.write(LONG)
        reader.turn()
        os.truncate(log, 0)
        reader.turn()
        second = reader.again(f"{tmp_path}/*.log")
        writer.write(b"two\n")
        assert second.turn() == b"two\n"
        assert second.errors["nul"] == 1
        assert second.again(f"{tmp_path}/*.log").turn() == b""


def test_a_link_that_pointed_into_another_folder_is_followed_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    append(tmp_path / "files" / "1", b"one\n")
    link = tmp_path / "a.log"
    link.symlink_to("files/1")
    reader = Reader(f"{tmp_path}/*.log")
    reader.turn()
    append(tmp_path / "files" / "1", b"two\n")
    append(tmp_path / "files" / "2", b"three\n")
    link.unlink()
    link.symlink_to("files/2")
    assert reader.again(f"{tmp_path}/*.log").turn() == b"two\nthree\n"
