"""Starts the command of `stoker run`, and tells what becomes of it.

With pipes it is a child in our own process group, so that a terminal's signals and stops reach it as they would without us.
With a terminal of its own it gets a session of its own, led by a small process between it and us: the command is then a job
of that session, which Ctrl-Z can stop; a leader itself could not be stopped.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import termios
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.sources.run_terminal import Terminal

_MESSAGE = struct.Struct("=cii")
_PIPE_SIZE = 1 << 20
_SET_PIPE_SIZE = 1031  # fcntl's F_SETPIPE_SZ; named in the module from Python 3.10 on, on Linux only
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_DEFAULTS = (signal.SIGPIPE, signal.SIGXFSZ)
"""Signals that Python ignores and no command expects to be."""


class News(NamedTuple):
    """What became of the command: it has a number, could not be started (value: errno), was stopped (signal), ended (exit code)."""

    kind: Literal["started", "failed", "stopped", "ended"]
    value: int


_KINDS: dict[bytes, Literal["started", "failed", "stopped", "ended"]] = {
    b"p": "started",
    b"f": "failed",
    b"s": "stopped",
    b"e": "ended",
}


class Child:
    """A command that was started.

    Attributes:
        outputs: descriptors of its standard output and error where they are pipes, by its number of them.
        news: a descriptor that can be read when there is news.
        pid: the command's.
        error: the errno with which it could not be started; 0 when it was.
    """

    def __init__(self, outputs: dict[int, int], news: int) -> None:
        self.outputs = outputs
        self.news = news
        self.pid = self.error = 0
        while not self.pid and self.read_news() is not None:
            pass

    def read_news(self) -> News | None:
        """What has become of the command since; None when whoever would tell is gone."""
        data = os.read(self.news, _MESSAGE.size)
        if not data:
            return None
        kind, value, _ = _MESSAGE.unpack(data)
        news = News(_KINDS[kind], value)
        if news.kind == "started":
            self.pid = value
        elif news.kind == "failed":
            self.error = value
        return news


def start(command: Sequence[str], terminal: Terminal | None, terminals: frozenset[int], mask: set[int]) -> Child:
    """Start the command.

    To be called before there is a second thread, and with the signals blocked that are not to hit us.

    Args:
        command: name and arguments.
        terminal: the one that it gets, if any.
        terminals: which of 0, 1 and 2 are that terminal.
        mask: signals that the command has blocked.
    """
    pipes = {number: _pipe() for number in (1, 2) if number not in terminals}
    reader, writer = os.pipe()
    after = {number: ends[1] for number, ends in pipes.items()}
    if terminal is not None:
        after |= dict.fromkeys(terminals, terminal.slave)
    pid = os.fork()
    if pid == 0:
        try:
            if terminal is None:
                _execute(command, after, mask, writer)
            _lead(command, after, mask, writer, terminal)
        finally:
            os._exit(1)
    for _, end in pipes.values():
        os.close(end)
    if terminal is not None:
        os.close(terminal.slave)
        os.close(writer)
    else:
        _tell(writer, b"p", pid)
        threading.Thread(target=_watch, args=(pid, writer), name="command", daemon=True).start()
    return Child({number: ends[0] for number, ends in pipes.items()}, reader)


def _pipe() -> tuple[int, int]:
    ends = os.pipe()
    with suppress(OSError):
        fcntl.fcntl(ends[0], _SET_PIPE_SIZE, _PIPE_SIZE)  # fewer turns for a command that writes much
    return ends


def _tell(writer: int, kind: bytes, value: int) -> None:
    with suppress(OSError):
        os.write(writer, _MESSAGE.pack(kind, value, 0))


def _execute(command: Sequence[str], after: dict[int, int], mask: set[int], writer: int) -> NoReturn:
    """Become the command."""
    for number, descriptor in after.items():
        os.dup2(descriptor, number)
    for each in _DEFAULTS:
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - there is no shell that could be wanted
    except OSError as error:
        _tell(writer, b"f", error.errno or 0)
        os._exit(_NOT_FOUND if isinstance(error, FileNotFoundError | NotADirectoryError) else _NOT_EXECUTABLE)


def _lead(command: Sequence[str], after: dict[int, int], mask: set[int], writer: int, terminal: Terminal) -> NoReturn:
    """Lead the session of the command's terminal, and tell what becomes of the command."""
    os.setsid()
    fcntl.ioctl(terminal.slave, termios.TIOCSCTTY, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})  # the command takes the foreground itself
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal.slave, os.getpid())
        _execute(command, after, mask, writer)
    with suppress(OSError):
        os.setpgid(pid, pid)  # whoever comes first
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2, *(each for each in after.values() if each != terminal.slave), terminal.master):
        os.dup2(nothing, descriptor)
    _tell(writer, b"p", pid)

    def hang_up(*_: object) -> None:
        # whoever held the other end of the terminal is gone: the kernel tells the leader alone
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGHUP)
            os.killpg(pid, signal.SIGCONT)

    signal.signal(signal.SIGHUP, hang_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    _watch(pid, writer)
    os._exit(0)


def _watch(pid: int, writer: int) -> None:
    """Tell when the command stops and ends."""
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            _tell(writer, b"s", os.WSTOPSIG(status))
            continue
        _tell(writer, b"e", 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))
        return
