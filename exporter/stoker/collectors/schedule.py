"""Runs the collectors in the background, each with a deadline, and keeps what they last gave.

One worker thread runs them in turn. When a call does not return before its deadline, the worker is left behind with it, the
collector is marked stuck and a fresh worker goes on with the others; when the call returns at last, the collector takes part
again. So there is at most one abandoned thread for each collector, and a scrape never waits for a device.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Sample, own
from stoker.collectors.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


log = logging.getLogger(__name__)
STALE_AFTER = 300.0
"""Readings older than this are left out, in seconds."""


@dataclass(slots=True)
class Watched:
    """A collector and what is known of its runs. Times are seconds of the schedule's clocks."""

    collector: Collector
    samples: list[Sample] = field(default_factory=list)
    read_at: float = 0.0
    success: bool | None = None
    duration: float = 0.0
    last_success: float = 0.0
    started: float | None = None
    overdue: bool = False
    says: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """One collector, for the status page."""

    name: str
    success: bool | None
    duration: float
    stuck: float
    says: str


class Schedule:
    """The collectors, run every `interval` seconds.

    Args:
        collectors: each is run by one thread at a time.
        interval: seconds between the starts of two rounds.
        deadline: seconds that one run may take.
        clock: seconds since the epoch.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        collectors: Sequence[Collector],
        *,
        interval: float,
        deadline: float,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watched = [Watched(collector) for collector in collectors]
        self._interval = interval
        self._deadline = deadline
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._first_round = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to collect."""
        self._thread = threading.Thread(target=self._rounds, daemon=True, name="schedule")
        self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """Begin no further run; calls that have not returned are left behind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    @property
    def ready(self) -> bool:
        """Whether every collector was asked once."""
        return self._first_round.is_set()

    def run_once(self) -> None:
        """One round: every collector that is not stuck, each at most until its deadline."""
        for watched in self._watched:
            if self._stop.is_set():
                return
            self._run(watched)
        self._first_round.set()

    def samples(self) -> list[Sample]:
        """The last good readings, none older than five minutes, and how the collectors fare. Never blocks on a device."""
        now, tick = self._clock(), self._monotonic()
        found: list[Sample] = []
        with self._lock:
            for watched in self._watched:
                if watched.samples and now - watched.read_at <= STALE_AFTER:
                    found += watched.samples
                found += self._own(watched, tick)
        return found

    def status(self) -> list[Status]:
        """How each collector fares, for the status page."""
        tick = self._monotonic()
        with self._lock:
            return [
                Status(each.collector.name, each.success, each.duration, self._stuck(each, tick), each.says)
                for each in self._watched
            ]

    def _stuck(self, watched: Watched, tick: float) -> float:
        return tick - watched.started if watched.overdue and watched.started is not None else 0.0

    def _own(self, watched: Watched, tick: float) -> list[Sample]:
        if watched.success is None:
            return []
        labels = (watched.collector.name,)
        found = [
            Sample(own.COLLECTOR_SUCCESS, labels, float(watched.success)),
            Sample(own.COLLECTOR_DURATION, labels, watched.duration),
            Sample(own.COLLECTOR_STUCK, labels, self._stuck(watched, tick)),
        ]
        if watched.last_success:
            found.append(Sample(own.COLLECTOR_LAST_SUCCESS, labels, watched.last_success))
        return found

    def _rounds(self) -> None:
        while not self._stop.is_set():
            begun = self._monotonic()
            self.run_once()
            self._stop.wait(max(0.0, self._interval - (self._monotonic() - begun)))

    def _run(self, watched: Watched) -> None:
        with self._lock:
            if watched.started is not None:
                return  # still inside an earlier call
            watched.started = self._monotonic()
        done = threading.Event()
        worker = _Worker.take(self)
        worker.give(watched, done)
        if not done.wait(self._deadline):
            with self._lock:
                if watched.started is not None:
                    watched.overdue = True
                    watched.success = False
                    watched.says = f"no answer within {self._deadline:g} s"
                    log.warning("collector=%s stuck deadline_seconds=%g", watched.collector.name, self._deadline)
            _Worker.leave(self)

    _worker: _Worker | None = None

    def read(self, watched: Watched) -> None:
        """One call of one collector; what it raises is judged here and nowhere else."""
        begun = self._monotonic()
        try:
            reading = watched.collector.collect()
            says = "; ".join(reading.failures)
        except UnavailableError as error:
            reading, says = Reading(), ""
            if watched.success is None:
                log.info("collector=%s unavailable: %s", watched.collector.name, error)
        except SourceError as error:
            reading, says = Reading(), str(error) or type(error).__name__
        except Exception as error:
            reading, says = Reading(), f"{type(error).__name__}: {error}"
            if watched.says != says:
                log.exception("collector=%s failed", watched.collector.name)
        self._keep(watched, reading, says, self._monotonic() - begun)

    def _keep(self, watched: Watched, reading: Reading, says: str, duration: float) -> None:
        now = self._clock()
        if says and says != watched.says:
            log.warning("collector=%s failed: %s", watched.collector.name, says)
        with self._lock:
            if reading.samples or not says:
                watched.samples, watched.read_at = reading.samples, now
            watched.success = not says
            watched.says = says
            watched.duration = duration
            if not says:
                watched.last_success = now
            watched.started = None
            watched.overdue = False


class _Worker:
    """A thread that runs one collector at a time; left behind when one does not return."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._job: tuple[Watched, threading.Event] | None = None
        self._wake = threading.Semaphore(0)
        self._leave = False
        threading.Thread(target=self._work, daemon=True, name="collector").start()

    @staticmethod
    def take(schedule: Schedule) -> _Worker:
        """The worker that is free, or a new one."""
        if schedule._worker is None:  # noqa: SLF001 - the two are one thing in two classes
            schedule._worker = _Worker(schedule)  # noqa: SLF001
        return schedule._worker  # noqa: SLF001

    @staticmethod
    def leave(schedule: Schedule) -> None:
        """Give the worker up; it ends when its call returns."""
        if schedule._worker is not None:  # noqa: SLF001
            schedule._worker._leave = True  # noqa: SLF001
            schedule._worker = None  # noqa: SLF001

    def give(self, watched: Watched, done: threading.Event) -> None:
        """Hand it a collector."""
        self._job = (watched, done)
        self._wake.release()

    def _work(self) -> None:
        while not self._leave:
            self._wake.acquire()
            if self._job is not None:
                watched, done = self._job
                self._schedule.read(watched)
                done.set()
