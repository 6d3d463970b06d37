from __future__ import annotations

from stoker.detect.improvement import Improvement


def since(losses: list[float], step: float) -> float:
    """Steps since the improvement, which has to be known."""
    steps = fed(losses).steps(step)
    assert steps is not None
    return steps


def fed(losses: list[float], every: int = 10) -> Improvement:
    improvement = Improvement(0.001)
    for number, loss in enumerate(losses):
        improvement.report(loss, float(number * every))
    return improvement


def test_it_is_absent_before_ten_reports() -> None:
    assert fed([2.0] * 9).steps(80.0) is None
    assert fed([2.0] * 10).steps(90.0) == 90


def test_a_loss_that_falls_starts_it_again() -> None:
    falling = [3.0 - 0.01 * number for number in range(50)]
    assert fed(falling).steps(490.0) == 0
    assert since(falling + [falling[-1]] * 100, 1490.0) > 900


def test_a_fall_smaller_than_the_bound_is_no_improvement() -> None:
    losses = [2.0] * 20
    assert fed([*losses, *[1.999] * 20]).steps(390.0) == 390, "0.05 % is too little"
    assert since([*losses, *[1.99] * 20], 390.0) < 200, "0.5 % is enough"


def test_many_small_falls_add_up() -> None:
    slow = [2.0 * 0.9999**number for number in range(400)]
    assert since(slow, 3990.0) < 400


def test_one_lucky_report_is_no_improvement() -> None:
    losses = [2.0] * 30
    losses[20] = 0.1
    assert fed(losses).steps(290.0) == 290


def test_a_negative_loss_improves_downwards() -> None:
    assert since([-1.0] * 20 + [-2.0] * 10, 290.0) < 100


def test_a_step_that_went_back_starts_it_again() -> None:
    improvement = fed([2.0] * 50)
    improvement.restart()
    assert improvement.steps(10.0) is None
    for step in range(100, 200, 10):
        improvement.report(5.0, float(step))
    assert improvement.steps(190.0) == 90


def test_it_survives_a_restart_of_stoker() -> None:
    improvement, other = fed([3.0 - 0.01 * n for n in range(30)]), Improvement(0.001)
    other.restore(improvement.state())
    for each in (improvement, other):
        each.report(2.72, 300.0)
    assert other.steps(500.0) == improvement.steps(500.0)
