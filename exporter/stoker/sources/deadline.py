"""Runs calls that may never return: a thread that can be left behind, for what a signal cannot end (a hung mount, a driver).

A thread in an uninterruptible system call cannot be stopped; it can only be abandoned. So each `Worker` has one daemon thread,
gives it one call at a time, and whoever gave the call decides how long to wait and when to take a fresh Worker. A `Row` of calls has one
worker as long as none of them is slow.
"""

from __future__ import annotations

import math
import threading
import time
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Done:
    """Whether a call is over: an Event that is set once, at a fraction of its cost. A round of collectors makes dozens."""

    __slots__ = ("_is_set", "_lock")

    def __init__(self) -> None:
        self._is_set = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def set(self) -> None:
        """Wake all who wait. Once only."""
        self._is_set = True
        self._lock.release()

    def is_set(self) -> bool:
        """Whether it is over."""
        return self._is_set

    def wait(self, seconds: float) -> bool:
        """Wait no longer than that; whether it is over."""
        if not self._is_set and self._lock.acquire(timeout=max(0.0, seconds)):
            self._lock.release()  # for the next one who waits
        return self._is_set


class Call(Generic[T]):
    """One call given to a worker.

    Attributes:
        started: monotonic seconds when it was given.
        finished: monotonic seconds when it returned or raised; None while it runs.
    """

    __slots__ = ("_error", "_function", "_monotonic", "_then", "_value", "done", "finished", "started")

    def __init__(
        self, function: Callable[[], T], then: Callable[[Call[T]], None] | None, monotonic: Callable[[], float]
    ) -> None:
        self._function = function
        self._then = then
        self._monotonic = monotonic
        self._value: T | None = None
        self._error: BaseException | None = None
        self.done = Done()
        self.started = monotonic()
        self.finished: float | None = None

    def perform(self) -> None:
        """Run it, in the worker's thread. Whatever it raises is kept for `result`, never lost and never printed."""
        try:
            self._value = self._function()
        except BaseException as error:  # noqa: BLE001 - the seam to another thread: result() raises it again
            self._error = error
        self.finished = self._monotonic()
        try:
            if self._then is not None:
                self._then(self)
        finally:
            self.done.set()

    def result(self) -> T:
        """What the call returned; raises what it raised. Only after it is done."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # set when there was no error


class Worker:
    """A daemon thread that performs one call after another."""

    __slots__ = ("_calls", "_monotonic", "thread")

    def __init__(self, name: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._calls: SimpleQueue[Call[object] | None] = SimpleQueue()
        self._monotonic = monotonic
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self.thread.start()

    def give(self, function: Callable[[], T], then: Callable[[Call[T]], None] | None = None) -> Call[T]:
        """Queue a call; `then` is run with it in the worker's thread before its `done` is set, and may not raise."""
        call = Call(function, then, self._monotonic)
        self._calls.put(call)  # type: ignore[arg-type]  # the thread never looks at the value
        return call

    def retire(self) -> None:
        """End the thread once its call returns; now, if it has none."""
        self._calls.put(None)

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            call.perform()
            del call  # an idle thread keeps no result alive


class _Turn:
    """What one worker of a Row makes: the call that is under way, or was last, and whether the worker is left behind with it."""

    __slots__ = ("call", "left")

    def __init__(self) -> None:
        self.call: Call[object] | None = None
        self.left = False


class Row:
    """Calls that one worker makes one after the other, without anybody waiting for each of them: that would cost more than most of them do.

    A call that has not returned after its time keeps that worker for itself, and a fresh one goes on with the others.

    Args:
        name: of the workers' threads.
        wait: how to wait for the end of a call for some seconds.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        name: str,
        *,
        wait: Callable[[Done, float], bool] = Done.wait,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._wait = wait
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._worker: Worker | None = None

    def run(self, begin: Callable[[], Call[T] | None], patience: float, until: float = math.inf) -> None:
        """Make calls until there is none to begin any more; each has returned then, or was left behind.

        Args:
            begin: the next call, its time beginning now; None when there is none. One thread at a time asks.
            patience: seconds that one call is waited for.
            until: monotonic seconds at which none is waited for any longer.
        """
        left = True
        while left and self._monotonic() < until:
            turn = _Turn()
            self._worker = self._worker or Worker(self._name, self._monotonic)
            whole = self._worker.give(partial(self._all, turn, begin))
            left = not self._waited(turn, whole, patience, until)
            if left:
                self.retire()

    def _waited(self, turn: _Turn, whole: Call[None], patience: float, until: float) -> bool:
        """Whether the worker made all calls; else it is left behind with one of them."""
        now = self._monotonic()
        due = min(now + patience, until)
        while not self._wait(whole.done, due - now):
            now = self._monotonic()
            with self._lock:
                begun = now if turn.call is None else turn.call.started
                due = min(begun + patience, until)
                turn.left = now >= due
            if turn.left:
                return False
        return True

    def _all(self, turn: _Turn, begin: Callable[[], Call[T] | None]) -> None:
        """Runs in the worker's thread."""
        while True:
            with self._lock:
                call = None if turn.left else begin()
                if call is None:
                    return
                turn.call = call  # type: ignore[assignment]  # nobody looks at its value
            call.perform()

    def retire(self) -> None:
        """End the worker once its call returns; the next run has a fresh one."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.retire()
