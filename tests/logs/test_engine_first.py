"""A kill before the first look at all files is over, and halves of lines at the moment of a save."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from followed import Followed, settings

if TYPE_CHECKING:
    from pathlib import Path

LINES = "stoker_log_lines_total{source=s}"


@pytest.mark.parametrize(("begin", "count"), [("beginning", 600), ("end", 0)])
def test_more_files_than_may_be_open_and_a_kill_in_between(tmp_path: Path, begin: str, count: int) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    for number in range(600):
        (logs / f"{number}.log").write_text("GET /a 200\n")
    source = settings(logs, from_=begin)
    followed = Followed(source, state=state)
    followed.clock.now += 10
    followed.engine.run_once(followed.clock.now)
    followed.kill()
    followed = Followed(source, state=state, clock=followed.clock)
    assert followed.turn()[LINES] == count
    with (logs / "0.log").open("a") as file:
        file.write("GET /a 200\n")
    (logs / "new.log").write_text("GET /a 200\n")
    assert followed.turn(60)[LINES] == count + 2
    assert followed.turn(60)["stoker_log_files{source=s}"] == 601


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\b"])
def test_a_kill_after_any_end_of_a_line_counts_it_once(tmp_path: Path, end: str) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    followed = Followed(settings(logs), state=state)
    for number in range(1, 5):
        with (logs / "a.log").open("a", newline="") as file:
            file.write(f"GET /a 200{end}")
        assert followed.turn(10)[LINES] == number
        followed.kill()
        followed = Followed(settings(logs), state=state, clock=followed.clock)


def test_a_half_line_that_is_completed_in_the_renamed_file_is_one_line(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    log = tmp_path / "a.log"
    with log.open("ab", buffering=0) as writer:
        writer.write(b"GET /a 200\nGET /a 2")
        followed.turn()
        log.rename(tmp_path / "a.log.1")
        log.write_text("GET /a 200\n")
        assert followed.turn()[LINES] == 2
        writer.write(b"00\n")
        seen = followed.turn()
    assert seen[LINES] == 3
    assert seen["stoker_log_matched_lines_total{source=s,format=none}"] == 0


def test_a_restored_copy_of_a_state_without_its_logs_changes_nothing(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    (logs / "a.log").write_text("GET /a 200\n" * 3)
    followed = Followed(settings(logs), state=state)
    followed.turn()
    followed.engine.stop()
    os.unlink(logs / "a.log")
    followed = Followed(settings(logs), state=state, clock=followed.clock)
    assert followed.turn()[LINES] == 3
