"""Packed logs that were there before the first start: `from: beginning` reads them once, each before the log that it came from."""

from __future__ import annotations

import gzip
import os
from typing import TYPE_CHECKING

from followed import Followed, settings

if TYPE_CHECKING:
    from pathlib import Path


def steps(first: int, last: int) -> bytes:
    return "".join(f"step {number} loss 1.5\n" for number in range(first, last + 1)).encode()


def pack(path: Path, data: bytes, age: int) -> None:
    path.write_bytes(gzip.compress(data))
    os.utime(path, (1_600_000_000 - age, 1_600_000_000 - age))


def rotated(folder: Path) -> None:
    pack(folder / "a.log.3.gz", steps(1, 10), 3)
    pack(folder / "a.log.2.gz", steps(11, 20), 2)
    (folder / "a.log").write_bytes(steps(21, 30))


def source(folder: Path, **keys: str) -> Followed:
    return Followed(settings(folder, files=(f"{folder}/*.log*",), **keys))


def test_archives_are_read_first_and_belong_to_their_log(tmp_path: Path) -> None:
    rotated(tmp_path)
    followed = source(tmp_path)
    exposed = followed.turn()
    assert exposed["stoker_log_lines_total{source=s}"] == 30
    assert exposed["stoker_train_step{source=s,run=h-a}"] == 30
    assert exposed["stoker_train_reports_total{source=s,run=h-a}"] == 30
    assert exposed["stoker_train_steps_since_start{source=s,run=h-a}"] == 29
    assert followed.turn(60)["stoker_log_lines_total{source=s}"] == 30
    assert exposed.get("stoker_log_errors_total{source=s,reason=compressed}", 0) == 0


def test_at_the_end_they_are_left_alone_and_counted(tmp_path: Path) -> None:
    rotated(tmp_path)
    exposed = source(tmp_path, from_="end").turn()
    assert exposed["stoker_log_lines_total{source=s}"] == 0
    assert exposed["stoker_log_errors_total{source=s,reason=compressed}"] == 2


def test_what_is_packed_after_it_was_followed_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(steps(1, 10))
    followed = source(tmp_path)
    followed.turn()
    (tmp_path / "a.log").unlink()
    pack(tmp_path / "a.log.1.gz", steps(1, 10), 0)
    (tmp_path / "a.log").write_bytes(steps(11, 12))
    assert followed.turn(60)["stoker_log_lines_total{source=s}"] == 12


