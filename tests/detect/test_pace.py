from __future__ import annotations

import pytest

from stoker.detect.pace import Pace
from stoker.detect.throughput import Throughput

TOKENS, SAMPLES, STEPS = (f"stoker_train_{what}_per_second" for what in ("tokens", "samples", "steps"))


def test_it_is_absent_before_thirty_minutes() -> None:
    pace = Pace()
    for minute in range(30):
        pace.report(100.0, minute * 60.0)
    assert pace.ratio() is None
    pace.report(100.0, 1800.0)
    assert pace.ratio() == 1.0


def test_the_last_ten_minutes_are_compared_with_the_run_so_far() -> None:
    pace = Pace()
    for minute in range(120):
        pace.report(100.0 if minute < 109 else 60.0, minute * 60.0)
    assert pace.ratio() == pytest.approx(0.6)


def test_only_the_last_day_counts_as_usual() -> None:
    pace = Pace()
    for minute in range(0, 3000, 5):
        pace.report(100.0 if minute < 1000 else 50.0, minute * 60.0)
    assert pace.ratio() == pytest.approx(1.0)


def test_a_start_again_begins_anew() -> None:
    pace = Pace()
    for minute in range(60):
        pace.report(100.0, minute * 60.0)
    pace.restart()
    for minute in range(60, 80):
        pace.report(50.0, minute * 60.0)
    assert pace.ratio() is None


def test_it_survives_a_restart_of_stoker() -> None:
    pace, other = Pace(), Pace()
    for minute in range(60):
        pace.report(100.0 + minute, minute * 60.0)
    other.restore(pace.state())
    assert other.ratio() == pace.ratio()


def test_tokens_come_before_samples_before_steps() -> None:
    throughput = Throughput()
    for minute in range(60):
        throughput.report(STEPS, 1.0, minute * 60.0)
        throughput.report(SAMPLES, 10.0 if minute < 45 else 5.0, minute * 60.0)
    assert throughput.ratio() == pytest.approx(0.5)
    throughput.report(TOKENS, 1000.0, 3600.0)
    assert throughput.ratio() is None, "its own thirty minutes begin"
    for minute in range(60, 100):
        throughput.report(TOKENS, 1000.0, minute * 60.0)
        throughput.report(SAMPLES, 1.0, minute * 60.0)
    assert throughput.ratio() == 1.0
