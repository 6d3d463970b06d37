"""Runs the collectors in the background, each with a deadline, and keeps what they last gave.

One worker runs them in turn, once an interval, without anybody waiting for each of them: that would cost more than what most of them
read. A collector that has not returned after `patience` keeps that worker for itself and a
fresh one goes on with the others, so a slow device delays nobody; past its deadline the collector counts as stuck until the call
returns, and its late reading is thrown away. A collector whose call is under way is never called again, so there is at most
one thread for each collector. Readings are kept by the workers and served under a lock that is only held to copy them:
a scrape never waits for a device.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors.collector import Collector, Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Sample, own, sample_of
from stoker.sources.deadline import Call, Done, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

log = logging.getLogger(__name__)

PATIENCE = 0.5
"""Seconds after which the others no longer wait for a collector."""
LOOK_AGAIN = 60.0
"""Seconds after which something that the machine never had is looked for again: most machines lack most things."""


class State(StrEnum):
    """How a collector fares."""

    WAITING = "waiting"  # for its first run to return
    OK = "ok"
    UNAVAILABLE = "unavailable"  # the machine has no such thing: normal
    FAILED = "failed"
    STUCK = "stuck"


_GOOD = (State.OK, State.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Status:
    """One collector, for the status page.

    Attributes:
        success: None before the first run has returned.
        duration: of the last run, in seconds.
        stuck: seconds since the running call was made, 0 when it is within its deadline.
        says: what the last run failed of, or why the thing is not on this machine; several lines joined by `; `.
        failed_runs: failed runs in a row.
        series: how many it serves.
    """

    name: str
    state: State
    success: bool | None
    duration: float
    stuck: float
    says: str
    failed_runs: int
    series: int


@dataclass(slots=True, eq=False)
class _Watched:
    """A collector and what is known of its runs; everything under the schedule's lock.

    Attributes:
        had: whether it ever said anything else than that there is no such thing.
        asked: when it last said that, in monotonic seconds.
        left: seconds for which something that its last run asked has not answered.
    """

    collector: Collector
    samples: Sequence[Sample] = ()
    read_at: float = 0.0
    state: State = State.WAITING
    duration: float = 0.0
    last_success: float | None = None
    says: tuple[str, ...] = ()
    failed_runs: int = 0
    left: float = 0.0
    call: Call[Reading] | None = None
    overdue: bool = False
    had: bool = False
    asked: float = 0.0


class Schedule:
    """The collectors, run every `interval` seconds.

    Args:
        collectors: in the order in which they run.
        interval: seconds between the starts of two rounds.
        deadline: seconds that one run may take.
        clock: seconds since the epoch.
        monotonic: seconds that never go back.
        stale_after: seconds after which a reading is no longer served.
        wait: how to wait for the end of a call for some seconds.
        shown: what a collector says as people get to read it.
    """

    def __init__(
        self,
        collectors: Sequence[Collector],
        *,
        interval: float,
        deadline: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        stale_after: float = 300.0,
        wait: Callable[[Done, float], bool] = Done.wait,
        shown: Callable[[str], str] = str,
    ) -> None:
        self._watched = [_Watched(collector) for collector in collectors]
        self._interval = interval
        self._deadline = deadline
        self._clock = clock
        self._monotonic = monotonic
        self._stale_after = stale_after
        self._wait = wait
        self._shown = shown
        self._row = Row("collector", wait=wait, monotonic=monotonic)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._round_done = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether a round is done: every collector was asked, and has answered or is being left to its own worker."""
        return self._round_done.is_set()

    def start(self) -> None:
        """Begin to collect; the first round starts at once."""
        self._thread = threading.Thread(target=self._rounds, daemon=True, name="schedule")
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Begin no further run and wait up to `timeout` seconds for the present one; calls that do not return are left behind."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(timeout)
        else:
            self._row.retire()

    def run_once(self) -> None:
        """One round, and then wait until each collector has answered or passed its deadline."""
        self._round()
        for watched in self._watched:
            call = watched.call
            if call is not None and not watched.overdue:
                self._wait(call.done, max(0.0, self._deadline - (self._monotonic() - call.started)))
        self._judge_deadlines()

    def samples(self) -> list[Sample]:
        """The last good readings that are not stale, and how the collectors fare."""
        now = self._monotonic()
        found: list[Sample] = []
        with self._lock:
            for watched in self._watched:
                if now - watched.read_at <= self._stale_after:
                    found += watched.samples
            found += self._own(now)
        return found

    def read_at(self, name: str) -> float:
        """When the reading that is served of a collector was begun, in monotonic seconds; 0 before there is one."""
        with self._lock:
            return next((watched.read_at for watched in self._watched if watched.collector.name == name), 0.0)

    def status(self) -> list[Status]:
        """How each collector fares."""
        now = self._monotonic()
        with self._lock:
            return [self._status(watched, now) for watched in self._watched]

    def _status(self, watched: _Watched, now: float) -> Status:
        stuck = self._stuck(watched, now)
        state = State.STUCK if stuck else watched.state
        fresh = now - watched.read_at <= self._stale_after
        return Status(
            name=watched.collector.name,
            state=state,
            success=None if state is State.WAITING else state in _GOOD,
            duration=watched.duration,
            stuck=stuck,
            says=f"no answer for {stuck:.0f} s" if stuck else "; ".join(watched.says),
            failed_runs=watched.failed_runs,
            series=len(watched.samples) if fresh else 0,
        )

    def _own(self, now: float) -> Iterator[Sample]:
        """Stoker's own series on the collectors whose first run is over, metric by metric as they are exposed."""
        over = []
        for watched in self._watched:
            stuck = self._stuck(watched, now)
            state = State.STUCK if stuck else watched.state
            if state is not State.WAITING:
                over.append(((watched.collector.name,), watched, state in _GOOD, stuck or watched.left))
        for labels, _, good, _ in over:
            yield sample_of((own.COLLECTOR_SUCCESS, labels, float(good)))
        for labels, watched, _, _ in over:
            yield sample_of((own.COLLECTOR_DURATION, labels, watched.duration))
        for labels, _, _, stuck in over:
            yield sample_of((own.COLLECTOR_STUCK, labels, stuck))
        for labels, watched, _, _ in over:
            if watched.last_success is not None:
                yield sample_of((own.COLLECTOR_LAST_SUCCESS, labels, watched.last_success))

    def _stuck(self, watched: _Watched, now: float) -> float:
        """Seconds since the running call was made, if it is past its deadline."""
        if watched.call is None:
            return 0.0
        seconds = now - watched.call.started
        return seconds if watched.overdue or seconds > self._deadline else 0.0

    def _rounds(self) -> None:
        due = self._monotonic()
        while not self._stopped.is_set():
            self._round()
            due = max(due + self._interval, self._monotonic())  # rounds that were missed are not made up for
            self._stopped.wait(due - self._monotonic())
        self._row.retire()

    def _round(self) -> None:
        """Have every collector run that is not still running, by one worker as long as none of them is slow."""
        self._judge_deadlines()
        now = self._monotonic()
        todo = deque(watched for watched in self._watched if _is_due(watched, now))
        self._row.run(partial(self._begin, todo), min(PATIENCE, self._deadline))
        self._round_done.set()

    def _begin(self, todo: deque[_Watched]) -> Call[Reading] | None:
        """The next run, if there is one. Runs in a worker's thread."""
        if not todo or self._stopped.is_set():
            return None
        watched = todo.popleft()
        call = Call(watched.collector.collect, partial(self._keep, watched), self._monotonic)
        with self._lock:
            watched.call = call
        return call

    def _judge_deadlines(self) -> None:
        """Note the calls that have passed their deadline."""
        now = self._monotonic()
        for watched in [each for each in self._watched if each.call is not None]:
            with self._lock:
                call = watched.call
                if call is None or watched.overdue or now - call.started < self._deadline:
                    continue
                watched.overdue = True
                messages = _note(watched, self._too_late(), self._deadline)
            _tell(watched, messages)

    def _keep(self, watched: _Watched, call: Call[Reading]) -> None:
        """Judge a call that has returned. Runs in the worker's thread and raises nothing."""
        taken = (call.finished or call.started) - call.started
        outcome = _judged(call)
        outcome = outcome._replace(says=tuple(map(self._shown, outcome.says)))
        with self._lock:
            known, watched.call, watched.overdue = watched.overdue, None, False
            if known:
                watched.duration = taken
                messages: list[_Message] = [(logging.INFO, f"returned after {taken:.1f} s and takes part again", None)]
            else:
                late = taken > self._deadline
                messages = _note(watched, self._too_late() if late else outcome, taken)
                watched.had = watched.had or watched.state is not State.UNAVAILABLE
                watched.asked = call.started
                if watched.state in _GOOD:
                    watched.last_success = self._clock()
                if not late and outcome.samples is not None:
                    watched.samples, watched.read_at = outcome.samples, call.started
        _tell(watched, messages)

    def _too_late(self) -> _Outcome:
        return _Outcome(State.FAILED, None, (f"no answer within {self._deadline:g} s",))


