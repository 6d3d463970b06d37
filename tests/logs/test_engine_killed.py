from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from followed import Followed, settings

PROGRAM = """
import sys, time
from pathlib import Path
from followed import Followed, settings
logs, state, ready = map(Path, sys.argv[1:])
followed = Followed(settings(logs), state=state)
while True:
    # a second of the engine's clock a turn: it saves at every fifth
    followed.turn(1.0)
    ready.write_text(str(followed.exposed().get("stoker_log_lines_total{source=s}")))
    time.sleep(0.002)
"""
SERIES = "stoker_serve_requests_total{source=s,service=s,method=GET,route=/a,code=200}"

BOOM = "stoker_train_errors_total{source=s,run=h-a,kind=cuda}"


def test_a_killed_process_counts_every_line_once(tmp_path: Path) -> None:
    logs, state, ready = tmp_path / "logs", tmp_path / "state", tmp_path / "ready"
    logs.mkdir()
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests), *sys.path])}
    dice = random.Random(7)
    written = 0
    for life in range(5):
        ready.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", PROGRAM, str(logs), str(state), str(ready)], env=environment)
        try:
            until = time.monotonic() + 30
            while not ready.exists() and time.monotonic() < until:
                time.sleep(0.01)
            assert ready.exists(), "the engine did not start"
            for _ in range(dice.randint(20, 60)):
                with (logs / "a.log").open("a") as file:
                    for _ in range(dice.randint(1, 40)):
                        file.write("GET /a 200\n")
                        written += 1
                    file.flush()
                    file.write("GET /")
                    file.flush()
                    time.sleep(dice.random() / 200)
                    file.write("a 200\n")
                    written += 1
            if life == 2:
                (logs / "a.log").rename(logs / "a.log.1")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait(10)
    last = Followed(settings(logs), state=state)
    assert last.turn()[SERIES] == written
    assert last.exposed()["stoker_log_lines_total{source=s}"] == written


def test_after_a_kill_nothing_is_shown_that_would_look_like_a_counter_that_fell(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    log = logs / "a.log"
    log.write_text("GET /a 200\n")
    first = Followed(settings(logs), state=state)
    first.turn()
    log.write_text("GET /a 200\n" * 3)
    assert first.turn()[SERIES] == 3
    first.kill()
    second = Followed(settings(logs), state=state, clock=first.clock)
    assert second.exposed() == {}, "1 is saved, and 3 was shown"
    assert second.turn()[SERIES] == 3
    second.kill()
    third = Followed(settings(logs), state=state, clock=first.clock)
    assert third.exposed() == {}
    first.clock.now += 5
    assert third.exposed()[SERIES] == 3, "a source that never comes to its end does not keep all back"


@pytest.mark.parametrize("killed", ["before it is a line", "after", "never"])
def test_a_last_line_without_end_is_counted_once_and_what_follows_is_another(tmp_path: Path, killed: str) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    log = logs / "a.log"
    log.write_text("step 1/10 loss 2.5\nboom")
    os.utime(log, (1e9, 1e9))
    given = settings(logs)
    followed = Followed(given, state=state)
    followed.turn(1)
    if killed == "before it is a line":
        followed.engine.save()
        followed.kill()
        followed = Followed(given, state=state, clock=followed.clock)
        followed.turn(1)
    seen = followed.turn(6)
    assert seen[BOOM] == 1
    assert seen["stoker_log_lines_total{source=s}"] == 2
    if killed == "after":
        followed.engine.save()
        followed.kill()
        followed = Followed(given, state=state, clock=followed.clock)
        assert followed.turn(6)[BOOM] == 1
    with log.open("a") as file:
        file.write("step 2/10 loss 2.25\n")
    seen = followed.turn(1)
    assert seen[BOOM] == 1
    assert seen["stoker_log_lines_total{source=s}"] == 3
    assert seen["stoker_train_loss{source=s,run=h-a}"] == 2.25
