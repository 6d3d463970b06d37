"""Starts `stoker run` as people do: with pipes, or on a terminal that the test holds the other end of."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Any

from wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def wait_for(what: Callable[[], Any], patience: float = PATIENCE) -> Any:  # noqa: ANN401 - whatever is waited for
    """The first result of `what` that is true."""
    until = time.monotonic() + patience
    while not (found := what()):
        assert time.monotonic() < until, f"never happened: {what}"
        time.sleep(0.02)
    return found


class Bench:
    """A machine's folders, and how `stoker run` is called on it.

    Attributes:
        runs: the folder of runs.
        state: the state directory.
    """

    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        self.state = folder / "state"
        self.config = folder / "stoker.yaml"
        self.config.write_text(
            f"state_dir: {self.state}\nhost: {{enabled: false}}\ngpu: {{enabled: false}}\n"
            f"sources: [{{name: runs, runs: {{folder: '{self.runs}'}}}}]\n"
        )

    def command(self, *arguments: str) -> list[str]:
        """`stoker run ARGUMENTS`; what belongs to the command comes after `--`."""
        head = [sys.executable, "-m", "stoker", "run", "--config", str(self.config), "--dir", str(self.runs)]
        return [*head, *arguments]

    def run(self, *arguments: str, **keys: Any) -> subprocess.CompletedProcess[bytes]:  # noqa: ANN401 - those of subprocess
        """Until its end."""
        return subprocess.run(self.command(*arguments), capture_output=True, check=False, timeout=PATIENCE * 2, **keys)

    def start(self, *arguments: str, **keys: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401 - those of subprocess
        """In the background, with pipes."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.command(*arguments), **{**given, **keys})

    def record(self) -> dict[str, Any]:
        """The record of the only run."""
        (file,) = self.runs.glob("*.json")
        found: dict[str, Any] = json.loads(file.read_bytes())
        return found

    def log(self) -> bytes:
        """The log of the only run, with what is rotated."""
        (file,) = self.runs.glob("*.log")
        older = sorted(self.runs.glob("*.log.*"), reverse=True)
        return b"".join(each.read_bytes() for each in (*older, file))

    def targets(self) -> list[Path]:
        """What is announced."""
        return sorted((self.state / "targets").glob("*"))


class OnTerminal:
    """A program on a terminal of its own, which the test types on and reads from."""

    def __init__(self, command: list[str], env: dict[str, str] | None = None) -> None:
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                for each in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # as in a window, whatever runs the tests
                    signal.signal(each, signal.SIG_DFL)
                os.execvpe(command[0], command, {**os.environ, **(env or {})})
            finally:
                os._exit(1)
        self.said = b""

    def type(self, keys: bytes) -> None:
        """Press these keys."""
        os.write(self.master, keys)

    def resize(self, rows: int, columns: int) -> None:
        """Change the window's size; the kernel tells what is in the foreground."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, text: bytes) -> bytes:
        """Read until `text` was said; what was said up to there is taken."""
        end = time.monotonic() + PATIENCE
        while text not in self.said:
            ready, _, _ = select.select([self.master], [], [], max(0.0, end - time.monotonic()))
            assert ready, (text, self.said)
            try:
                data = os.read(self.master, 65536)
            except OSError:
                data = b""
            assert data, (text, self.said)
            self.said += data
        before, _, self.said = self.said.partition(text)
        return before

    def end(self) -> int:
        """Read until it has ended; its exit code."""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.said += data
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """End it, whatever it does."""
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.master)
