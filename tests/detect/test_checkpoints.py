from __future__ import annotations

from stoker.detect.checkpoints import Checkpoints


def fed(*saves: tuple[float, float | None]) -> Checkpoints:
    """Checkpoints at (time, step)."""
    checkpoints = Checkpoints()
    for when, step in saves:
        checkpoints.saved(when, step)
    return checkpoints


def test_the_interval_is_absent_before_the_second() -> None:
    assert fed((100, 1)).interval() is None
    assert fed((100, 1), (400, 2)).interval() == 300


def test_it_is_the_median_of_the_last_five() -> None:
    times = [0, 1000, 1010, 1030, 1060, 1100, 1150]
    assert fed(*((when, float(when)) for when in times)).interval() == 30


def test_files_saved_at_one_step_are_one_checkpoint() -> None:
    assert fed((100, 1), (101, 1), (102, 1), (400, 2), (401, 2)).interval() == 300


def test_checkpoints_of_a_log_without_steps_are_told_apart_by_time_only() -> None:
    assert fed((100, None), (200, None)).interval() == 100


def test_it_survives_a_restart() -> None:
    other = Checkpoints()
    other.restore(fed((100, 1), (400, 2)).state())
    other.saved(800, 3)
    assert other.interval() == 350
