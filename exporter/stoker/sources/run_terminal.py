"""Two terminals as one: the user's, and the one that the command under `stoker run` gets."""

from __future__ import annotations

import fcntl
import os
import termios
import tty
from contextlib import suppress
from typing import Any

_OUTPUT, _LOCAL = 1, 3
"""Places in the list of termios.tcgetattr."""


class Terminal:
    """The user's terminal and a new one for the command.

    What the command does to its terminal (no echo, no line editing) happens there. The user's passes every key on,
    Ctrl-C and Ctrl-Z too, while the command reads from it; only the command's own terminal makes signals of them.

    Args:
        outer: descriptor of the user's terminal.
        reads: whether the user's terminal is the command's standard input, too.
        alone: whether nobody but the command shows anything on it; in a pipeline others do.

    Attributes:
        master, slave: the two ends of the command's terminal.
    """

    def __init__(self, outer: int, *, reads: bool, alone: bool) -> None:
        self.outer = outer
        self.reads = reads
        self._whole = reads and alone
        self._before = termios.tcgetattr(outer)
        self._raw = False
        self.master, self.slave = os.openpty()
        inner: list[Any] = termios.tcgetattr(outer)
        if not self._whole:
            inner[_OUTPUT] &= ~termios.OPOST  # the user's terminal goes on with that
        if not reads:
            inner[_LOCAL] &= ~termios.ECHO
        termios.tcsetattr(self.slave, termios.TCSANOW, inner)
        self.resize()

    def resize(self) -> None:
        """Give the command's terminal the size of the user's; the kernel tells the command."""
        with suppress(OSError):
            size = fcntl.ioctl(self.outer, termios.TIOCGWINSZ, b"\0" * 8)
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    def foreground(self) -> bool:
        """Whether we may read from the user's terminal and change it."""
        try:
            return os.tcgetpgrp(self.outer) == os.getpgrp()
        except OSError:
            return True  # not the one that controls us, so nobody else's either

    def enter(self) -> bool:
        """Let every key through, where the command reads from the terminal and we have it; whether it is so now."""
        if not self.reads or not self.foreground():
            return False
        if not self._raw:
            with suppress(termios.error):
                self._before = termios.tcgetattr(self.outer)
                tty.setraw(self.outer, termios.TCSADRAIN)
                if not self._whole:
                    raw = termios.tcgetattr(self.outer)
                    raw[_OUTPUT] = self._before[_OUTPUT]
                    termios.tcsetattr(self.outer, termios.TCSADRAIN, raw)
                self._raw = True
        return self._raw

    def leave(self) -> None:
        """Give the user's terminal back as it was."""
        if self._raw:
            self._raw = False
            with suppress(termios.error):
                termios.tcsetattr(self.outer, termios.TCSADRAIN, self._before)

    def commanded(self) -> int:
        """The process group that the command's terminal has in its foreground; 0 when there is none."""
        try:
            return os.tcgetpgrp(self.master)
        except OSError:
            return 0
