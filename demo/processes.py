"""Starts programs in the background, remembers them by id and start time, and ends just those."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Started:
    """A program that was started."""

    name: str
    pid: int
    created: float


class DemoError(Exception):
    """The demonstration cannot go on; one clear line."""


class Processes:
    """The programs of one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = folder / "processes.json"
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Started:
        """Start a program whose output goes to `<folder>/<name>.out`; one that cannot be remembered is ended at once."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{name}.out").open("wb") as output:
            try:
                process = subprocess.Popen(
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    env={**os.environ, **(env or {})},
                    cwd=cwd,
                )
            except OSError as error:
                raise DemoError(f"{name} cannot be started: {error}") from error
        try:
            self._children[process.pid] = process
            started = Started(name, process.pid, psutil.Process(process.pid).create_time())
            self._save([*self.all(), started])
        except BaseException:  # Ctrl-C and a full disk alike: what nobody remembers nobody would end
            process.kill()
            process.wait()
            raise
        return started

    def all(self) -> list[Started]:
        """Everything that was started and not yet ended."""
        try:
            rows = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [Started(**row) for row in rows]

    def alive(self, started: Started) -> bool:
        """Whether it still runs; another program that got its id later does not count."""
        try:
            process = psutil.Process(started.pid)
            return process.create_time() == started.created and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    def ending(self, started: Started) -> str:
        """How a program of this process ended: `with exit code 1, saying: ...`, or by which signal."""
        child = self._children.get(started.pid)
        code = child.poll() if child is not None else None
        how = "" if code is None else f" with exit code {code}" if code >= 0 else f" by {signal.Signals(-code).name}"
        says = self.output(started.name, 1) if code is None or code > 0 else ""
        return f"{started.name} ended{how}{f', saying: {says}' if says else ''}"

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a program by its name."""
        for started in self.all():
            if started.name == name and self.alive(started):
                os.kill(started.pid, number)

    def stop(self) -> list[str]:
        """End them all, last started first; names of those that ran."""
        found = [started for started in reversed(self.all()) if self.alive(started)]
        for started in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(started.pid, signal.SIGTERM)
        until = time.monotonic() + 10
        for started in found:
            while self.alive(started) and time.monotonic() < until:
                self._reap(started.pid)
                time.sleep(0.05)
            if self.alive(started):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(started.pid, signal.SIGKILL)
        for pid in self._children:
            self._reap(pid, 5)  # also those that had ended by themselves
        self._file.unlink(missing_ok=True)
        return [started.name for started in found]

    def output(self, name: str, lines: int = 5) -> str:
        """The end of what a program printed."""
        try:
            text = (self.folder / f"{name}.out").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _reap(self, pid: int, timeout: float = 0) -> None:
        """Collect a child of this very process, so that no zombie is left."""
        child = self._children.get(pid)
        if child is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout)

    def _save(self, started: Sequence[Started]) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(json.dumps([asdict(each) for each in started]), encoding="utf-8")
        part.replace(self._file)  # whole or not at all, whenever this program is killed


def port_is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, each another one."""
    with contextlib.ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
