"""Runs under `stoker run`, as the engine sees them: whose their lines are, and what their records say."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from followed import DESCS, Followed
from machines import Clock
from stoker.config.settings import SourceSettings
from stoker.logs.finder_runs import RunsFinder
from stoker.sources.processes import boot_id, namespace, process
from stoker.sources.run_folder import Following, folders, followed, prune
from stoker.sources.run_record import RunRecord, write_record

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

START = 1_700_000_000.0
GONE = 2**22 + 1  # above the largest number that a process may have
SOURCE = SourceSettings(name="runs", runs=True)


def record(**keys: Any) -> RunRecord:  # noqa: ANN401 - those of a record
    """A run of this very process."""
    here = process(os.getpid())
    assert here is not None
    given: dict[str, Any] = {
        "run": "a",
        "rank": "",
        "service": "a",
        "program": "python",
        "host": "h",
        "boot": boot_id(),
        "namespace": namespace(),
        "pid": os.getpid(),
        "pid_start": here.start,
        "started": START - 100,
    }
    return RunRecord(**{**given, **keys})


class Runs:
    """A folder of runs and an engine that follows it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "runs"
        self.state = folder / "state"
        self.folder.mkdir()
        self.clock = Clock(START)
        self.followed = self.engine()

    def engine(self) -> Followed:
        """A new life of the exporter."""

        def find(settings: SourceSettings, errors: Counter[str]) -> RunsFinder:
            return RunsFinder(settings, [self.folder], DESCS, errors, clock=self.clock, host="h", label_length=20)

        return Followed(SOURCE, state=self.state, clock=self.clock, find=find)

    def write(self, base: str, known: RunRecord, text: str | None = None) -> None:
        """A record, and what is added to its log."""
        path = self.folder / f"{base}.json"
        write_record(path, known)
        os.utime(path, (self.clock.now, self.clock.now))
        if text is not None:
            with (self.folder / f"{base}.log").open("a") as log:
                log.write(text)
            os.utime(self.folder / f"{base}.log", (self.clock.now, self.clock.now))

    def turn(self, seconds: float = 11.0) -> dict[str, float]:
        """See Followed.turn; long enough for a full look."""
        return self.followed.turn(seconds)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def finished(seen: dict[str, float], run: str = "a") -> list[str]:
    """The statuses that hold."""
    prefix = f"stoker_train_finished{{source=runs,run={run},status="
    return [series.removeprefix(prefix)[:-1] for series, value in seen.items() if series.startswith(prefix) and value]


def test_a_running_run_is_read_from_its_beginning_and_its_lines_are_its_own(runs: Runs) -> None:
    runs.write("a-1", record(rank="3", labels={"team": "vision", "long": "x" * 30}), "step 7 loss 2.5\n")
    seen = runs.turn()
    assert seen["stoker_train_step{source=runs,run=a,rank=3}"] == 7
    assert seen["stoker_train_start_timestamp_seconds{source=runs,run=a,rank=3}"] == START - 100
    assert seen["stoker_train_duration_seconds{source=runs,run=a,rank=3}"] == 111
    assert seen["stoker_train_end_unknown{source=runs,run=a,rank=3}"] == 0
    assert seen["stoker_train_label_info{source=runs,run=a,rank=3,name=team,value=vision}"] == 1
    assert seen[f"stoker_train_label_info{{source=runs,run=a,rank=3,name=long,value={'x' * 20}}}"] == 1
    assert not [series for series in seen if series.startswith("stoker_train_exit_code")]


@pytest.mark.parametrize(
    ("code", "status"), [(0, "completed"), (1, "failed"), (137, "failed"), (130, "cancelled"), (143, "cancelled")]
)
def test_an_end_is_told_by_its_exit_code(code: int, status: str, runs: Runs) -> None:
    runs.write("a-1", record(), "step 7\n")
    assert finished(runs.turn()) == []
    runs.write("a-1", record(ended=START - 10, exit_code=code, lost_bytes=5), "step 8\n")
    seen = runs.turn()
    assert finished(seen) == [status]
    assert seen["stoker_train_step{source=runs,run=a}"] == 8
    assert seen["stoker_train_exit_code{source=runs,run=a}"] == code
    assert seen["stoker_train_duration_seconds{source=runs,run=a}"] == 90
    assert seen["stoker_train_output_lost_bytes{source=runs,run=a}"] == 5


def test_a_run_whose_process_is_gone_has_ended_in_an_unknown_way(runs: Runs) -> None:
    runs.write("a-1", record(pid=GONE), "step 7\n")
    seen = runs.turn()
    assert seen["stoker_train_end_unknown{source=runs,run=a}"] == 1
    assert seen["stoker_train_duration_seconds{source=runs,run=a}"] == 100
    assert not [series for series in seen if series.startswith("stoker_train_exit_code")]
    assert finished(seen) == ["failed"]


@pytest.mark.parametrize(
    "other", [{"pid_start": 1}, {"boot": "another"}], ids=["another process has its number", "the machine was booted"]
)
def test_a_number_of_a_process_that_means_another_one_is_no_sign_of_life(other: dict[str, Any], runs: Runs) -> None:
    runs.write("a-1", record(**other), "step 7\n")
    assert runs.turn()["stoker_train_end_unknown{source=runs,run=a}"] == 1


