"""Passes what a command writes on as it comes, and hands the same bytes to its log, without mixing lines of its two outputs."""

from __future__ import annotations

import errno
import fcntl
import os
import select
import sys
import termios
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.run_child import Child
    from stoker.sources.run_terminal import Terminal

BLOCK = 1 << 17
_KEYS = 4096
_HELD = 65536
_QUIET = 1.0
_LONGEST = 10.0
"""After the command has ended, what its own children still write is passed on: until they are quiet for a second, ten at most."""
_POLL = select.POLLIN | select.POLLHUP | select.POLLERR
_KILLED = 137


class Output:
    """One output of the command on its way.

    Args:
        source: where the command writes.
        target: where it is passed on to.
        log: takes whole lines.
        alone: whether no other output goes to the same log, so that lines need not be kept whole.

    Attributes:
        ended: whether nothing can follow.
        says: why it is not passed on any more; empty when its reader has just gone, which is no fault.
    """

    def __init__(self, source: int, target: int, log: Callable[[bytes], None], *, alone: bool) -> None:
        self.source = source
        self.target = target
        self.ended = False
        self.says = ""
        self._log = log
        self._alone = alone
        self._rest = b""
        self._owed = 0

    def command_ended(self) -> None:
        """Note what the command itself has written and is not passed on yet."""
        if not self.ended:
            count = bytearray(4)
            with suppress(OSError):
                fcntl.ioctl(self.source, termios.FIONREAD, count)
            self._owed = int.from_bytes(count, sys.byteorder)

    @property
    def owes(self) -> bool:
        """Whether something that the command itself has written is still to be passed on."""
        return not self.ended and self._owed > 0

    def turn(self) -> bool:
        """Pass one block on; whether there was one."""
        try:
            data = os.read(self.source, BLOCK)
        except BlockingIOError:
            return False
        except OSError:  # a terminal says so when its last user has gone
            data = b""
        if not data:
            self.close()
            return False
        self._owed -= len(data)
        try:
            write_all(self.target, data)
        except OSError as error:
            # closed, so that the command learns of it as if it wrote there itself
            self.says = "" if error.errno == errno.EPIPE else error.strerror or str(error)
            self._keep(data)
            self.close()
            return True
        self._keep(data)
        return True

    def _keep(self, data: bytes) -> None:
        if self._alone:
            self._log(data)
            return
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end == 0 and len(self._rest) + len(data) < _HELD:
            self._rest += data
            return
        end = end or len(data)
        self._log(self._rest + data[:end] if self._rest else data[:end])
        self._rest = data[end:]

    def close(self) -> None:
        """Let go of it, once."""
        if not self.ended:
            self.ended = True
            os.close(self.source)
            if self._rest:
                self._log(self._rest)
                self._rest = b""


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of it, whether the descriptor waits or not.

    Raises:
        OSError: as the kernel said it.
    """
    done = 0
    while done < len(data):
        try:
            done += os.write(descriptor, data[done:] if done else data)
        except BlockingIOError:
            room = select.poll()  # select itself ends at descriptor 1024
            room.register(descriptor, select.POLLOUT)
            room.poll()


class Relay:
    """Runs until the command has ended.

    Args:
        child: the command.
        outputs: of it.
        terminal: the one it has, if any.
        wake: a descriptor that can be read when we went on after a stop.
        stop: stops us as the command was stopped, until we go on.
    """

    def __init__(
        self, child: Child, outputs: list[Output], terminal: Terminal | None, wake: int, stop: Callable[[], None]
    ) -> None:
        self._child = child
        self._outputs = outputs
        self._terminal = terminal
        self._wake = wake
        self._stop = stop
        self._keys = b""
        self._open = terminal is not None and terminal.reads
        self._raw = False

    def run(self) -> int:
        """Pass everything on until the command has ended; its exit code."""
        code: int | None = None
        self._enter()
        quiet_at = latest = 0.0
        while True:
            ready = self._wait(None if code is None else max(0.0, min(quiet_at, latest) - time.monotonic()))
            if code is None and self._child.news in ready and (code := self._news()) is not None:
                quiet_at, latest = time.monotonic() + _QUIET, time.monotonic() + _LONGEST
                for output in self._outputs:
                    output.command_ended()
            if self._wake in ready:
                os.read(self._wake, _KEYS)
                self._enter()
            for output in self._outputs:
                if not output.ended and output.source in ready and output.turn():
                    quiet_at = time.monotonic() + _QUIET
            if self._terminal is not None and self._open:
                self._type(ready)
            if code is not None:
                over = time.monotonic() >= min(quiet_at, latest)
                if (over and not any(output.owes for output in self._outputs)) or all(
                    output.ended for output in self._outputs
                ):
                    return code

    def _wait(self, timeout: float | None) -> set[int]:
        poll = select.poll()
        if timeout is None:
            poll.register(self._child.news, _POLL)
        poll.register(self._wake, _POLL)
        for output in self._outputs:
            if not output.ended:
                poll.register(output.source, _POLL)
        if self._terminal is not None and self._open:
            if self._keys:
                poll.register(self._terminal.master, _POLL | select.POLLOUT)
            elif self._raw:
                poll.register(self._terminal.outer, _POLL)
        return {descriptor for descriptor, _ in poll.poll(None if timeout is None else timeout * 1000)}

    def _enter(self) -> None:
        if self._terminal is not None:
            self._terminal.resize()
            self._raw = self._terminal.enter()

    def _type(self, ready: set[int]) -> None:
        """Pass on what is typed, as far as the command's terminal takes it."""
        assert self._terminal is not None
        if not self._keys and self._raw and self._terminal.outer in ready:
            try:
                self._keys = os.read(self._terminal.outer, _KEYS)
            except OSError:
                self._keys = b""
            self._open = bool(self._keys)
        if self._keys:
            try:
                self._keys = self._keys[os.write(self._terminal.master, self._keys) :]
            except BlockingIOError:
                pass
            except OSError:
                self._keys, self._open = b"", False

    def _news(self) -> int | None:
        news = self._child.read_news()
        if news is None:
            return _KILLED  # whoever would tell has been
        if news.kind == "ended":
            return news.value
        if news.kind == "stopped" and self._terminal is not None:
            self._terminal.leave()
            self._stop()
            self._enter()
        return None

    def close(self) -> None:
        """Let go of everything."""
        if self._terminal is not None:
            self._terminal.leave()
        for output in self._outputs:
            output.close()
        with suppress(OSError):
            os.close(self._child.news)
