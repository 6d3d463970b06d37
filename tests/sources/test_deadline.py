"""Calls that may never return."""

from __future__ import annotations

import threading

import pytest

from stoker.sources.deadline import Worker


def test_a_call_returns_its_value_and_one_thread_serves_all() -> None:
    worker = Worker("test")
    calls = [worker.give(threading.get_ident) for _ in range(3)]
    assert all(call.done.wait(10) for call in calls)
    assert {call.result() for call in calls} == {worker.thread.ident}
    worker.retire()
    worker.thread.join(10)
    assert not worker.thread.is_alive()


def test_what_a_call_raises_is_raised_where_the_result_is_asked_for() -> None:
    worker = Worker("test")

    def fail() -> None:
        raise OSError(5, "Input/output error")

    call = worker.give(fail)
    assert call.done.wait(10)
    with pytest.raises(OSError, match="Input/output error"):
        call.result()
    after = worker.give(lambda: 1)
    assert after.done.wait(10)
    assert after.result() == 1
    worker.retire()


def test_a_retired_worker_ends_when_its_call_returns() -> None:
    worker = Worker("test")
    release = threading.Event()
    call = worker.give(lambda: release.wait(10))
    worker.retire()
    assert worker.thread.is_alive()
    release.set()
    worker.thread.join(10)
    assert not worker.thread.is_alive()
    assert call.result()


def test_the_callback_runs_before_the_call_counts_as_done() -> None:
    worker = Worker("test")
    seen: list[bool] = []
    call = worker.give(lambda: 1, lambda given: seen.append(given.done.is_set()))
    assert call.done.wait(10)
    assert seen == [False]
    worker.retire()
