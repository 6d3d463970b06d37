from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from read_files import Reader, append
from stoker.sources.files import TURN
from stoker.sources.files_followed import BLOCK

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_appended_is_read_once(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    append(tmp_path / "a.log", b"one\n")
    assert reader.turn() == b"one\n"
    append(tmp_path / "a.log", b"two\n")
    assert reader.turn() == b"two\n"
    assert reader.turn() == b""


def test_a_renamed_file_is_read_to_its_end_before_its_successor(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"1\n")
    reader.turn()
    append(log, b"2\n")
    log.rename(tmp_path / "a.log.1")
    append(log, b"4\n")
    append(tmp_path / "a.log.1", b"3\n")
    assert reader.turn() == b"2\n3\n4\n"
    assert reader.follower.rotations == 1
    append(tmp_path / "a.log.1", b"late\n")
    append(log, b"5\n")
    assert reader.turn() == b"late\n5\n", "its writer may still have it open"
    reader.turn(61)
    assert reader.events[-1] == "ended"
    assert reader.follower.count == 1


def test_a_rotated_file_that_still_matches_is_the_same_file(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/a.log*")
    append(log, b"1\n")
    reader.turn()
    log.rename(tmp_path / "a.log.1")
    append(log, b"2\n")
    assert reader.turn() == b"2\n"
    assert reader.follower.rotations == 1


def test_a_removed_file_is_read_to_its_end_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"1\n")
    reader.turn()
    append(log, b"2\n")
    log.unlink()
    assert reader.turn() == b"2\n"
    assert reader.errors["vanished"] == 1
    reader.turn(61)
    assert reader.follower.count == 0


def test_a_file_that_is_removed_and_made_again_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"1\n")
    reader.turn()
    log.unlink()
    append(log, b"2\n")
    assert reader.turn() == b"2\n"


def test_a_file_cut_to_nothing_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\ntwo\n")
    reader.turn()
    os.truncate(log, 0)
    append(log, b"3\n")
    assert reader.turn() == b"3\n"
    assert reader.follower.truncations == 1


@pytest.mark.parametrize("text", [b"ONE\nTWO\n", b"ONE\nTWO\nTHREE\n"], ids=["same size", "longer"])
def test_a_file_cut_and_filled_again_between_two_looks_begins_anew(tmp_path: Path, text: bytes) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\ntwo\n")
    reader.turn()
    os.truncate(log, 0)
    append(log, text)
    os.utime(log, ns=(1, 1))
    assert reader.turn() == text
    assert reader.follower.truncations == 1


def test_a_banner_that_stays_the_same_does_not_hide_a_cut(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"=" * 300 + b"\none\n")
    reader.turn()
    os.truncate(log, 0)
    append(log, b"=" * 300 + b"\nTWO\nTHREE\n")
    assert reader.turn().endswith(b"\nTWO\nTHREE\n")


