"""Programs under measurement: started, scraped as Prometheus does it, their CPU and memory read from /proc."""

from __future__ import annotations

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4",
    "Accept-Encoding": "gzip",
}


class Program:
    """A running exporter under measurement."""

    def __init__(
        self, name: str, command: Sequence[str], port: int, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=log.parent, env=env)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.answers: list[float] = []

    def wait_until_up(self, until: str = "") -> None:
        """Wait for the first complete answer: one with this metric, or with a hundred series."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                lines = self._lines()
                if any(line.startswith(until.encode()) for line in lines) if until else len(lines) > 100:
                    return
            except (OSError, http.client.HTTPException):
                self._connection.close()
            if self._process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.name} did not come up:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.1)

    def scrape(self) -> int:
        """Scrape once; the number of series."""
        return len(self._lines())

    def value(self, name: str) -> float:
        """The sum of a metric's series now."""
        return sum(float(line.split()[-1]) for line in self._lines() if re.match(rf"{name}[{{ ]", line.decode()))

    def _lines(self) -> list[bytes]:
        begun = time.perf_counter()
        self._connection.request("GET", "/metrics", headers=HEADERS)
        response = self._connection.getresponse()
        body = response.read()
        self.answers.append(time.perf_counter() - begun)
        if response.status != 200:
            sys.exit(f"{self.name} answered {response.status}: {body[:200]!r}")
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return [line for line in body.splitlines() if line and not line.startswith(b"#")]

    def cpu(self) -> float:
        """Seconds of CPU so far, of all processes, and of children that have ended."""
        ticks = 0
        for pid in self._pids():
            # fields 14 to 17 of /proc/PID/stat, see proc(5): utime, stime, and those of children that were waited for
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(int(field) for field in fields[11:15])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self) -> int:
        """Bytes of PSS now."""
        total = 0
        for pid in self._pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        return total

    def stop(self) -> None:
        """End it."""
        self._connection.close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def descriptors(self) -> int:
        """Open files, pipes and sockets now, of all processes."""
        return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in self._pids())

    def threads(self) -> int:
        """Threads now, of all processes."""
        return sum(len(list(Path(f"/proc/{pid}/task").iterdir())) for pid in self._pids())

    def _pids(self) -> list[int]:
        parent = psutil.Process(self._process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]


def find(*names: str) -> str:
    """The path of the first that is there; PATH first, then the project's own tools."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools/usr/bin")])
    for name in names:
        if found := shutil.which(name, path=folders):
            return found
    sys.exit(f"{names[0]} is neither on PATH nor in .tools/usr/bin; `make .tools/.ready` fetches it")


def stoker(config: Path, port: int) -> list[str]:
    """The command that serves on this port."""
    return [sys.executable, "-m", "stoker", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"]


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
