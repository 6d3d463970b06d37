"""What `stoker run` does with signals: passes on what its command would have got without it, and nothing twice."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from stoker.sources.processes import process

if TYPE_CHECKING:
    from stoker.sources.run_child import Child
    from stoker.sources.run_terminal import Terminal

_PASSED = (
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGUSR1,
    signal.SIGUSR2,
)
_TERMINAL = (signal.SIGWINCH, signal.SIGTSTP, signal.SIGCONT)
"""What is ours to handle when the command has a terminal of its own."""
_FAST = (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP)
"""What a terminal sends to all that is in its foreground."""


class Signals:
    """Blocks signals in this process, and waits for them in a thread: a handler would have to wait for a write that hangs.

    Args:
        terminal: the command's own, if it has one.

    Attributes:
        before: signals that were blocked before.
        wake: a descriptor that can be read when we went on after a stop.
    """

    def __init__(self, terminal: Terminal | None) -> None:
        self._terminal = terminal
        # those that are ignored (nohup) are, too, by the command, unless it wants them: blocked ones come all the same
        self._wanted = {*_PASSED, *(_TERMINAL if terminal is not None else ())}
        self.before: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, self._wanted))
        self.wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)
        self._child: Child | None = None

    def start(self, child: Child) -> None:
        """Pass on from now."""
        self._child = child
        threading.Thread(target=self._run, name="signals", daemon=True).start()

    def _run(self) -> None:
        while True:
            found = signal.sigwaitinfo(self._wanted)
            # the kernel itself sends what a terminal asks for, and a positive code says that it did
            self._take(found.si_signo, by_terminal=found.si_code > 0)

    def _take(self, number: int, *, by_terminal: bool) -> None:
        assert self._child is not None
        terminal = self._terminal
        if number == signal.SIGCONT:
            with suppress(BlockingIOError):
                os.write(self._waker, b"c")
        if terminal is None:
            if not by_terminal:  # otherwise the command, which is in our group, has got it, too
                self._send(number)
        elif number == signal.SIGWINCH:
            terminal.resize()
        elif by_terminal and number in _FAST and (group := terminal.commanded()):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)
        elif number == signal.SIGCONT:
            self._group(number)
        else:
            self._send(number)

    def _send(self, number: int) -> None:
        assert self._child is not None
        if self._child.pid:  # none when it could not even be forked
            with suppress(ProcessLookupError, PermissionError):
                os.kill(self._child.pid, number)

    def _group(self, number: int) -> None:
        assert self._child is not None
        if self._child.pid:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, number)

    def stop(self) -> None:
        """Stop with all of our group, as the command has, until we are told to go on; then it goes on, too."""
        if _can_go_on():
            os.kill(0, signal.SIGSTOP)
        self._group(signal.SIGCONT)


def _can_go_on() -> bool:
    """Whether there is a shell that would let our process group go on again: without one, nothing ever would."""
    here = process(os.getpid())
    parent = here
    while here is not None and parent is not None:
        pid = parent.parent
        parent = process(pid)
        if parent is None or parent.session != here.session:
            return False
        if parent.group != here.group:
            return True
    return False
