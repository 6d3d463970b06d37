"""The journal through a program of that name: each entry once across restarts and kills, whatever its message is."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from followed import FORMATS, PACK, Followed, settings
from journal import Journal
from machines import Clock
from served import Program
from stoker.config.settings import JournalSettings
from wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = 1_700_000_000.0
REPORTS = "stoker_train_reports_total{source=s,run=%s}"
LINES = "stoker_log_lines_total{source=s}"
ERRORS = "stoker_log_errors_total{source=s,reason=%s}"


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    journal = Journal(tmp_path / "journal")
    monkeypatch.setenv("PATH", f"{journal.bin}{os.pathsep}{os.environ['PATH']}")
    return journal


class Lives:
    """An engine that is killed and started again, over the same journal and state."""

    def __init__(self, folder: Path, **keys: Any) -> None:  # noqa: ANN401 - the keys of a source
        self.folder = folder
        self.clock = Clock(NOW)
        self.keys = {"journal": JournalSettings(), **keys}
        self.followed: Followed | None = None
        self.formats = FORMATS

    def start(self, **keys: Any) -> None:  # noqa: ANN401 - the keys of a source
        """Kill the one before, if there is one, and start."""
        self.end()
        source = settings(self.folder, files=None, **{**self.keys, **keys})
        self.followed = Followed(source, state=self.folder / "state", clock=self.clock, formats=self.formats)

    def until(self, series: str, value: float) -> dict[str, float]:
        """Take turns until a series has this value."""
        assert self.followed is not None
        until = time.monotonic() + PATIENCE
        while (seen := self.followed.turn(0.001)).get(series) != value:
            assert time.monotonic() < until, (series, value, seen.get(series), self.followed.engine.status())
            time.sleep(0.005)
        return seen

    def save(self) -> None:
        """Let so much time pass that it saves."""
        assert self.followed is not None
        self.followed.turn(6)

    def end(self) -> None:
        """Kill it."""
        if self.followed is not None:
            self.followed.kill()


@pytest.fixture
def lives(tmp_path: Path, journal: Journal) -> Iterator[Lives]:
    lives = Lives(tmp_path)
    yield lives
    lives.end()


def test_units_and_processes_do_not_mix_and_entries_have_their_own_time(journal: Journal, lives: Lives) -> None:
    lives.start()
    for number in range(3):
        for unit, process in (("a.service", "1"), ("b.service", "2"), ("a.service", "3")):
            journal.add(f"step {number}", NOW, unit, _PID=process)
    journal.add("saved checkpoint", NOW - 500, "a.service")
    journal.add("step 9", NOW, "", SYSLOG_IDENTIFIER="tool")
    seen = lives.until(LINES, 11)
    assert [seen[REPORTS % run] for run in ("n1-a", "n1-b", "n1-tool")] == [3, 3, 1]
    assert seen["stoker_train_last_checkpoint_timestamp_seconds{source=s,run=n1-a}"] == NOW - 500


def test_messages_of_the_kernel_are_told_apart_by_the_time_since_boot(journal: Journal, lives: Lives) -> None:
    lives.formats = {"kernel": PACK.formats["kernel"]}
    lives.start()
    for uptime in (100, 101, 700):
        stamp = {"__MONOTONIC_TIMESTAMP": str(uptime * 1_000_000), "SYSLOG_IDENTIFIER": "kernel"}
        journal.add("NVRM: GPU 0000:91:00.0: GPU has fallen off the bus.", NOW + uptime, "", **stamp)
    seen = lives.until(LINES, 3)
    assert seen["stoker_gpu_xid_errors_total{uuid=pci:0000:91:00,xid=79}"] == 2


def test_messages_that_are_no_text(journal: Journal, lives: Lives) -> None:
    lives.start()
    journal.add(list(b"\x1b[1mstep 1\x1b[0m \xff"), NOW)
    journal.add(list(b"\x1b[1mstep 2\x1b[0m"), NOW)
    journal.add(["step 3", list(b"step 4")], NOW)
    journal.add("step 5\nstep 6", NOW)
    journal.add(None, NOW)
    journal.add("step 7", NOW, _HOSTNAME=["x"])
    seen = lives.until(LINES, 7)
    assert seen["stoker_train_step{source=s,run=n1-train}"] == 6
    assert seen[ERRORS % "decode"] == 1
    assert seen[ERRORS % "too_long"] == 1


def test_the_first_start_begins_at_the_end_unless_told_otherwise(journal: Journal, lives: Lives) -> None:
    for number in range(20):
        journal.add(f"step {number}", NOW - 100)
    lives.keys["from_"] = "end"
    lives.start()
    lives.until("stoker_log_files{source=s}", 1)
    until = time.monotonic() + PATIENCE
    assert lives.followed is not None
    while not lives.followed.engine._sources[0].state()["journal"] and time.monotonic() < until:
        lives.followed.turn(0.001)
    lives.save()
    lives.end()
    journal.add("step 20", NOW)
    lives.start()
    assert lives.until(LINES, 1)["stoker_train_step{source=s,run=n1-train}"] == 20
    assert journal.calls[0][-1] == "--lines=1"
    lives.start(name="other", from_="beginning")
    lives.until("stoker_log_lines_total{source=other}", 21)


def test_only_what_is_asked_for_is_read_and_another_choice_goes_on_from_there(journal: Journal, lives: Lives) -> None:
    lives.start(journal=JournalSettings(units=("a.service",), identifiers=("x",), directory="/d"))
    journal.add("step 1", NOW, "a.service")
    journal.add("step 1", NOW, "b.service")
    journal.add("step 2", NOW, "a.service")
    lives.until(REPORTS % "n1-a", 2)
    assert journal.calls[-1][-3:] == ["--unit=a.service", "--identifier=x", "--directory=/d"]
    lives.save()
    lives.start()
    journal.add("step 3", NOW, "b.service")
    assert lives.until(REPORTS % "n1-b", 1)[REPORTS % "n1-a"] == 2


def test_units_may_be_patterns_also_of_units_that_come_later(journal: Journal, lives: Lives) -> None:
    lives.start(journal=JournalSettings(units=("train@*", "vllm")))
    for unit in ("train@a.service", "other.service", "vllm.service", "train@b.service"):
        journal.add("step 1", NOW, unit)
    seen = lives.until(LINES, 3)
    assert [seen.get(REPORTS % f"n1-{run}") for run in ("train@a", "train@b", "vllm", "other")] == [1, 1, 1, None]
    lives.save()
    lives.start(journal=JournalSettings(units=("train@*", "vllm")))
    journal.add("step 2", NOW, "train@a.service")
    assert lives.until(LINES, 4)[REPORTS % "n1-train@a"] == 2


def test_a_failure_that_began_before_a_kill_is_known_after_it(journal: Journal, lives: Lives) -> None:
    lives.start()
    journal.add("step 1", NOW)
    for text in ("Traceback (most recent call last):", '  File "a.py", line 1, in <module>'):
        journal.add(text, NOW)
    lives.until(LINES, 3)
    lives.save()
    lives.start()
    journal.add("RuntimeError: CUDA error: device-side assert triggered", NOW)
    lives.until(LINES, 4)
    assert journal.calls[-1][-1] == "--after-cursor=c-1"


def test_entries_removed_before_they_were_read_are_counted(journal: Journal, lives: Lives) -> None:
    lives.start()
    for number in range(5):
        journal.add(f"step {number}", NOW + number / 1000)
    lives.until(LINES, 5)
    lives.save()
    lives.end()
    for number in range(5, 15):
        journal.add(f"step {number}", NOW + number)
    journal.keep(3)
    lives.start()
    seen = lives.until(LINES, 8)
    assert seen[ERRORS % "overwritten"] == 1
    lives.save()
    lives.start()
    journal.add("step 15", NOW + 15)
    assert lives.until(LINES, 9)[ERRORS % "overwritten"] == 1


def test_a_cursor_that_is_refused_goes_on_from_its_time(journal: Journal, lives: Lives) -> None:
    lives.start()
    for number in range(5):
        journal.add(f"step {number}", NOW + number)
    lives.until(LINES, 5)
    lives.save()
    journal.add("step 5", NOW + 20)
    lives.end()
    journal.broken.write_text("Failed to seek to cursor: Invalid argument")
    lives.start()
    lives.until(ERRORS % "read", 1)
    assert lives.followed is not None
    says = lives.followed.engine.status()[0].says
    assert says == "journalctl ended with code 1: Failed to seek to cursor: Invalid argument"
    journal.broken.unlink()
    lives.clock.now += 11
    assert lives.until(LINES, 6)[ERRORS % "overwritten"] == 1
    assert journal.calls[-1][-1].startswith("--since=@17000000")
    assert lives.followed.engine.status()[0].says == ""


def test_a_missing_program_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    lives = Lives(tmp_path)
    lives.start()
    assert lives.followed is not None
    for _ in range(3):
        seen = lives.followed.turn(6)
    assert seen[ERRORS % "unavailable"] == 1
    assert seen["stoker_log_files{source=s}"] == 0
    assert lives.followed.engine.status()[0].says.startswith("journalctl is not on PATH: ")


def test_each_entry_counts_once_though_the_exporter_is_killed(tmp_path: Path, journal: Journal) -> None:
    setting = "sources: [{name: s, from: beginning, journal: {}}]\n"
    dice = random.Random(5)
    program = Program(tmp_path, setting)
    try:
        for _ in range(4):
            for _ in range(dice.randint(100, 400)):
                journal.add("{'loss': 0.25, 'epoch': 0.5}", NOW)
                time.sleep(0.002)
            # past a save, and some lines after it
            program.until('stoker_log_lines_total{source="s"}', str(journal.number))
            for _ in range(50):
                journal.add("{'loss': 0.25, 'epoch': 0.5}", NOW)
                time.sleep(dice.random() / 50)
            program.process.send_signal(signal.SIGKILL)
            program.end()
            program = Program(tmp_path, setting)
        program.until('stoker_log_lines_total{source="s"}', str(journal.number))
        assert program.value('stoker_train_reports_total{source="s",run="n1-train"}') == str(journal.number)
        assert program.value('stoker_log_errors_total{source="s",reason="overwritten"}') in ("", "0")
    finally:
        program.end()