def test_a_kill_in_the_middle_of_an_archive_counts_nothing_twice(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    pack(logs / "a.log.2.gz", steps(1, 120_000), 2)
    (logs / "a.log").write_bytes(steps(120_001, 120_010))
    given = settings(logs, files=(f"{logs}/*.log*",))
    followed = Followed(given, state=state)
    followed.clock.now += 10
    followed.engine.run_once(followed.clock.now)
    some = followed.exposed()["stoker_log_lines_total{source=s}"]
    assert 0 < some < 120_000
    followed.engine.save()
    followed.kill()
    followed = Followed(given, state=state, clock=followed.clock)
    followed.clock.now += 5  # values are shown again
    assert followed.exposed()["stoker_log_lines_total{source=s}"] in (some, some + 1)
    exposed = followed.turn()
    assert exposed["stoker_log_lines_total{source=s}"] == 120_010
    assert exposed["stoker_train_reports_total{source=s,run=h-a}"] == 120_010
    followed.kill()
    followed = Followed(given, state=state, clock=followed.clock)
    exposed = followed.turn(60)
    assert exposed["stoker_log_lines_total{source=s}"] == 120_010
    assert exposed.get("stoker_log_errors_total{source=s,reason=compressed}", 0) == 0


def test_a_damaged_archive_costs_its_rest_only(tmp_path: Path) -> None:
    (tmp_path / "b.log.1.gz").write_bytes(gzip.compress(steps(1, 5)) + gzip.compress(steps(6, 9))[:-12])
    rotated(tmp_path)
    exposed = source(tmp_path).turn()
    assert exposed["stoker_log_lines_total{source=s}"] >= 35
    assert exposed["stoker_log_errors_total{source=s,reason=compressed}"] == 1


def test_a_log_does_not_wait_for_the_archives_of_another(tmp_path: Path) -> None:
    pack(tmp_path / "big.log.1.gz", steps(1, 200_000), 2)
    pack(tmp_path / "bomb.log.1.gz", b"\0" * 40_000_000, 2)
    (tmp_path / "big.log").write_bytes(steps(200_001, 200_002))
    (tmp_path / "small.log").write_bytes(steps(1, 7))
    followed = source(tmp_path)
    followed.clock.now += 10
    assert followed.engine.run_once(followed.clock.now)
    exposed = followed.exposed()
    assert exposed["stoker_train_step{source=s,run=h-small}"] == 7
    assert 0 < exposed["stoker_train_step{source=s,run=h-big}"] < 200_000
    (tmp_path / "small.log").write_bytes(steps(1, 9))
    followed.clock.now += 1
    assert followed.engine.run_once(followed.clock.now)
    assert followed.exposed()["stoker_train_step{source=s,run=h-small}"] == 9
    exposed = followed.turn()
    assert exposed["stoker_train_step{source=s,run=h-big}"] == 200_002
    assert exposed["stoker_train_reports_total{source=s,run=h-big}"] == 200_002


def test_archives_of_many_logs_with_a_kill_between_slices_are_counted_once(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    for number in range(6):
        pack(logs / f"{number}.log.2.gz", steps(1, 100), 9)
        pack(logs / f"{number}.log.1.gz", steps(101, 40_000 if number == 5 else 300), 5 - number)
        (logs / f"{number}.log").write_bytes(steps(90_001, 90_010))
    given = settings(logs, files=(f"{logs}/*.log*",))
    followed = Followed(given, state=state)
    lives, behind = 0, True
    while behind and lives < 20:
        lives += 1
        followed.clock.now += 10
        behind = followed.engine.run_once(followed.clock.now)
        followed.engine.save()
        followed.kill()
        followed = Followed(given, state=state, clock=followed.clock)
    assert 1 < lives < 20
    exposed = followed.turn()
    assert exposed["stoker_log_lines_total{source=s}"] == 5 * 310 + 40_010
    for number in range(6):
        assert exposed[f"stoker_train_step{{source=s,run=h-{number}}}"] == 90_010, "the log itself comes last"
    assert exposed["stoker_log_errors_total{source=s,reason=compressed}"] == 0


def test_what_is_packed_while_archives_are_read_is_not_read_again(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    pack(logs / "big.log.1.gz", steps(1, 200_000), 2)
    (logs / "a.log").write_bytes(steps(1, 10))
    given = settings(logs, files=(f"{logs}/*.log*",))
    followed = Followed(given, state=state)
    followed.clock.now += 10
    followed.engine.run_once(followed.clock.now)
    followed.engine.save()
    followed.kill()
    (logs / "a.log").unlink()
    pack(logs / "a.log.1.gz", steps(1, 10), 0)
    (logs / "a.log").write_bytes(steps(11, 12))
    followed = Followed(given, state=state, clock=followed.clock)
    assert followed.turn()["stoker_log_lines_total{source=s}"] == 200_012


def test_a_file_that_takes_the_inode_of_an_archive_that_was_read_is_another_one(tmp_path: Path) -> None:
    archive = tmp_path / "a.log.1.gz"
    pack(archive, steps(1, 5), 1)
    followed = source(tmp_path)
    assert followed.turn()["stoker_log_lines_total{source=s}"] == 5
    archive.rename(tmp_path / "b.log")  # as if it was removed, and the next file got its inode
    (tmp_path / "b.log").write_bytes(steps(1, 2))
    assert followed.turn()["stoker_log_lines_total{source=s}"] == 7


def test_logs_that_wait_for_their_archives_leave_room_for_others(tmp_path: Path) -> None:
    pack(tmp_path / "a.log.1.gz", steps(1, 200_000), 1)
    for number in range(300):
        pack(tmp_path / f"b{number}.log.1.gz", steps(1, 2), 1)
        (tmp_path / f"b{number}.log").write_bytes(steps(3, 3))
    for number in range(10):
        (tmp_path / f"c{number}.log").write_bytes(steps(1, 1))
    followed = source(tmp_path)
    followed.clock.now += 10
    followed.engine.run_once(followed.clock.now)
    exposed = followed.exposed()
    assert all(exposed[f"stoker_train_step{{source=s,run=h-c{number}}}"] == 1 for number in range(10))
    exposed = followed.turn()
    assert exposed["stoker_log_lines_total{source=s}"] == 200_000 + 300 * 3 + 10
    assert all(exposed[f"stoker_train_step{{source=s,run=h-b{number}}}"] == 3 for number in range(300))
