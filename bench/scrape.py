"""What Stoker and node_exporter cost on this machine, side by side: CPU of an interval and memory.

Both run at the same time and are scraped alike, once an interval over a kept connection, with the headers of Prometheus: gzip, and
OpenMetrics rather than text, which Stoker gives and node_exporter does not; each packs as it is made to. node_exporter reads when it is
scraped, Stoker in the background at the same interval. CPU is user and system time of all processes and threads, background included,
divided by the number of intervals. Memory is the proportional set size (PSS) of all their processes at the end.

What the ratio does not say: by default both have their default collectors, and those are not the same. node_exporter gives twice the series;
Stoker counts processes by state, which node_exporter does only when asked to, looks for GPUs, and looks every five seconds for logs of runs
(every second, once there is a log to follow), whatever the interval, which an interval of many seconds makes dearer for Stoker. `--alike` leaves node_exporter the collectors that Stoker has a
counterpart of, processes included. Other work on the machine makes both dearer, but not by the same share: compare several runs.

    python -m bench.scrape --count 100
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from bench.programs import Program, find, free_port, stoker

LIMIT = 0.010
# fmt: off
ALIKE = (
    "bonding", "conntrack", "cpu", "diskstats", "edac", "filefd", "filesystem", "hwmon", "infiniband", "loadavg", "mdadm", "meminfo",
    "netdev", "nvme", "os", "pressure", "processes", "stat", "timex", "uname", "vmstat",
)
# fmt: on
"""Collectors of node_exporter that Stoker has a counterpart of."""
CONFIG = """interval: {interval}ms
state_dir: {folder}
"""


class Cost(NamedTuple):
    """What one program cost: seconds of CPU an interval, seconds until its answer (median), bytes of PSS, series."""

    cpu: float
    answer: float
    memory: int
    series: int


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
    parser.add_argument("--alike", action="store_true", help="leave node_exporter only what Stoker reads too")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoker-bench-")))
        config = folder / "stoker.yaml"
        config.write_text(CONFIG.format(interval=round(arguments.interval * 1000), folder=folder / "state"))
        ports = (free_port(), free_port())
        here = stoker(config, ports[0])
        there = [find("prometheus-node-exporter", "node_exporter"), f"--web.listen-address=127.0.0.1:{ports[1]}"]
        if arguments.alike:
            there += ["--collector.disable-defaults", *(f"--collector.{name}" for name in ALIKE)]
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
    ours, theirs = costs
    if theirs.cpu:
        print(
            f"ratio stoker / node_exporter: CPU {ours.cpu / theirs.cpu:.2f}, memory {ours.memory / theirs.memory:.2f}"
        )
    if ours.cpu > LIMIT:
        print(f"an interval of stoker takes more than {LIMIT * 1000:g} ms of CPU", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
