from __future__ import annotations

from stoker.detect.finish import Finish


def test_reaching_the_planned_steps_completes_a_run() -> None:
    finish = Finish()
    finish.planned(100, 1)
    finish.step(99, 2)
    assert finish.status == ""
    finish.step(100, 3)
    assert (finish.status, finish.at) == ("completed", 3)


def test_the_plan_may_come_after_the_step() -> None:
    finish = Finish()
    finish.step(100, 1)
    finish.planned(100, 2)
    assert (finish.status, finish.at) == ("completed", 2)


def test_the_first_step_after_takes_it_back() -> None:
    finish = Finish()
    finish.planned(100, 1)
    finish.step(100, 1)
    finish.step(10, 2)
    assert finish.status == ""
    finish.end("failed", 3)
    finish.step(11, 4)
    assert finish.status == ""


def test_the_last_step_told_once_more_does_not_take_it_back() -> None:
    finish = Finish()
    finish.planned(100, 1)
    finish.step(100, 1)
    finish.step(100, 5)
    assert (finish.status, finish.at) == ("completed", 1)
    finish.end("failed", 6)
    finish.step(100, 7)
    assert finish.status == "failed"


def test_a_longer_plan_takes_completion_back() -> None:
    finish = Finish()
    finish.planned(100, 1)
    finish.step(100, 1)
    finish.planned(200, 2)
    assert finish.status == ""


def test_at_most_one_status_holds() -> None:
    finish = Finish()
    finish.end("cancelled", 1)
    finish.end("failed", 2)
    assert finish.status == "failed"
    finish.end("nonsense", 3)
    assert finish.status == "failed"


def test_a_run_without_a_plan_never_completes_by_itself() -> None:
    finish = Finish()
    finish.planned(0, 1)
    finish.step(1e9, 2)
    assert finish.status == ""


def test_it_survives_a_restart() -> None:
    finish, other = Finish(), Finish()
    finish.planned(100, 1)
    finish.step(99, 2)
    other.restore(finish.state())
    other.step(100, 3)
    assert other.status == "completed"
