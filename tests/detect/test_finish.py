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
    finish.end("failed", 200)
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


def test_when_it_ended_is_the_time_of_the_event_not_of_the_reading() -> None:
    finish = Finish()
    finish.end("failed", 1000, 40)
    assert (finish.at, finish.when) == (1000, 40)
    finish.step(1, 1001, 41)
    assert (finish.at, finish.when) == (None, None)


def test_a_run_that_reaches_its_plan_ended_with_that_step() -> None:
    finish = Finish()
    finish.planned(2, 1002, 42)
    finish.step(2, 1003, 43)
    assert (finish.status, finish.when) == ("completed", 43)


def test_a_state_without_the_time_of_the_event_takes_that_of_the_reading() -> None:
    finish = Finish()
    finish.restore({"status": "failed", "at": 7, "planned": None, "step": 3})
    assert finish.when == 7


def test_what_was_cancelled_dies_of_it_and_has_not_failed() -> None:
    finish = Finish()
    finish.end("cancelled", 100)
    finish.end("failed", 140)
    assert (finish.status, finish.at) == ("cancelled", 100)
    finish.end("failed", 221)
    assert (finish.status, finish.at) == ("failed", 221)
