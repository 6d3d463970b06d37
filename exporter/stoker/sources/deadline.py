"""Runs calls that may never return: a thread that can be left behind, for what a signal cannot end (a hung mount, a driver).

A thread in an uninterruptible system call cannot be stopped; it can only be abandoned. So each `Worker` has one daemon thread,
gives it one call at a time, and whoever gave the call decides how long to wait and when to take a fresh Worker.
"""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

Wait = "Callable[[threading.Event, float], bool]"
"""How to wait for an event with a bound in seconds; `threading.Event.wait`, except in tests."""


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
        self.done = threading.Event()
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
