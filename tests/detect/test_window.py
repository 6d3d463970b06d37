from __future__ import annotations

import statistics

from hypothesis import given
from hypothesis import strategies as st

from stoker.detect.window import MOST, Window

NUMBERS = st.floats(min_value=-1e6, max_value=1e6, allow_nan=False)


@given(st.lists(NUMBERS, min_size=1, max_size=200))
def test_median_and_deviation_are_those_of_the_values(values: list[float]) -> None:
    window = Window(1e9)
    for number, value in enumerate(values):
        window.add(value, float(number))
    middle = statistics.median(values)
    assert window.median() == middle
    assert window.deviation() == statistics.median(abs(value - middle) for value in values)


@given(st.lists(st.tuples(NUMBERS, st.floats(0, 50)), min_size=1, max_size=200))
def test_only_the_values_of_the_span_count(reports: list[tuple[float, float]]) -> None:
    window, now, kept = Window(60.0), 0.0, []
    for value, pause in reports:
        now += pause
        window.add(value, now)
        kept.append((now, value))
    assert window.median() == statistics.median(value for when, value in kept if when >= now - 60)


def test_more_values_than_fit_are_thinned_over_the_whole_span() -> None:
    window = Window(3600.0)
    for second in range(3600):
        window.add(float(second), float(second))
    assert len(window) <= MOST
    assert abs(window.median() - 1800) < 20


def test_a_thinned_window_is_full_again_when_reports_become_rare() -> None:
    window = Window(100.0)
    for tick in range(10_000):
        window.add(1.0, tick / 100)
    for second in range(100, 1100):
        window.add(2.0, float(second))
    assert len(window) == 101


@given(st.lists(NUMBERS, max_size=30))
def test_a_restored_window_is_the_same(values: list[float]) -> None:
    window, other = Window(20.0), Window(20.0)
    for number, value in enumerate(values):
        window.add(value, float(number))
    other.restore(window.state())
    for each in (window, other):
        each.add(5.0, 31.0)
    assert other.state() == window.state()
    assert other.deviation() == window.deviation()


def test_a_time_that_goes_back_is_taken_for_the_newest() -> None:
    window = Window(10.0)
    window.add(1.0, 100.0)
    window.add(2.0, 50.0)
    assert len(window) == 2