def test_a_run_in_another_container_lives_while_its_record_is_touched(runs: Runs) -> None:
    runs.write("a-1", record(pid=GONE, namespace="another"))
    assert runs.turn()["stoker_train_end_unknown{source=runs,run=a}"] == 0
    assert runs.turn(130)["stoker_train_end_unknown{source=runs,run=a}"] == 1


def test_a_run_that_said_it_was_complete_did_complete_though_nobody_saw_its_end(runs: Runs) -> None:
    runs.write("a-1", record(pid=GONE), "step 100/100\n")
    assert finished(runs.turn()) == ["completed"]


def test_a_run_of_another_machine_is_not_ours(runs: Runs) -> None:
    runs.write("a-1", record(host="other", boot="other"), "step 7\n")
    assert not [series for series in runs.turn() if "run=a" in series]


def test_a_run_that_starts_again_under_its_name_has_not_ended(runs: Runs) -> None:
    runs.write("a-1", record(ended=START - 50, exit_code=1), "step 7\n")
    assert finished(runs.turn()) == ["failed"]
    runs.write("a-2", record(started=START), "step 8\n")
    seen = runs.turn()
    assert finished(seen) == []
    assert seen["stoker_train_start_timestamp_seconds{source=runs,run=a}"] == START
    assert not [series for series in seen if series.startswith("stoker_train_exit_code")]


def test_an_end_that_came_while_no_exporter_ran_is_told_and_told_once(runs: Runs) -> None:
    runs.write("a-1", record(), "step 7\n")
    runs.turn()
    runs.followed.engine.stop()
    runs.write("a-1", record(ended=START, exit_code=1), "step 8\n")
    runs.followed = runs.engine()
    seen = runs.turn()
    assert finished(seen) == ["failed"]
    assert seen["stoker_train_step{source=runs,run=a}"] == 8
    assert seen["stoker_train_reports_total{source=runs,run=a}"] == 2
    runs.followed.engine.stop()
    runs.followed = runs.engine()
    again = runs.turn()
    assert finished(again) == ["failed"]
    assert again["stoker_train_exit_code{source=runs,run=a}"] == 1
    assert again["stoker_train_reports_total{source=runs,run=a}"] == 2


def test_what_a_record_says_ends_with_the_runs_series(runs: Runs) -> None:
    runs.write("a-1", record(ended=START, exit_code=0), "step 7\n")
    assert "stoker_train_exit_code{source=runs,run=a}" in runs.turn()
    assert "stoker_train_exit_code{source=runs,run=a}" not in runs.turn(SOURCE.series_end_completed)
    runs.turn(SOURCE.series_end)
    assert not [series for series in runs.turn() if "run=a" in series]


def test_a_log_is_one_across_its_rotations(runs: Runs) -> None:
    runs.write("a-1", record(), "step 1\n")
    runs.turn()
    log = runs.folder / "a-1.log"
    log.replace(runs.folder / "a-1.log.2")
    (runs.folder / "a-1.log.1").write_text("step 2\nstep 3\n")
    log.write_text("step 4\n")
    seen = runs.turn()
    assert seen["stoker_train_step{source=runs,run=a}"] == 4
    assert seen["stoker_train_steps_since_start{source=runs,run=a}"] == 3
    assert seen["stoker_train_reports_total{source=runs,run=a}"] == 4


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"run": "a"}', b"\xff" * 100, b"[" * 50_000])
def test_a_broken_record_is_counted_once_and_costs_the_others_nothing(text: bytes, runs: Runs) -> None:
    (runs.folder / "b.json").write_bytes(text)
    runs.write("a-1", record(), "step 7\n")
    runs.turn()
    seen = runs.turn()
    assert seen["stoker_log_errors_total{source=runs,reason=record}"] == 1
    assert seen["stoker_train_step{source=runs,run=a}"] == 7


def test_a_log_that_is_a_link_is_not_followed(runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("step 7\n")
    (runs.folder / "a-1.log").symlink_to(tmp_path / "secret")
    runs.write("a-1", record())
    seen = runs.turn()
    assert "stoker_train_step{source=runs,run=a}" not in seen
    assert seen["stoker_log_files{source=runs}"] == 0


def test_whoever_follows_a_folder_gives_a_sign_that_ends_with_it(runs: Runs) -> None:
    assert not followed(runs.folder)
    runs.turn()
    assert followed(runs.folder)
    other = Following(runs.folder)
    other.hold()
    runs.followed.engine.stop()
    assert followed(runs.folder)
    other.close()
    assert not followed(runs.folder)


def test_old_and_many_ended_runs_are_removed_with_their_logs(runs: Runs) -> None:
    ended = record(ended=START, exit_code=0)
    day = 86400.0
    for base, age, known in [("old", 15 * day, ended), ("fresh", 13 * day, ended), ("lives", 15 * day, record())]:
        runs.clock.now = START - age
        runs.write(base, known, "x\n")
    for number in range(200):
        runs.clock.now = START - number
        runs.write(f"many-{number}", replace(ended, run="b"))
    prune(runs.folder, START)
    left = {path.name for path in runs.folder.iterdir() if not path.name.startswith("many")}
    assert left == {"lives.json", "lives.log"}
    assert len(list(runs.folder.glob("many-*"))) == 200


def test_the_shared_folder_comes_first_then_the_environments(tmp_path: Path) -> None:
    found = folders(tmp_path / "state", {"STOKER_RUN_DIR": "/named"})
    assert [str(each) for each in found] == ["/var/lib/stoker/runs", "/named", f"{tmp_path}/state/runs"]
