"""The benchmarks run, name their peer and print a ratio; what is no time is held too."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("exposition", ["--series", "1000", "--count", "2"], "prometheus_client"),
        ("learn", ["--lines", "5000"], "100.0% of the lines grouped rightly"),
        ("scrape", ["--count", "2", "--interval", "0.2"], "ratio stoker / node_exporter: CPU"),
    ],
)
def test_a_benchmark_prints_the_ratio_to_its_peer(name: str, arguments: list[str], says: str) -> None:
    done = bench(name, *arguments)
    assert says in done.stdout, done.stderr
    assert "ratio" in done.stdout or "nothing to compare with" in done.stdout
    print(done.stdout)


def test_following_ten_logs_takes_less_memory_than_promised() -> None:
    done = bench("memory", "--seconds", "2")
    print(done.stdout)
    assert "lines read: stoker 10000, mtail 10000" in done.stdout, done.stderr
    assert "ratio stoker / mtail" in done.stdout
    assert done.returncode == 0


def test_stoker_and_mtail_count_the_same() -> None:
    done = bench("logs", "--lines", "20000")
    print(done.stdout)
    assert done.stdout.count("ratio stoker / mtail") == 2, done.stderr
    assert done.returncode == 0, done.stderr


def test_a_short_soak_in_which_gpus_come_and_go_grows_nothing() -> None:
    done = bench("soak", "--rounds", "150")
    print(done.stdout)
    assert "looks and scrapes" in done.stdout, done.stderr
    assert done.returncode == 0, done.stderr


def test_what_gpus_cost_is_printed_and_scrapes_are_answered_while_every_call_hangs() -> None:
    done = bench("gpus", "--count", "3", "--interval", "0.3", "--hang", "2")
    print(done.stdout)
    assert "CPU ms/interval" in done.stdout, done.stderr
    assert done.stdout.count("all calls hang") == 2
    assert "MB" not in done.stderr  # memory is no time: it is held
