from __future__ import annotations

import random

import pytest

from stoker.detect.trend import Trend


def fed(*windows: float) -> Trend:
    """A trend that has seen ten reports of each value, a minute apart."""
    trend = Trend(0.3)
    for number, value in enumerate(windows):
        for minute in range(10):
            trend.report(value, (number * 10 + minute) * 60.0)
    return trend


def test_it_is_absent_before_four_windows_can_be_compared() -> None:
    assert fed(2, 2, 2, 2).ratio() is None
    assert fed(2, 2, 2, 2, 2).ratio() == 0


def test_a_loss_that_keeps_rising_over_its_best_diverges() -> None:
    assert fed(5, 2, 2.2, 2.4, 2.6).ratio() == pytest.approx(0.6 / (0.3 * 2))
    assert fed(5, 2, 2.3, 2.6, 2.9, 3.2).ratio() == pytest.approx(2.0)


def test_a_loss_that_rose_once_and_stays_does_not_diverge() -> None:
    assert fed(5, 2, 4, 4, 4, 4).ratio() == 0


def test_three_rises_of_four_are_enough_and_two_are_not() -> None:
    assert fed(2, 3, 4, 3.5, 5).ratio() == pytest.approx(3 / 0.6)
    assert fed(2, 3, 2.9, 2.8, 5).ratio() == 0


def test_below_zero_the_unit_is_a_share_of_the_spread() -> None:
    # best -4, worst -1: 30 % of 3
    assert fed(-1, -4, -3.7, -3.4, -3.1).ratio() == pytest.approx(0.9 / 0.9)


def test_a_window_of_quick_reports_is_thirty_of_them() -> None:
    trend = Trend(0.3)
    for number in range(150):
        assert trend.ratio() is None
        trend.report(1.0 + number // 30, float(number))
    assert trend.ratio() == pytest.approx(4 / 0.3)


def test_a_slow_rise_in_a_noisy_loss_is_seen_for_most_of_the_time() -> None:
    trend, dice, above = Trend(0.3), random.Random(1), 0
    for number in range(2000):
        trend.report((2 + 0.002 * number) * dice.gauss(1, 0.05), number * 10.0)
        above += number >= 1000 and (trend.ratio() or 0) > 1
    assert above > 600


def test_a_noisy_loss_that_does_not_rise_stays_quiet() -> None:
    trend, dice = Trend(0.3), random.Random(2)
    for number in range(5000):
        trend.report(2 * dice.gauss(1, 0.2), number * 10.0)
        assert (trend.ratio() or 0) < 1


def test_the_best_of_before_a_restart_does_not_count() -> None:
    trend = fed(2, 2, 2, 2, 2)
    trend.restart()
    assert trend.ratio() is None
    for number, value in enumerate((5, 4, 4, 4, 4)):
        for minute in range(10):
            trend.report(value, (number * 10 + minute) * 60.0)
    assert trend.ratio() == 0


def test_it_survives_a_restart_of_stoker() -> None:
    trend, other = fed(5, 2, 2.3, 2.6, 2.9), Trend(0.3)
    other.restore(trend.state())
    assert other.ratio() == trend.ratio()
    for each in (trend, other):
        for minute in range(10):
            each.report(3.2, 3000 + minute * 60.0)
    assert other.ratio() == trend.ratio()
