"""What Stoker and node_exporter cost on this machine, side by side: CPU of an interval and memory.

Both run at the same time and are scraped once an interval over a kept connection with gzip, as Prometheus does. CPU is user and
system time of all their processes and threads, background collection included, divided by the number of intervals. Memory is
the proportional set size (PSS) of all their processes at the end.

    python bench/scrape.py --count 100
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
LIMIT = 0.010
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4",
    "Accept-Encoding": "gzip",
}
CONFIG = """interval: {interval}s
state_dir: {folder}
host: {{enabled: true}}
gpu: {{enabled: false}}
"""


class Cost(NamedTuple):
    """What one program cost: seconds of CPU an interval, seconds until its answer (median), bytes of PSS, series."""

    cpu: float
    answer: float
    memory: int
    series: int


class Program:
    """A running exporter under measurement."""

    def __init__(self, name: str, command: list[str], port: int, log: Path) -> None:
        self.name = name
        self._log = log
        with log.open("wb") as file:
            self._process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, cwd=log.parent)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.answers: list[float] = []

    def wait_until_up(self) -> None:
        """Wait for the first complete answer."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.scrape() > 100:
                    return
            except (OSError, http.client.HTTPException):
                self._connection.close()
            if self._process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{self.name} did not come up:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.1)

    def scrape(self) -> int:
        """Scrape once; the number of series."""
        begun = time.perf_counter()
        self._connection.request("GET", "/metrics", headers=HEADERS)
        response = self._connection.getresponse()
        body = response.read()
        self.answers.append(time.perf_counter() - begun)
        if response.status != 200:
            sys.exit(f"{self.name} answered {response.status}: {body[:200]!r}")
        if response.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))

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

    def _pids(self) -> list[int]:
        parent = psutil.Process(self._process.pid)
        return [parent.pid, *(child.pid for child in parent.children(recursive=True))]


def find_node_exporter() -> str:
    """Its path; PATH first, then the project's own tools."""
    folders = os.pathsep.join([os.environ.get("PATH", ""), str(ROOT / ".tools/usr/bin")])
    for name in ("prometheus-node-exporter", "node_exporter"):
        if found := shutil.which(name, path=folders):
            return found
    sys.exit("node_exporter is neither on PATH nor in .tools/usr/bin; `make .tools/.ready` fetches it")


def free_port() -> int:
    """A port of the loopback that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def measure(programs: list[Program], count: int, interval: float) -> list[Cost]:
    """Scrape every program once an interval, `count` times."""
    series = []
    for program in programs:
        program.wait_until_up()
        for _ in range(3):
            program.scrape()  # past the first answers, which fill caches
        program.answers.clear()
    before = [program.cpu() for program in programs]
    due = time.monotonic()
    for number in range(count):
        series = [program.scrape() for program in programs]
        due += interval
        time.sleep(max(0.0, due - time.monotonic()))
        if sys.stderr.isatty():
            print(f"\r{number + 1}/{count}", end="", file=sys.stderr)
    if sys.stderr.isatty():
        print("\r", end="", file=sys.stderr)
    after = [program.cpu() for program in programs]
    return [
        Cost((end - begin) / count, sorted(program.answers)[count // 2], program.memory(), found)
        for program, begin, end, found in zip(programs, before, after, series, strict=True)
    ]


def main() -> int:
    """Print the comparison; 1 when an interval of Stoker takes more CPU than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=100, help="intervals (default: 100)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds of one (default: 1)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoker-bench-")))
        config = folder / "stoker.yaml"
        config.write_text(CONFIG.format(interval=f"{arguments.interval:g}", folder=folder / "state"))
        ports = (free_port(), free_port())
        here = [sys.executable, "-m", "stoker", "serve", "--config", str(config), "--listen", f"127.0.0.1:{ports[0]}"]
        there = [find_node_exporter(), f"--web.listen-address=127.0.0.1:{ports[1]}"]
        programs = []
        for name, command, port in (("stoker", here, ports[0]), ("node_exporter", there, ports[1])):
            programs.append(Program(name, command, port, folder / f"{name}.log"))
            stack.callback(programs[-1].stop)
        costs = measure(programs, arguments.count, arguments.interval)
    print(f"{arguments.count} intervals of {arguments.interval:g} s, one scrape each, on {os.cpu_count()} CPUs")
    print(f"{'':14} {'CPU ms/interval':>16} {'answer ms':>10} {'PSS MB':>8} {'series':>7}")
    for program, cost in zip(programs, costs, strict=True):
        print(
            f"{program.name:14} {cost.cpu * 1000:16.2f} {cost.answer * 1000:10.2f}"
            f" {cost.memory / 1e6:8.1f} {cost.series:7d}"
        )
    stoker, node_exporter = costs
    if node_exporter.cpu:
        print(
            f"ratio stoker / node_exporter: CPU {stoker.cpu / node_exporter.cpu:.2f},"
            f" memory {stoker.memory / node_exporter.memory:.2f}"
        )
    if stoker.cpu > LIMIT:
        print(f"an interval of stoker takes more than {LIMIT * 1000:g} ms of CPU", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
