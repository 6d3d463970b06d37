"""What the programs of the demonstration log is what Stoker understands, to the last line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from demo.model_server import Figures
from demo.processes import Processes, free_ports

ROOT = Path(__file__).resolve().parents[2]


def parsed(file: Path) -> dict[str, list[float]]:
    """The values of each metric, in the order of the log."""
    command = [sys.executable, "-m", "stoker", "parse", "--format", "jsonl", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, list[float]] = {}
    for row in map(json.loads, done.stdout.splitlines()):
        found.setdefault(row["metric"], []).append(float(row["value"]))
    return found


def wait_for(programs: Processes, file: Path, word: str) -> None:
    """Until the log has the word; a program that ended fails the test."""
    end = time.monotonic() + 60
    while not (file.exists() and word in file.read_text()):
        assert all(programs.alive(each) for each in programs.all()), programs.output("program", 20)
        assert time.monotonic() < end, f"{word} never came"
        time.sleep(0.02)


def test_a_run_learns_turns_to_nan_and_starts_again(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    programs = Processes(tmp_path)
    command = [sys.executable, "-m", "demo.train", "--log", str(log), "--steps", "2000", "--pause", "0.0005"]
    try:
        programs.start("program", command, cwd=ROOT)
        wait_for(programs, log, "'train_loss'")
        assert "nan" not in log.read_text()
        programs.signal("program", signal.SIGUSR1)
        wait_for(programs, log, "'loss': nan")
        programs.signal("program", signal.SIGUSR2)
    finally:
        assert programs.stop() == ["program"]
    found = parsed(log)
    assert min(found["stoker_train_loss"]) < found["stoker_train_loss"][0] / 3
    assert {"stoker_train_step", "stoker_train_steps", "stoker_train_epoch", "stoker_train_grad_norm"} <= set(found)
    assert {"stoker_train_eval", "stoker_train_checkpoints_total", "stoker_train_steps_per_second"} <= set(found)
    assert "stoker_train_nonfinite_total" in found


def test_requests_are_counted_with_their_times(tmp_path: Path) -> None:
    log, access = tmp_path / "server.log", tmp_path / "access.log"
    programs = Processes(tmp_path)
    files = ["--log", str(log), "--access-log", str(access)]
    try:
        programs.start(
            "program", [sys.executable, "-m", "demo.model_server", *files, "--port", str(free_ports(1)[0])], cwd=ROOT
        )
        wait_for(programs, access, '" 200 ')
    finally:
        assert programs.stop() == ["program"]
    found = parsed(access)
    assert found["stoker_serve_requests_total"]
    assert all(0 < seconds < 30 for seconds in found["stoker_serve_request_seconds"])


def test_the_figures_of_the_server_are_read_as_they_were(tmp_path: Path) -> None:
    figures = Figures()
    figures.add(prompt=50, generated=100, running=2, waiting=1)
    figures.cache.extend(["a prompt"] * 12)
    file = tmp_path / "server.log"
    file.write_text(figures.line() + figures.line())
    found = parsed(file)
    assert found["stoker_serve_prompt_tokens_per_second"] == [10.0, 0.0]
    assert found["stoker_serve_generation_tokens_per_second"] == [20.0, 0.0]
    assert found["stoker_serve_running_requests"] == [2.0, 2.0]
    assert found["stoker_serve_waiting_requests"] == [1.0, 1.0]
    assert found["stoker_serve_cache_utilization_ratio"] == [0.125, 0.125]
