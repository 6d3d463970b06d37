from __future__ import annotations

import pytest

from stoker.detect.band import Band


def fed(count: int, *, factor: float = 6.0, value: float = 2.0) -> Band:
    """A band that has seen `count` equal reports, ten seconds apart, the last at time `10 * count`."""
    band = Band(factor)
    for number in range(1, count + 1):
        band.report(value, 10.0 * number, 10.0 * number)
    return band


def test_it_is_absent_while_there_are_fewer_than_thirty_reports_before() -> None:
    band = fed(29)
    band.report(50.0, 300.0, 300.0)
    assert band.ratio(300.0) is None
    band = fed(30)
    band.report(50.0, 310.0, 310.0)
    assert band.ratio(310.0) == pytest.approx(48 / 0.4)


def test_the_bound_is_at_least_a_fifth_of_the_median() -> None:
    band = fed(30)
    band.report(2.4, 310.0, 310.0)
    assert band.ratio(310.0) == pytest.approx(1.0)


def test_the_bound_is_six_deviations_where_that_is_more() -> None:
    band = Band(6.0)
    for number in range(1, 32):
        band.report(2.0 + (number % 3 - 1) * 0.5, 10.0 * number, 10.0 * number)
    # median 2, median distance 0.5: 6 x 1.48 x 0.5 = 4.44
    band.report(2.0 + 4.44, 320.0, 320.0)
    assert band.ratio(320.0) == pytest.approx(1.0)


def test_a_spike_between_two_scrapes_is_still_seen_a_minute_later() -> None:
    band = fed(40)
    band.report(10.0, 410.0, 410.0)
    for number in range(1, 6):
        band.report(2.0, 410.0 + number, 410.0 + number)
    assert band.ratio(470.0) == pytest.approx(8 / 0.4)
    assert band.ratio(471.0) == pytest.approx(0.0)


def test_the_highest_of_two_spikes_is_held_and_then_the_second() -> None:
    band = fed(40)
    band.report(10.0, 410.0, 410.0)
    band.report(4.0, 440.0, 440.0)
    assert band.ratio(441.0) == pytest.approx(20.0)
    assert band.ratio(475.0) == pytest.approx(5.0)


def test_of_many_reports_read_at_once_only_the_highest_is_kept() -> None:
    band = fed(30)
    for when, value in enumerate((9.0, 5.0, 4.0, 3.0), 40):
        band.report(value, float(when), now=100.0)
    band.report(2.5, 44.0, now=101.0)
    assert [when for when, _ in band.state()["peaks"]] == [100.0, 101.0]
    assert band.ratio(101.0) == pytest.approx((9.0 - 2.0) / 0.4)


def test_the_last_report_stays_when_no_more_come() -> None:
    band = fed(40)
    band.report(3.0, 410.0, 410.0)
    assert band.ratio(10_000.0) == pytest.approx(2.5)


def test_reports_older_than_an_hour_do_not_count() -> None:
    band = fed(40)
    band.report(50.0, 8000.0, 8000.0)
    assert band.ratio(8000.0) is None


def test_a_rise_from_nothing_is_a_spike() -> None:
    band = fed(40, value=0.0)
    assert band.ratio(400.0) == 0.0
    band.report(0.5, 410.0, 410.0)
    ratio = band.ratio(410.0)
    assert ratio is not None
    assert ratio > 1


def test_a_negative_loss_has_a_band_too() -> None:
    band = fed(40, value=-2.0)
    band.report(-1.5, 410.0, 410.0)
    assert band.ratio(410.0) == pytest.approx(0.5 / 0.4)


def test_it_survives_a_restart() -> None:
    band, other = fed(40), Band(6.0)
    band.report(10.0, 410.0, 410.0)
    other.restore(band.state())
    assert other.ratio(420.0) == band.ratio(420.0)
    other.report(2.4, 480.0, 480.0)
    assert other.ratio(480.0) == pytest.approx(1.0)
