from __future__ import annotations

from stoker.detect.reports import Reports


def fed(*reports: tuple[float, float]) -> Reports:
    """Reports of (step, time)."""
    made = Reports()
    for step, when in reports:
        made.report(step, when)
    return made


def test_the_interval_is_absent_before_the_third_report() -> None:
    assert fed((1, 10), (2, 20)).interval() is None
    assert fed((1, 10), (2, 20), (3, 32)).interval() == 11


def test_the_interval_is_the_median_of_the_last_twenty_reports() -> None:
    reports = fed(*((step, step * 100.0) for step in range(10)))
    for step in range(10, 30):
        reports.report(step, 900 + (step - 9) * 7.0)
    assert reports.interval() == 7


def test_steps_are_counted_from_the_first_report() -> None:
    assert fed((500, 1)).since_start() == 0
    assert fed((500, 1), (510, 2)).since_start() == 10
    assert Reports().since_start() is None


def test_a_step_that_went_back_is_a_start() -> None:
    reports = fed((10, 10), (20, 20), (30, 30))
    assert reports.report(20, 40)
    assert reports.since_start() == 0
    assert not reports.report(30, 50)
    assert reports.since_start() == 10
    assert reports.total == 5


def test_the_first_report_is_a_start() -> None:
    assert Reports().report(7, 1.0)


def test_several_ranks_that_report_one_step_are_one_report() -> None:
    reports = fed((1, 10), (1, 10), (1, 11), (2, 20), (2, 20), (3, 30), (3, 30))
    assert reports.total == 3
    assert reports.interval() == 10


def test_a_rank_that_comes_late_is_no_start() -> None:
    reports = fed((1, 10), (2, 20), (3, 30))
    assert not reports.report(2, 30.5)
    assert not reports.report(3, 30.6)
    reports.report(4, 40)
    assert reports.since_start() == 3
    assert reports.total == 4


def test_the_longest_gap_is_one_that_progress_followed() -> None:
    reports = fed((1, 0), (2, 100), (3, 150))
    assert reports.longest(150) == 100
    reports.report(1, 5000)
    assert reports.longest(5000) == 100, "the run started again"
    reports.report(2, 5010)
    reports.report(3, 5400)
    assert reports.longest(5400) == 390


def test_the_longest_gap_is_forgotten_after_a_day() -> None:
    reports = fed((1, 0), (2, 1000), (3, 1010))
    assert reports.longest(1000 + 86_000) == 1000
    assert reports.longest(1000 + 90_001) is None


def test_a_clock_that_goes_back_gives_no_negative_interval() -> None:
    assert fed((1, 100), (2, 50), (3, 60)).interval() == 5


def test_it_survives_a_restart() -> None:
    reports, other = fed((1, 10), (2, 20), (3, 30)), Reports()
    other.restore(reports.state())
    assert not other.report(4, 40)
    assert (other.total, other.since_start(), other.interval(), other.longest(40)) == (4, 3, 10, 10)
