"""What became of a log that lost its name or its content: nothing of it is lost, nothing read twice."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from read_files import Reader, append
from stoker.sources.files_remains import repeats, siblings

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


def test_however_often_a_log_was_rotated_meanwhile_its_rest_is_found(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/a.log")
    append(tmp_path / "a.log", b"0 0\n")
    os.utime(tmp_path / "a.log", ns=(1, 1))
    reader.turn()
    append(tmp_path / "a.log", b"0 1\n")
    shutil.copyfile(tmp_path / "a.log", tmp_path / "a.log.100")  # another inode, as where it is packed
    (tmp_path / "a.log").unlink()
    for number in range(1, 100):
        append(tmp_path / f"a.log.{100 - number}", b"%d 0\n" % number)
    for number in range(1, 101):
        os.utime(tmp_path / f"a.log.{number}", ns=(10_000_000_000 * (101 - number), 10_000_000_000 * (101 - number)))
    append(tmp_path / "a.log", b"100 0\n")
    after = reader.again(f"{tmp_path}/a.log")
    lines = b"".join(after.turn() for _ in range(5)).splitlines()
    assert lines == [b"0 1", *(b"%d 0" % number for number in range(1, 101))]


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


def test_a_folder_that_is_rotated_while_it_is_listed_shows_all_its_files(tmp_path: Path) -> None:
    for number in range(1, 41):
        (tmp_path / f"a.log.{number}.gz").write_bytes(b"%d" % number)
    inodes = {os.stat(each).st_ino for each in tmp_path.iterdir()}
    ended = threading.Event()

    def shift() -> None:
        for turn in range(60):
            for number in range(40, 0, -1):
                (tmp_path / f"a.log.{number + turn}.gz").rename(tmp_path / f"a.log.{number + turn + 1}.gz")
            ended.wait(0.01)
        ended.set()

    rotating = threading.Thread(target=shift)
    rotating.start()
    looks = 0
    while not ended.is_set():
        looks += 1
        assert {each.identity[1] for each in siblings(str(tmp_path / "a.log"))} == inodes
    rotating.join()
    assert looks > 1


def pack(path: Path, data: bytes) -> None:
    """As gzip does it, which keeps the time."""
    path.write_bytes(gzip.compress(data))
    os.utime(path, ns=(1, 1))


def away(folder: Path) -> Reader:
    """A reader whose log was rotated twice, and packed once, while nobody watched."""
    log = folder / "a.log"
    reader = Reader(f"{folder}/a.log")
    append(log, b"1\n")
    os.utime(log, ns=(1, 1))
    reader.turn()
    log.unlink()
    pack(folder / "a.log.2.gz", b"1\n2\n")
    append(folder / "a.log.1", b"3\n")
    append(log, b"4\n")
    os.utime(folder / "a.log.1", ns=(1, 1))
    os.utime(log, ns=(1, 1))
    return reader.again(f"{folder}/a.log")


def test_what_is_packed_while_it_waits_to_be_read_is_read_once(tmp_path: Path) -> None:
    reader = away(tmp_path)
    lines = []
    for event in reader.follower.turn(1.0):
        lines.append(event.data)
        if event.kind == "opened" and not (tmp_path / "a.log.3.gz").exists():
            (tmp_path / "a.log.2.gz").rename(tmp_path / "a.log.3.gz")
            (tmp_path / "a.log.1").unlink()
            pack(tmp_path / "a.log.2.gz", b"3\n")
            (tmp_path / "a.log").rename(tmp_path / "a.log.1")
            append(tmp_path / "a.log", b"5\n")
    lines += [reader.turn() for _ in range(9)]
    assert sorted(b"".join(lines).split()) == [b"2", b"3", b"4", b"5"]


def test_what_waited_to_be_read_is_found_packed_though_another_file_has_its_inode(tmp_path: Path) -> None:
    reader = away(tmp_path)
    assert reader.turn() == b""
    (tmp_path / "a.log.1").unlink()
    (tmp_path / "a.log.2.gz").unlink()  # what is read of archives is not in this state
    pack(tmp_path / "a.log.1.gz", b"3\n")
    of_it = next(each for each in reader.follower.state() if str(each["path"]).endswith("a.log.1"))
    of_it["inode"] = os.stat(tmp_path / "a.log").st_ino
    after = Reader(f"{tmp_path}/a.log", state=[of_it])
    assert b"".join(after.turn() for _ in range(9)) == b"3\n4\n"


@pytest.mark.parametrize(
    ("has", "made_from_it"),
    [(LONG, True), (LONG[:100], True), (LONG[:-1] + b"x", False), (LONG + b"x", False), (b"", False)],
)
def test_what_is_packed_is_known_by_all_that_it_has(tmp_path: Path, *, has: bytes, made_from_it: bool) -> None:
    append(tmp_path / "a.log", LONG)
    pack(tmp_path / "a.log.1.gz", has)
    (packed,) = siblings(str(tmp_path / "a.log"))
    with (tmp_path / "a.log").open("rb") as log:
        assert repeats(packed, log.fileno()) is made_from_it
