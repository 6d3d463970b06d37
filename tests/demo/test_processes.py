"""Programs of the demonstration are remembered and ended, whatever happens around them."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from demo.processes import DemoError, Processes

if TYPE_CHECKING:
    from pathlib import Path

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() != psutil.STATUS_ZOMBIE}


def test_a_program_is_ended_by_another_process_that_knows_the_folder(tmp_path: Path) -> None:
    begun = Processes(tmp_path)
    started = begun.start("sleeper", SLEEPER)
    assert begun.alive(started)
    assert Processes(tmp_path).stop() == ["sleeper"]
    assert not begun.alive(started)
    assert begun.stop() == []


def test_a_program_that_cannot_be_remembered_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / "processes.json").mkdir()  # nothing can be written there
    before = children()
    with pytest.raises(OSError, match=r"processes\.json"):
        Processes(tmp_path).start("sleeper", SLEEPER)
    assert children() == before


def test_a_program_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        DemoError, match=r"^sleeper cannot be started: .*No such file or directory: '/no/such/program'$"
    ):
        Processes(tmp_path).start("sleeper", ["/no/such/program"])


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import sys; print('one'); sys.exit('the port is taken')",
            "sleeper ended with exit code 1, saying: the port is taken",
        ),
        ("import os, signal; print('fine'); os.kill(os.getpid(), signal.SIGKILL)", "sleeper ended by SIGKILL"),
        ("pass", "sleeper ended with exit code 0"),
    ],
)
def test_how_a_program_ended_is_said(tmp_path: Path, program: str, said: str) -> None:
    processes = Processes(tmp_path)
    started = processes.start("sleeper", [sys.executable, "-c", program])
    end = time.monotonic() + 30
    while processes.alive(started):
        assert time.monotonic() < end
        time.sleep(0.01)
    assert processes.ending(started) == said


def test_another_program_with_the_same_id_is_left_alone(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    started = processes.start("sleeper", SLEEPER)
    file = tmp_path / "processes.json"
    whole = file.read_text()
    rows = json.loads(whole)
    file.write_text(json.dumps([{**rows[0], "created": rows[0]["created"] - 5}]))
    assert Processes(tmp_path).stop() == []
    assert processes.alive(started)
    file.write_text(whole)
    assert processes.stop() == ["sleeper"]
