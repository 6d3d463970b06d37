from __future__ import annotations

import os
from typing import TYPE_CHECKING

from read_files import Reader, append

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_quiet_file_is_closed_and_read_on_when_it_changes(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\n")
    reader.turn()
    reader.turn()
    reader.turn(601)
    assert reader.events == ["opened", "data", "ended"]
    assert reader.follower.count == 1
    append(log, b"two\n")
    assert reader.turn() == b"two\n"
    second = reader.again(f"{tmp_path}/*.log")
    assert second.turn() == b""


def test_a_quiet_file_that_is_rotated_is_read_to_its_end(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\n")
    reader.turn()
    reader.turn()
    reader.turn(601)
    log.rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log.1", b"two\n")
    append(log, b"three\n")
    assert reader.turn() == b"two\nthree\n"


def test_more_files_than_may_be_open_are_all_read_once(tmp_path: Path) -> None:
    for number in range(600):
        append(tmp_path / f"{number}.log", b"%d\n" % number)
    reader = Reader(f"{tmp_path}/*.log")
    found = b""
    for _ in range(4):
        found += reader.turn()
        assert len(reader.follower._files) <= 256
    assert sorted(found.split()) == sorted(b"%d" % number for number in range(600))
    append(tmp_path / "7.log", b"more\n")
    assert reader.turn() == b"more\n"
    assert reader.follower.count == 600
    again = reader.again(f"{tmp_path}/*.log")
    assert b"".join(again.turn() for _ in range(4)) == b""


def test_many_old_files_start_at_their_end(tmp_path: Path) -> None:
    for number in range(600):
        append(tmp_path / f"{number}.log", b"old\n")
    reader = Reader(f"{tmp_path}/*.log", beginning=False)
    assert b"".join(reader.turn() for _ in range(4)) == b""
    append(tmp_path / "599.log", b"new\n")
    assert reader.turn() == b"new\n"


def test_a_file_that_cannot_be_read_for_a_while_is_not_read_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    append(tmp_path / "a.log", b"one\n")
    reader.turn()
    append(tmp_path / "a.log", b"two\n")
    with monkeypatch.context() as patch:

        def broken(*_: int) -> bytes:
            raise OSError(5, "Input/output error")

        patch.setattr(os, "pread", broken)
        assert reader.turn() == b""
        assert reader.errors["read"] >= 1
    assert reader.turn() == b"two\n"


def test_a_link_to_nothing_is_counted_once_and_followed_when_there_is_something(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to(tmp_path / "target")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn() == reader.turn() == b""
    assert reader.errors == {"unreadable": 1}
    append(tmp_path / "target", b"one\n")
    assert reader.turn() == b"one\n"


def test_thousands_of_files_are_read_and_looked_at_in_a_few_turns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoker.sources.files_names._DEAR", 0.0)
    monkeypatch.setattr("stoker.sources.files_names._COST", 1e6)  # a look at the names is for hours to come
    for number in range(2000):
        append(tmp_path / f"{number}.log", b"%d\n" % number)
    reader = Reader(f"{tmp_path}/*.log")
    found = b"".join(reader.turn() for _ in range(3))
    assert sorted(found.split()) == sorted(b"%d" % number for number in range(2000))
    assert not reader.follower.behind
    open_one = next(iter(reader.follower._files.values()))
    closed = next(
        path for path in tmp_path.iterdir() if str(path) not in {f.path for f in reader.follower._files.values()}
    )
    with open(open_one.path, "ab") as file:
        file.write(b"open\n")
    append(closed, b"closed\n")
    append(tmp_path / "new.log", b"new\n")
    assert reader.turn() == b"open\n", "what is open is read at once"
    assert sorted((reader.turn(1e6) + reader.turn()).split()) == [b"closed", b"new"]
    assert reader.follower.count == 2001


def test_a_closed_file_under_another_name_keeps_its_position(tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % number for number in range(1000))
    log, other = tmp_path / "a.log", tmp_path / "z.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, text)
    reader.turn()
    reader.turn()
    reader.turn(601)
    os.link(log, tmp_path / "b.log")
    log.unlink()
    other.write_bytes(text)
    other.rename(log)
    reader.turn()
    assert len(reader.follower.state()) == 2
    append(tmp_path / "b.log", b"more\n")
    assert reader.turn() == b"more\n"


def test_a_name_that_cannot_be_followed_is_said_and_counted_once_over_restarts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reader = Reader(f"{tmp_path}/*")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    reader.turn()
    reader.turn()
    assert (reader.errors["directory"], reader.errors["no_file"]) == (1, 1)
    assert caplog.text.count("file not followed") == 2
    faults = reader.follower.faults.state()
    second = reader.again(f"{tmp_path}/*")
    second.follower.faults.restore(faults)
    second.turn()
    second.turn()
    assert second.errors.total() == 0
    assert caplog.text.count("file not followed") == 2
    assert caplog.text.count("files not followed, as before: count=2") == 1
    (tmp_path / "folder").rmdir()
    second.turn()
    (tmp_path / "folder").mkdir()
    second.turn()
    assert second.errors["directory"] == 1, "it was gone in between"


def test_thousands_of_positions_survive_restarts(tmp_path: Path) -> None:
    for number in range(3000):
        append(tmp_path / f"{number}.log", b"%d\n" % number)
    reader = Reader(f"{tmp_path}/*.log")
    found = b"".join(reader.turn() for _ in range(4))
    assert len(found.split()) == 3000
    for _ in range(2):
        reader = reader.again(f"{tmp_path}/*.log").again(f"{tmp_path}/*.log")
        assert reader.turn() == b""
    assert b"".join(reader.turn() for _ in range(4)) == b""
    assert len(reader.follower.state()) == 3000


def test_thousands_of_files_of_a_disk_that_is_away_are_known_when_it_is_back(tmp_path: Path) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    for number in range(1500):
        append(disk / f"{number}.log", b"%d\n" % number)
    reader = Reader(f"{disk}/*.log")
    for _ in range(3):
        reader.turn()
    disk.rename(away)
    for _ in range(3):
        reader.turn(40)
    reader = reader.again(f"{disk}/*.log")
    reader.turn()
    away.rename(disk)
    assert b"".join(reader.turn() for _ in range(4)) == b""