def _is_due(watched: _Watched, now: float) -> bool:
    """Whether it is to be asked: it does not run, and is not about something that this machine never had."""
    absent = watched.state is State.UNAVAILABLE and not watched.had
    return watched.call is None and not (absent and now - watched.asked < LOOK_AGAIN)


class _Outcome(NamedTuple):
    """What came of a run: `samples` are None where those before stay good until they are stale; `bug` is what nobody expected."""

    state: State
    samples: tuple[Sample, ...] | None
    says: tuple[str, ...] = ()
    bug: BaseException | None = None
    left: float = 0.0


_Message = tuple[int, str, "BaseException | None"]
"""A level of logging, a text and a traceback."""


def _judged(call: Call[Reading]) -> _Outcome:
    """The one place where what a collector raises is judged."""
    try:
        reading = call.result()
    except UnavailableError as error:
        return _Outcome(State.UNAVAILABLE, (), (str(error),))
    except SourceError as error:
        return _Outcome(State.FAILED, None, (str(error) or type(error).__name__,))
    except BaseException as error:  # noqa: BLE001 - a bug in one collector may cost only that collector
        return _Outcome(State.FAILED, None, (f"{type(error).__name__}: {error}",), error)
    state = State.FAILED if reading.failures else State.OK
    return _Outcome(state, tuple(reading.samples), tuple(reading.failures), left=reading.stuck)


def _note(watched: _Watched, outcome: _Outcome, duration: float) -> list[_Message]:
    """Change what is known of a collector, under the lock; what is new in it is to be logged once the lock is free."""
    before, watched.state = watched.state, outcome.state
    known, watched.says = watched.says, outcome.says
    watched.left = outcome.left
    watched.duration = duration
    if outcome.state is State.FAILED:
        watched.failed_runs += 1
        new = [says for says in outcome.says if before is not State.FAILED or says not in known]
        if outcome.bug is not None:
            return [(logging.ERROR, f"failed by a bug of ours: {says}", outcome.bug) for says in new]
        return [(logging.WARNING, f"failed: {says}", None) for says in new]
    failed_runs, watched.failed_runs = watched.failed_runs, 0
    if outcome.state is State.UNAVAILABLE and before is not State.UNAVAILABLE:
        return [(logging.INFO, f"not on this machine: {'; '.join(outcome.says)}", None)]
    if failed_runs:
        return [(logging.INFO, f"works again failed_runs={failed_runs}", None)]
    return []


def _tell(watched: _Watched, messages: list[_Message]) -> None:
    for level, text, bug in messages:
        log.log(level, "collector=%s %s", watched.collector.name, text, exc_info=bug)
