from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from followed import PACK, REQUESTS, Followed, append, settings, values

if TYPE_CHECKING:
    from pathlib import Path


def test_a_table_goes_on_after_a_restart_however_long_it_is(tmp_path: Path) -> None:
    log, state = tmp_path / "a.log", tmp_path / "state"
    log.write_text("step,loss,note\n" + f"1,0.5,{'x' * 1000}\n" * 600)
    followed = Followed(settings(tmp_path), state=state, formats=PACK.formats)
    followed.turn()
    followed.engine.save()
    followed.kill()
    with log.open("a") as file:
        file.write("2,0.25,\n")
    found = Followed(settings(tmp_path), state=state, formats=PACK.formats).turn()
    assert [value for series, value in found.items() if series.startswith("stoker_train_loss{")] == [0.25]


def test_a_restart_goes_on_where_the_last_life_was_saved(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", "GET /a 200\n" * 3 + "GET /a 2")
    first = Followed(settings(logs), state=state)
    first.turn()
    first.engine.stop()
    append(logs / "a.log", "00\nGET /a 200\n")
    second = Followed(settings(logs), state=state, clock=first.clock)
    assert second.exposed()[REQUESTS] == 3, "the first scrape shows the restored value"
    seen = second.turn()
    assert seen[REQUESTS] == 5
    assert seen["stoker_log_lines_total{source=s}"] == 5
    assert seen["stoker_log_bytes_total{source=s}"] == (logs / "a.log").stat().st_size


def test_a_kill_loses_nothing_and_counts_nothing_twice(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    followed = Followed(settings(logs), state=state)
    for number in range(1, 60):
        append(logs / "a.log", "GET /a 200\nGET /")
        seen = followed.turn(2)
        append(logs / "a.log", "a 200\n")
        if number % 7 == 0:
            followed.kill()
            followed = Followed(settings(logs), state=state, clock=followed.clock)
    seen = followed.turn()
    assert seen[REQUESTS] == 118
    assert seen["stoker_log_lines_total{source=s}"] == 118


def test_files_older_than_the_first_start_begin_at_their_end_and_newer_ones_are_read_whole(tmp_path: Path) -> None:
    append(tmp_path / "old.log", "step 1\n")
    followed = Followed(settings(tmp_path, from_="end"))
    assert not [series for series in followed.turn() if "run=" in series]
    append(tmp_path / "new.log", "step 2\n")
    append(tmp_path / "old.log", "step 3\n")
    seen = followed.turn(60)
    assert seen["stoker_train_reports_total{source=s,run=h-new}"] == 1
    assert seen["stoker_train_reports_total{source=s,run=h-old}"] == 1


def test_a_file_that_appeared_while_nobody_watched_is_read_whole(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    first = Followed(settings(logs, from_="end"), state=state)
    first.turn()
    first.kill()
    append(logs / "a.log", "GET /a 200\n")
    second = Followed(settings(logs, from_="end"), state=state, clock=first.clock)
    assert second.turn()[REQUESTS] == 1


def test_an_unwritable_state_costs_durability_only(tmp_path: Path) -> None:
    logs, blocked = tmp_path / "logs", tmp_path / "blocked"
    logs.mkdir()
    blocked.write_text("a file where the folder should be")
    append(logs / "a.log", "GET /a 200\n")
    followed = Followed(settings(logs), state=blocked)
    seen = followed.turn()
    assert seen[REQUESTS] == 1
    assert seen["stoker_state_writable{}"] == 0
    blocked.unlink()
    append(logs / "a.log", "GET /a 200\n")
    assert followed.turn(6)["stoker_state_writable{}"] == 1


def test_a_rotated_file_stays_the_run_that_it_was(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    first = Followed(settings(logs, files=(f"{logs}/a.log*",)), state=state)
    append(logs / "a.log", "step 1\n")
    first.turn()
    append(logs / "a.log", "step 2\n")
    (logs / "a.log").rename(logs / "a.log.1")
    append(logs / "a.log", "step 3\n")
    seen = first.turn(6)
    assert seen["stoker_train_reports_total{source=s,run=h-a}"] == 3
    first.kill()
    append(logs / "a.log.1", "step 4\n")
    seen = Followed(settings(logs, files=(f"{logs}/a.log*",)), state=state, clock=first.clock).turn()
    assert seen["stoker_train_reports_total{source=s,run=h-a}"] == 4
    assert not [series for series in seen if "run=h-a.log" in series]


def test_what_was_rotated_while_nobody_watched_belongs_to_its_run(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", "step 1\n")
    first = Followed(settings(logs), state=state)
    first.turn()
    first.kill()
    append(logs / "a.log", "step 2\n")
    (logs / "a.log").rename(logs / "a.log.1")
    append(logs / "a.log", "step 3\n")
    seen = Followed(settings(logs), state=state, clock=first.clock).turn()
    assert seen["stoker_train_reports_total{source=s,run=h-a}"] == 3
    assert not [series for series in seen if "run=h-a.log" in series]


def test_the_rest_of_a_copytruncated_log_belongs_to_its_run(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path, files=(f"{tmp_path}/a.log*",)))
    append(tmp_path / "a.log", "step 1\n")
    followed.turn()
    append(tmp_path / "a.log", "step 2\n")
    (tmp_path / "a.log.1").write_bytes((tmp_path / "a.log").read_bytes())
    os.truncate(tmp_path / "a.log", 0)
    append(tmp_path / "a.log", "step 3\n")
    seen = followed.turn()
    assert seen["stoker_train_reports_total{source=s,run=h-a}"] == 3
    assert not [series for series in seen if "run=h-a.log" in series]
    assert seen["stoker_log_lines_total{source=s}"] == 3


def test_a_log_is_still_a_serving_log_after_its_rotation(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path), formats=PACK.formats)
    access = 'INFO:     127.0.0.1:54321 - "GET /v1/models HTTP/1.1" 200 OK\n'
    append(tmp_path / "a.log", access)
    assert followed.turn()["stoker_log_matched_lines_total{source=s,format=none}"] == 0
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    append(tmp_path / "a.log", 'Traceback (most recent call last):\n  File "x.py", line 1\nValueError: no\n')
    seen = followed.turn()
    assert seen["stoker_serve_errors_total{source=s,service=s,kind=exception}"] == 1
    assert not [series for series in seen if series.startswith("stoker_train")]


def test_a_state_in_another_form_is_set_aside_whole(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", "GET /a 200\n")
    first = Followed(settings(logs), state=state)
    first.turn()
    first.engine.stop()
    kept = json.loads((state / "logs.json").read_text())
    kept["store"] = {"series": [1, 2]}
    (state / "logs.json").write_text(json.dumps(kept))
    second = Followed(settings(logs), state=state, clock=first.clock)
    assert second.turn()[REQUESTS] == 1, "positions are not taken over without their values"
    assert [path.name for path in state.iterdir() if "corrupt" in path.name]


def test_a_traceback_that_a_kill_cuts_in_two_counts_once(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    lines = (
        "Traceback (most recent call last):",
        '  File "train.py", line 7, in <module>',
        "    main()",
        "ValueError: no such column",
    )
    for life, line in enumerate(lines):
        append(logs / "a.log", line + "\n")
        followed = Followed(settings(logs), state=state, formats=PACK.formats)
        seen = followed.turn()
        followed.kill()
        assert life < 3 or seen["stoker_train_exceptions_total{source=s,run=h-a,type=ValueError}"] == 1
    seen = Followed(settings(logs), state=state, formats=PACK.formats).turn()
    assert seen["stoker_train_errors_total{source=s,run=h-a,kind=exception}"] == 1


def test_a_stop_in_the_middle_of_a_big_file_loses_nothing(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", "GET /a 200\n" * 200_000)
    first = Followed(settings(logs), state=state)
    first.engine.start()
    until = time.monotonic() + 30
    while not values(first.engine.samples()).get(REQUESTS) and time.monotonic() < until:
        time.sleep(0.001)
    first.engine.stop()
    assert 0 < first.exposed()[REQUESTS] < 200_000
    second = Followed(settings(logs), state=state, clock=first.clock)
    assert second.exposed()[REQUESTS] == first.exposed()[REQUESTS]
    assert second.turn()[REQUESTS] == 200_000


def test_a_log_from_a_backup_goes_on_where_it_was_though_its_inode_was_another_logs(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    restored, other = logs / "a.log", logs / "b.log"
    append(restored, "GET /a 200\n" * 100)
    append(other, "step 1\n")
    first = Followed(settings(logs), state=state)
    first.turn()
    first.engine.save()
    append(other, "GET /a 200\n")  # the end of the other log, which is deleted before anybody looks
    other.rename(logs / "b.log.1")
    first.kill()
    content = restored.read_bytes()
    restored.unlink()
    freed = logs / "b.log.1"
    freed.write_bytes(content + b"GET /a 200\n")  # keeps the inode, as a file system gives a free one again
    freed.rename(restored)
    second = Followed(settings(logs), state=state, clock=first.clock)
    for _ in range(4):
        seen = second.turn(10)
    assert seen[REQUESTS] == 101
    assert seen["stoker_log_lines_total{source=s}"] == 102
