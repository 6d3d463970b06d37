"""`stoker learn` as a user types it: what it writes is checked, and reads from the same log the numbers that it promised."""

from __future__ import annotations

import gzip
import json
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from learned import DRAW, LOGS, WORKER, lines_of
from running import OnTerminal
from stoker.cli.main import main
from stoker.config import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWN = {"source", "run", "rank"}


def learn(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "stoker", "learn", *arguments], input=data, capture_output=True, timeout=100, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def written(folder: Path, lines: list[str], name: str = "job.log") -> Path:
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def read(config: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    """The last value of gauges and running totals, the sum of counters and how often histograms observed, by metric and labels."""
    capsys.readouterr()
    assert main(["parse", "--config", str(config), "--format", "jsonl", str(log)]) == 0
    found: dict[str, float] = {}
    for row in map(json.loads, capsys.readouterr().out.splitlines()):
        labels = ",".join(
            f'{name}="{row["labels"][name]}"'
            for name in ("name", "metric", "method", "route", "code", "event", "index", "state", "status")
            if name in row["labels"]
        )
        key = row["metric"] + (f"{{{labels}}}" if labels else "")
        if row["op"] in ("set", "total"):
            found[key] = row["value"]
        else:
            found[key] = found.get(key, 0.0) + (row["value"] if row["op"] == "inc" else 1.0)
    return found


@pytest.mark.parametrize("style", LOGS)
def test_what_is_learned_passes_the_check_and_reads_what_it_promised(
    style: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, expected = LOGS[style]
    log, config = written(tmp_path, lines), tmp_path / "stoker.yaml"
    assert main(["learn", str(log), "--out", str(config), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert main(["check", "--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("no problems: ")
    found = read(config, log, capsys)
    assert {name: found.get(name) for name in expected} == pytest.approx(expected)
    promised = {number["metric"] for row in told["templates"] for number in row.get("numbers", ()) if number["metric"]}
    assert promised <= {name.partition("{")[0] for name in found}


def test_the_table_tells_each_kind_with_its_numbers_and_what_was_left_out(tmp_path: Path) -> None:
    prose = ["It was late, and nobody in the house had slept for 2 days because of the rain."]
    failed = ["Traceback (most recent call last):", '  File "x.py", line 3, in <module>', "    x()", "ValueError: bad"]
    known = lines_of(5, lambda n: f"{{'loss': {n}.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.5}}")
    log = written(tmp_path, [*WORKER, *prose, *failed, *known])
    done = learn(str(log), "--out", str(tmp_path / "made.yaml"))
    assert (done.returncode, done.stderr) == (0, "")
    for says in (
        "       50  # INFO worker-# processed # records in #, queue depth #\n",
        "first 100  last 147  min 100  max 149\n",
        "read already by hf_trainer\n",
        "60 lines: 50 of 1 kind that the format reads\n",
        "left out: 5 lines that hf_trainer reads already\n",
        "left out: 3 lines of tracebacks and other blocks that formats know\n",
        "left out: 1 line of prose\n",
        f"written to {tmp_path / 'made.yaml'}: edit it, then stoker check --config {tmp_path / 'made.yaml'}\n",
    ):
        assert says in done.stdout


def test_what_is_written_follows_the_log_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    odd = written(tmp_path, WORKER, "a[1].log")
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(odd.read_bytes()))
    assert main(["learn", "a[1].log", "old.log.gz", "--name", "work", "--out", "s.yaml"]) == 0
    made = load_settings(tmp_path / "s.yaml").settings
    (source,) = made.sources
    assert made.state_dir == f"{tmp_path}/s-state", "what an exporter of the machine keeps is not touched"
    assert (source.name, [str(each) for each in source.files or ()]) == ("work", [f"{tmp_path}/a[[]1].log"])


def test_without_a_file_to_write_the_format_goes_to_standard_output_alone(tmp_path: Path) -> None:
    done = learn(str(written(tmp_path, WORKER)), "--name", "mine")
    assert done.returncode == 0
    assert done.stdout.startswith("# Learned from ")
    assert "state_dir" not in done.stdout, "nobody knows where it will stand"
    assert "mine_queue_depth" in done.stdout
    assert "50 lines: 50 of 1 kind" in done.stderr


def test_several_logs_packed_ones_and_standard_input_are_read(tmp_path: Path) -> None:
    text = "".join(f"{line}\n" for line in WORKER).encode()
    packed = tmp_path / "old.log.gz"
    packed.write_bytes(gzip.compress(text))
    plain = written(tmp_path, WORKER)
    both = json.loads(learn("--json", str(packed), str(plain)).stdout)
    assert (both["lines"], both["templates"][0]["lines"]) == (100, 100)
    piped = json.loads(learn("--json", "-", data=text).stdout)
    assert piped["templates"][0]["numbers"][0]["first"] == 100
    assert "learned" in piped["pack"]["formats"]


def test_ids_times_and_what_only_counts_are_no_measurements(tmp_path: Path) -> None:
    lines = lines_of(
        40, lambda n: f"request {n} pid={n * 7 % 5} ts={1795000000 + n * 3} port={8000 + n} spent={n * 3 % 7}"
    )
    told = json.loads(learn("--json", str(written(tmp_path, lines))).stdout)
    numbers = {each["name"]: each["why_not"] for each in told["templates"][0]["numbers"]}
    assert numbers == {"request": "an id", "pid": "an id", "ts": "a time", "port": "an id", "spent": None}


TIMES = (
    "2026-11-20T10:00:{:02}+02:00", "2026-11-20 10:00:{:02}.123 UTC", "17950000{:02}", "[17950000{:02}.123]", "20/Nov/2026:10:00:{:02} +0000",
    "Fri Nov 20 10:00:{:02} 2026", "Nov 20 10:00:{:02}", "11-20 10:00:{:02}.123", "20261120T1000{:02}Z", "Fri, 20 Nov 2026 10:00:{:02} GMT",
    "20261120 10:00:{:02}", "11/20/26 10:00:{:02} PM", "2026.11.20 10:00:{:02}", "2026年11月20日 10:00:{:02}", "20.11.2026 10:00:{:02}",
    "10:00:{:02} AM", "1120 10:00:{:02}.123456",
)  # fmt: skip


@pytest.mark.parametrize("time", TIMES)
def test_a_time_is_no_measurement_however_it_is_written(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = lines_of(40, lambda n: f"{time.format(n)} pool size={n * 3 % 17} wait={n * 7 % 13}.5ms")
    assert main(["learn", "--json", str(written(tmp_path, lines))]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["pack"]["metrics"]) == ["job_size", "job_wait_seconds"]
    assert told["templates"][0]["lines"] == 40


def test_a_line_of_which_a_guessing_format_reads_the_loss_alone_is_learned_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = written(tmp_path, lines_of(40, lambda n: f"it={n * 10} train_loss={2 / (n + 1):.4f} took={60 + n % 9}ms"))
    config = tmp_path / "stoker.yaml"
    done = learn(str(log), "--out", str(config))
    assert (done.returncode, done.stderr, config.exists()) == (0, "", False)
    assert "left out: 40 lines that plain_results reads already" in done.stdout
    assert main(["learn", "--guessed", str(log), "--out", str(config)]) == 0
    found = read(config, log, capsys)
    assert (found["stoker_train_step"], found["stoker_train_step_seconds"]) == (390, 0.063)


def test_a_format_is_never_written_over(tmp_path: Path) -> None:
    config = tmp_path / "stoker.yaml"
    config.write_text("# edited\n")
    done = learn(str(written(tmp_path, WORKER)), "--out", str(config))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"stoker: {config} exists already; name another file with --out, or remove it\n"
    assert config.read_text() == "# edited\n"


def test_the_most_frequent_kinds_are_written_and_the_others_counted(tmp_path: Path) -> None:
    words = ("alpha", "beta", "gamma", "delta")
    lines = [f"{word} level={n * 3 % 7}" for place, word in enumerate(words) for n in range(40 - place)]
    told = json.loads(learn("--json", "--most", "2", str(written(tmp_path, lines))).stdout)
    assert [row["template"] for row in told["templates"]] == ["alpha level=#", "beta level=#"]
    assert told["counts"]["more"] == 38 + 37


def _nothing(path: Path) -> None:
    del path


HOSTILE: dict[str, tuple[Callable[[Path], object], int, str]] = {
    "an empty file": (lambda path: path.write_bytes(b""), 1, "no line in it; there is nothing to learn from"),
    "one line": (
        lambda path: path.write_text("all is well at 5\n"),
        1,
        "nothing to learn: 1 line, and none of a kind with another; name a longer log",
    ),
    "bytes that are no text": (
        lambda path: path.write_bytes(random.Random(1).randbytes(300_000)),
        2,
        "no text in UTF-8; name a log that people can read",
    ),
    "a file that is not there": (_nothing, 2, "No such file or directory; name a log file, or - for standard input"),
    "a folder": (lambda path: path.mkdir(), 2, "Is a directory; name a log file, or - for standard input"),
    "a line of 100 MB": (
        lambda path: path.write_bytes(b"x=1 y=2 " * 12_500_000),
        1,
        "nothing to learn: 1 line, and none of a kind with another; name a longer log",
    ),
    "lines that have nothing in common": (
        lambda path: path.write_text(
            "".join(f"{' '.join(''.join(DRAW.choices('abcdefgh', k=6)) for _ in range(5))}\n" for _ in range(5000))
        ),
        1,
        "nothing to learn: 5,000 lines, and none of a kind with another; name a longer log",
    ),
    "packed data that is cut off": (
        lambda path: path.write_bytes(gzip.compress(b"x" * 100_000)[:60]),
        1,
        "the packed data is damaged or cut off: ",
    ),
}
MEASURED = """
import sys
from stoker.cli.main import main
code = main(sys.argv[1:])
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_no_log_is_one_line_in_bounded_memory(case: str, tmp_path: Path) -> None:
    make, code, says = HOSTILE[case]
    path = tmp_path / "x.log"
    make(path)
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, "learn", str(path)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith(f"stoker: {path}: {says}")
    assert done.stderr.count("\n") == 1
    assert int(done.stdout.splitlines()[-1]) < 250


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--most", "0"], "--most 0 is below 1"),
        (["--name", "Mine!"], "--name Mine! is no name; use lower-case words"),
        (["--name", "my_ms"], "--name my_ms is no name"),
        (["--name", "vllm"], "--name vllm: there is a log format of that name; choose another"),
        (["--out", "/nowhere/at/all.yaml"], "/nowhere/at/all.yaml: No such file or directory"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: list[str], says: str, tmp_path: Path) -> None:
    done = learn(str(written(tmp_path, WORKER)), *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"stoker: {says}")


def test_a_terminal_shows_how_far_it_is(tmp_path: Path) -> None:
    log = written(tmp_path, WORKER * 2000)
    env = {"PYTHONPATH": os.pathsep.join(sys.path)}
    terminal = OnTerminal([sys.executable, "-m", "stoker", "learn", str(log), "--out", str(tmp_path / "x.yaml")], env)
    try:
        terminal.until(b"% [")
        assert b" lines" in terminal.until(b"\r\x1b[K")
        assert terminal.end() == 0
    finally:
        terminal.close()