def test_the_hole_that_copytruncate_leaves_is_skipped(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    with log.open("wb", buffering=0) as writer:  # without O_APPEND: the writer goes on where it was
        writer.write(b"x" * 99_999 + b"\n")
        reader.turn()
        os.truncate(log, 0)
        writer.write(b"two\n")
        assert reader.turn() == b"two\n"
        writer.write(b"three\n")
        assert reader.turn() == b"three\n"


def test_the_copy_of_copytruncate_is_read_from_where_the_original_was(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/a.log*")
    append(log, b"one\ntwo\n")
    reader.turn()
    append(log, b"three\n")
    (tmp_path / "a.log.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
    append(log, b"4\n")
    assert sorted(reader.turn().splitlines()) == [b"4", b"three"]


def test_another_file_with_the_same_content_is_no_copy(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    append(tmp_path / "rank0.log", b"banner\n")
    reader.turn()
    append(tmp_path / "rank1.log", b"banner\n")
    assert reader.turn() == b"banner\n"


def test_old_files_start_at_their_last_unfinished_line(tmp_path: Path) -> None:
    append(tmp_path / "a.log", b"old\nhalf")
    reader = Reader(f"{tmp_path}/*.log", beginning=False)
    assert reader.turn() == b"half"
    append(tmp_path / "a.log", b" done\n")
    assert reader.turn() == b" done\n"


def test_a_new_file_is_read_whole_although_old_ones_are_not(tmp_path: Path) -> None:
    append(tmp_path / "old.log", b"old\n")
    reader = Reader(f"{tmp_path}/*.log", beginning=False)
    assert reader.turn() == b""
    append(tmp_path / "new.log", b"new\n")
    assert reader.turn() == b"new\n"


def test_a_restart_goes_on_at_the_start_of_the_unfinished_line(tmp_path: Path) -> None:
    reader = Reader(f"{tmp_path}/*.log")
    append(tmp_path / "a.log", b"one\nhal")
    reader.turn()
    second = reader.again(f"{tmp_path}/*.log")
    append(tmp_path / "a.log", b"f\n")
    assert second.turn() == b"half\n"


def test_what_was_rotated_while_nobody_watched_is_read_first(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"1\n")
    reader.turn()
    append(log, b"2\n")
    log.rename(tmp_path / "a.log.1")
    append(log, b"3\n")
    second = reader.again(f"{tmp_path}/*.log")
    assert second.turn() == b"2\n3\n"
    assert second.turn() == b""


def test_what_was_cut_while_nobody_watched_begins_anew(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"one\n")
    reader.turn()
    os.truncate(log, 0)
    append(log, b"another one\n")
    second = reader.again(f"{tmp_path}/*.log")
    assert second.turn() == b"another one\n"
    assert second.follower.truncations == 1


def test_positions_survive_a_file_that_is_away_for_a_life(tmp_path: Path) -> None:
    log, away = tmp_path / "logs" / "a.log", tmp_path / "away"
    log.parent.mkdir()
    reader = Reader(f"{tmp_path}/logs/*.log")
    append(log, b"one\n")
    reader.turn()
    log.parent.rename(away)
    second = reader.again(f"{tmp_path}/logs/*.log")
    assert second.turn() == b""
    third = second.again(f"{tmp_path}/logs/*.log")
    away.rename(log.parent)
    append(log, b"two\n")
    assert third.turn() == b"two\n"


def test_a_directory_in_place_of_a_file_is_counted_once(tmp_path: Path) -> None:
    (tmp_path / "a.log").mkdir()
    append(tmp_path / "b.log", b"b\n")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn() == b"b\n"
    reader.turn()
    assert reader.errors == {"directory": 1}


def test_a_pipe_in_place_of_a_file_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.log")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn() == b""
    assert reader.errors == {"no_file": 1}


def test_a_compressed_file_is_not_read_as_text(tmp_path: Path) -> None:
    append(tmp_path / "a.log.gz", b"\x1f\x8b")
    reader = Reader(f"{tmp_path}/*")
    assert reader.turn() == b""
    assert reader.errors == {"compressed": 1}


def test_an_unreadable_file_is_counted_once_and_read_when_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "a.log", b"secret\n")
    append(tmp_path / "b.log", b"open\n")
    real = os.open

    def refuse(path: str, flags: int, *rest: int, **keys: int) -> int:
        if str(path).endswith("a.log"):
            raise PermissionError(13, "Permission denied")
        return real(path, flags, *rest, **keys)

    reader = Reader(f"{tmp_path}/*.log")
    with monkeypatch.context() as patch:  # root, as which tests may run, can read everything
        patch.setattr(os, "open", refuse)
        assert reader.turn() == b"open\n"
        reader.turn()
        assert reader.errors == {"unreadable": 1}
    assert reader.turn() == b"secret\n"


def test_a_big_file_does_not_starve_the_others(tmp_path: Path) -> None:
    append(tmp_path / "a.log", b"x" * BLOCK * (TURN + 3))
    append(tmp_path / "b.log", b"b\n")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn().endswith(b"xb\n")
    assert reader.follower.behind
    assert reader.follower.lag == 3 * BLOCK
    assert len(reader.turn()) == 3 * BLOCK
    assert not reader.follower.behind
    assert reader.follower.lag == 0


def test_globs_cross_folders_and_a_file_that_matches_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)
    append(tmp_path / "x" / "y" / "a.log", b"a\n")
    reader = Reader(f"{tmp_path}/**/*.log", f"{tmp_path}/x/y/a.log")
    assert reader.turn() == b"a\n"
    append(tmp_path / "x" / "b.log", b"b\n")
    assert reader.turn(6) == b"b\n"


def test_two_names_of_one_file_are_one_file(tmp_path: Path) -> None:
    append(tmp_path / "a.log", b"a\n")
    os.link(tmp_path / "a.log", tmp_path / "b.log")
    (tmp_path / "c.log").symlink_to(tmp_path / "a.log")
    (tmp_path / "d.log").symlink_to(tmp_path / "nothing")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn() == b"a\n"
    assert reader.follower.count == 1


def test_a_link_that_points_elsewhere_is_a_rotation(tmp_path: Path) -> None:
    append(tmp_path / "1", b"one\n")
    append(tmp_path / "2", b"two\n")
    link = tmp_path / "a.log"
    link.symlink_to("1")
    reader = Reader(f"{tmp_path}/*.log")
    assert reader.turn() == b"one\n"
    link.unlink()
    link.symlink_to("2")
    assert reader.turn() == b"two\n"
    assert reader.follower.rotations == 1


def test_a_successor_that_begins_as_the_file_before_it_did_is_read_whole(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    reader = Reader(f"{tmp_path}/*.log")
    append(log, b"same\n")
    reader.turn()
    log.rename(tmp_path / "old")
    append(log, b"same\nand more\n")
    assert reader.turn() == b"same\nand more\n"
