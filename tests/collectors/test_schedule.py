"""The schedule: deadlines, failures, and what is served meanwhile."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import pytest

from machines import Clock
from stoker.collectors.collector import Reading
from stoker.collectors.schedule import PATIENCE, Schedule, State
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.collectors.collector import Collector
    from stoker.sources.deadline import Done

VALUE = Desc("stoker_test_value", Kind.GAUGE, "For the tests", ("collector",))


class Scripted:
    """A collector that does what the test tells it: a reading, or an exception."""

    descs = (VALUE,)

    def __init__(self, name: str, *script: float | Exception | Reading) -> None:
        self.name = name
        self.script = list(script)
        self.runs = 0

    def collect(self) -> Reading:
        self.runs += 1
        now = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(now, Exception):
            raise now
        return now if isinstance(now, Reading) else Reading([Sample(VALUE, (self.name,), now)])


class Hanging(Scripted):
    """Hangs in `collect` until it is released."""

    def __init__(self, name: str = "hanging") -> None:
        super().__init__(name, 7.0)
        self.began = threading.Event()
        self.entered = threading.Event()  # cleared by the one who waits
        self.release = threading.Event()
        self.threads: set[threading.Thread] = set()

    def collect(self) -> Reading:
        self.threads.add(threading.current_thread())
        self.entered.set()
        self.began.set()
        assert self.release.wait(60)
        return super().collect()


class Threaded(Scripted):
    """Tells which threads ran it."""

    def __init__(self, name: str) -> None:
        super().__init__(name, 1.0)
        self.threads: set[threading.Thread] = set()

    def collect(self) -> Reading:
        self.threads.add(threading.current_thread())
        return super().collect()


class Waits:
    """Waits for calls without time passing, but for those of hanging collectors, for which it passes at once."""

    def __init__(self, clock: Clock, hanging: list[Hanging]) -> None:
        self.clock = clock
        self.hanging = hanging

    def __call__(self, done: Done, seconds: float) -> bool:
        while not done.wait(0.001):
            for one in self.hanging:
                if one.release.is_set():
                    continue
                if one.entered.is_set() or seconds > PATIENCE:  # the longer wait is only for those that hang already
                    one.entered.clear()
                    self.clock.now += seconds
                    return False
        return True


class Schedules:
    """Makes schedules with a clock that only tests move, and ends all their threads after the test."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.made: list[Schedule] = []
        self.hanging: list[Hanging] = []

    def __call__(self, *collectors: Collector) -> Schedule:
        self.hanging += [one for one in collectors if isinstance(one, Hanging)]
        made = Schedule(
            collectors,
            interval=15,
            deadline=10,
            clock=lambda: 1_700_000_000 + self.clock.now,
            monotonic=self.clock,
            wait=Waits(self.clock, self.hanging),
        )
        self.made.append(made)
        return made

    def end(self) -> None:
        for one in self.hanging:
            one.release.set()
        for made in self.made:
            made.stop(10)
        for one in self.hanging:
            for thread in one.threads:
                thread.join(10)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def schedule(clock: Clock) -> Iterator[Schedules]:
    schedules = Schedules(clock)
    yield schedules
    schedules.end()


def served(schedule: Schedule) -> dict[str, float]:
    """Values by name and collector: `success:a`, `value:a`."""
    words = {
        "stoker_test_value": "value",
        "stoker_collector_success": "success",
        "stoker_collector_duration_seconds": "duration",
        "stoker_collector_stuck_seconds": "stuck",
        "stoker_collector_last_success_timestamp_seconds": "last",
    }
    found = {}
    for sample in schedule.samples():
        assert isinstance(sample.value, int | float)
        found[f"{words[sample.desc.name]}:{sample.labels[0]}"] = sample.value
    return found


def test_nothing_is_said_of_a_collector_before_its_first_run(schedule: Schedules) -> None:
    under_test = schedule(Scripted("a", 1.0))
    assert under_test.samples() == []
    assert not under_test.ready
    assert [status.state for status in under_test.status()] == [State.WAITING]


def test_a_good_run_serves_its_samples_and_how_it_went(schedule: Schedules) -> None:
    under_test = schedule(Scripted("a", 1.0), Scripted("b", 2.0))
    under_test.run_once()
    assert under_test.ready
    assert served(under_test) == {
        "value:a": 1, "success:a": 1, "duration:a": 0, "stuck:a": 0, "last:a": 1_700_001_000,
        "value:b": 2, "success:b": 1, "duration:b": 0, "stuck:b": 0, "last:b": 1_700_001_000,
    }  # fmt: skip


def test_a_run_with_one_failing_item_serves_the_others_and_is_no_success(schedule: Schedules, clock: Clock) -> None:
    partial = Reading([Sample(VALUE, ("a",), 3.0)], ["mount /data: Stale file handle"])
    under_test = schedule(Scripted("a", 1.0, partial))
    under_test.run_once()
    clock.now += 15
    under_test.run_once()
    found = served(under_test)
    assert found["value:a"] == 3
    assert found["success:a"] == 0
    assert found["last:a"] == 1_700_001_000  # that of the run before
    [status] = under_test.status()
    assert (status.state, status.says, status.failed_runs) == (State.FAILED, "mount /data: Stale file handle", 1)


def test_a_run_that_raises_keeps_the_last_good_reading_for_five_minutes(schedule: Schedules, clock: Clock) -> None:
    under_test = schedule(Scripted("a", 1.0, SourceError("gone")))
    under_test.run_once()
    clock.now += 300
    under_test.run_once()
    assert served(under_test)["value:a"] == 1
    clock.now += 1
    found = served(under_test)
    assert "value:a" not in found
    assert found["success:a"] == 0


def test_what_the_machine_does_not_have_is_no_failure_and_said_once(
    schedule: Schedules, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    collector = Scripted("a", UnavailableError("no InfiniBand here"))
    under_test = schedule(collector)
    for _ in range(12):
        under_test.run_once()
        clock.now += 15
    assert collector.runs == 3  # it may be plugged in any time, but most machines never have it
    assert served(under_test)["success:a"] == 1
    assert [record.getMessage() for record in caplog.records] == ["collector=a not on this machine: no InfiniBand here"]
    assert under_test.status()[0].state is State.UNAVAILABLE


def test_what_was_unplugged_is_no_longer_served_and_looked_for_each_time(schedule: Schedules) -> None:
    gone = UnavailableError("unplugged")
    under_test = schedule(Scripted("a", 1.0, gone, gone, 2.0))
    under_test.run_once()
    under_test.run_once()
    assert "value:a" not in served(under_test)
    under_test.run_once()
    under_test.run_once()
    assert served(under_test)["value:a"] == 2


def test_a_bug_in_a_collector_costs_only_that_collector_and_is_logged_once_with_its_traceback(
    schedule: Schedules, caplog: pytest.LogCaptureFixture
) -> None:
    under_test = schedule(Scripted("a", ZeroDivisionError("division by zero")), Scripted("b", 2.0))
    for _ in range(3):
        under_test.run_once()
    found = served(under_test)
    assert (found["success:a"], found["success:b"], found["value:b"]) == (0, 1, 2)
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
    assert under_test.status()[0].failed_runs == 3


def test_a_repeated_failure_is_logged_once_and_counted_until_it_works_again(
    schedule: Schedules, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    failing = Reading([], ["nic eth1: gone"])
    worse = Reading([], ["nic eth1: gone", "nic eth2: gone"])
    under_test = schedule(Scripted("a", failing, failing, worse, 1.0, failing))
    for _ in range(5):
        under_test.run_once()
    assert [record.getMessage() for record in caplog.records] == [
        "collector=a failed: nic eth1: gone",
        "collector=a failed: nic eth2: gone",
        "collector=a works again failed_runs=3",
        "collector=a failed: nic eth1: gone",
    ]


def test_a_collector_that_hangs_is_left_behind_and_the_others_go_on(schedule: Schedules, clock: Clock) -> None:
    hanging = Hanging()
    after = Scripted("after", 1.0)
    under_test = schedule(Scripted("before", 1.0), hanging, after)
    begun = clock.now
    under_test.run_once()
    assert clock.now - begun == pytest.approx(10)
    found = served(under_test)
    assert (found["success:before"], found["success:hanging"], found["success:after"]) == (1, 0, 1)
    assert found["stuck:hanging"] == pytest.approx(10)
    assert found["stuck:before"] == 0
    for _ in range(5):
        clock.now += 15
        under_test.run_once()
    assert after.runs == 6
    assert len(hanging.threads) == 1  # it was asked once, so one thread is lost and no more
    assert served(under_test)["stuck:hanging"] == pytest.approx(85)
    assert under_test.status()[1].says == "no answer for 85 s"


def test_what_a_collector_goes_on_without_is_stuck_as_well_and_does_not_hide_what_it_says(schedule: Schedules) -> None:
    dead = Reading([], ["mount /dead: an earlier statvfs has not returned"], stuck=75.0)
    under_test = schedule(Scripted("a", dead, 1.0))
    under_test.run_once()
    assert served(under_test)["stuck:a"] == 75
    assert under_test.status()[0].says == dead.failures[0]
    under_test.run_once()
    assert served(under_test)["stuck:a"] == 0


def test_one_worker_runs_a_round_and_another_takes_over_what_is_left_behind_a_hanging_collector(
    schedule: Schedules,
) -> None:
    hanging = Hanging()
    first, second, third = (Threaded(name) for name in ("a", "b", "c"))
    under_test = schedule(first, second, hanging, third)
    under_test.run_once()
    assert first.threads == second.threads
    assert first.threads.isdisjoint(third.threads)
    assert hanging.threads == first.threads


def test_a_slow_collector_delays_the_others_by_half_a_second_only(schedule: Schedules, clock: Clock) -> None:
    hanging = Hanging()
    times: list[float] = []

    class Noting(Scripted):
        def collect(self) -> Reading:
            times.append(clock.now)
            return super().collect()

    begun = clock.now
    under_test = schedule(hanging, Noting("after", 1.0))
    under_test.run_once()
    assert times == [begun + 0.5]


def test_a_collector_that_returns_at_last_takes_part_again_and_its_late_reading_is_not_served(
    schedule: Schedules, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hanging = Hanging()
    under_test = schedule(hanging)
    under_test.run_once()
    hanging.release.set()
    while under_test.status()[0].stuck:
        pass  # its own thread is on the way
    found = served(under_test)
    assert "value:hanging" not in found
    assert (found["success:hanging"], found["stuck:hanging"]) == (0, 0)
    under_test.run_once()
    found = served(under_test)
    assert (found["value:hanging"], found["success:hanging"]) == (7, 1)
    assert [record.getMessage() for record in caplog.records] == [
        "collector=hanging failed: no answer within 10 s",
        "collector=hanging returned after 10.0 s and takes part again",
        "collector=hanging works again failed_runs=1",
    ]


def test_a_reading_that_took_longer_than_the_deadline_is_not_served(schedule: Schedules, clock: Clock) -> None:
    class Slow(Scripted):
        def collect(self) -> Reading:
            clock.now += 11
            return super().collect()

    under_test = schedule(Slow("slow", 1.0))
    under_test.run_once()
    found = served(under_test)
    assert "value:slow" not in found
    assert (found["success:slow"], found["duration:slow"]) == (0, 11)


def test_the_last_good_reading_is_served_while_the_next_run_hangs(schedule: Schedules) -> None:
    hanging = Hanging()
    hanging.release.set()
    under_test = schedule(hanging)
    under_test.run_once()
    hanging.release.clear()
    hanging.entered.clear()
    under_test.run_once()
    found = served(under_test)
    assert (found["value:hanging"], found["success:hanging"]) == (7, 0)


def test_a_scrape_does_not_wait_for_a_collector_that_is_running(schedule: Schedules) -> None:
    hanging = Hanging()
    under_test = schedule(Scripted("a", 1.0), hanging)
    under_test.start()
    assert hanging.began.wait(10)
    assert served(under_test)["value:a"] == 1


def test_it_runs_in_the_background_until_it_is_stopped() -> None:
    again = threading.Event()

    class Counting(Scripted):
        def collect(self) -> Reading:
            if self.runs == 1:
                again.set()
            return super().collect()

    collector = Counting("a", 1.0)
    under_test = Schedule([collector], interval=0.001, deadline=10)
    under_test.start()
    assert again.wait(10)
    under_test.stop(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "schedule"]


def test_stopping_leaves_a_hanging_collector_behind(schedule: Schedules) -> None:
    hanging = Hanging()
    under_test = schedule(hanging)
    under_test.start()
    assert hanging.began.wait(10)
    under_test.stop(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "schedule"]
    assert all(thread.is_alive() for thread in hanging.threads)
