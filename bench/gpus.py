"""What GPUs cost: CPU of an interval and memory with simulated ones, and how fast a scrape is answered while every NVML call hangs.

The library is the tests' simulation, compiled here, so that the driver's own time is not in it. CPU is user and system time of Stoker and of
its process that speaks with NVML, host metrics, exposition and one scrape an interval included, divided by the number of intervals;
memory is their proportional set size (PSS). 1 when a figure is worse than promised.

    python -m bench.gpus --count 60
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from bench.programs import ROOT, Program, free_port, stoker

sys.path.insert(0, str(ROOT / "tests"))

from simulator import nvml_simulator as simulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU = 0.025
"""Seconds an interval with 8 GPUs."""
MEMORY = 90e6
LATENCY = 0.050
"""Seconds at the 99th percentile."""
CONFIG = """interval: {interval}ms
state_dir: {folder}/state
"""
MACHINES: tuple[tuple[str, int, Callable[[int], simulator.Device]], ...] = (
    ("8 x H200", 8, simulator.h200),
    ("16 x H200", 16, simulator.h200),
    ("8 x B200", 8, simulator.b200),
)


class Cost(NamedTuple):
    """Seconds of CPU an interval, bytes of PSS, series."""

    cpu: float
    memory: int
    series: int


@contextmanager
def running(library: Path, folder: Path, machine: simulator.Machine, interval: float) -> Iterator[Program]:
    """Stoker on a simulated machine, past its first looks."""
    folder.mkdir()
    machine.write(folder / "machine")
    (folder / "stoker.yaml").write_text(CONFIG.format(interval=round(interval * 1000), folder=folder))
    port = free_port()
    env = simulator.environment(library, folder / "machine")
    program = Program("stoker", stoker(folder / "stoker.yaml", port), port, folder / "stoker.out", env)
    try:
        program.wait_until_up("stoker_gpu_activity_ratio")
        yield program
    finally:
        program.stop()


def measure(program: Program, count: int, interval: float) -> Cost:
    """Scrape once an interval, `count` times."""
    series = 0
    before, due = program.cpu(), time.monotonic()
    for _ in range(count):
        series = program.scrape()
        due += interval
        time.sleep(max(0.0, due - time.monotonic()))
    return Cost((program.cpu() - before) / count, program.memory(), series)


def hanging(program: Program, machine: simulator.Machine, file: Path, seconds: float) -> list[float]:
    """Seconds until each of the answers while every call hangs, sorted; scrapes begin 20 ms after one another ends."""
    for device in machine.devices:
        device.values["hang"] = 1
    machine.write(file)
    program.answers.clear()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        program.scrape()
        time.sleep(0.02)
    return sorted(program.answers)


def main() -> int:
    """Print the figures; 1 when one is worse than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=60, help="intervals (default: 60)")
    parser.add_argument("--interval", type=float, default=1.0, help="seconds of one (default: 1)")
    parser.add_argument("--hang", type=float, default=30.0, help="seconds in which every call hangs (default: 30)")
    arguments = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as name:
        folder = Path(name)
        library = simulator.compile_library(folder / "library")
        print(f"{arguments.count} intervals of {arguments.interval:g} s, one scrape each, on {os.cpu_count()} CPUs")
        print(f"{'':14} {'CPU ms/interval':>16} {'PSS MB':>8} {'series':>7}")
        for title, number, device in MACHINES:
            machine = simulator.Machine([device(index) for index in range(number)])
            with running(library, folder / title, machine, arguments.interval) as program:
                cost = measure(program, arguments.count, arguments.interval)
                print(f"{title:14} {cost.cpu * 1000:16.2f} {cost.memory / 1e6:8.1f} {cost.series:7d}", flush=True)
                if number == 8 and cost.cpu > CPU:
                    wrong.append(f"an interval with {title} takes more than {CPU * 1000:g} ms of CPU")
                if cost.memory > MEMORY:
                    wrong.append(f"{title} take more than {MEMORY / 1e6:g} MB")
                if device is not simulator.h200:
                    continue
                answers = hanging(program, machine, folder / title / "machine", arguments.hang)
                last = answers[min(len(answers) - 1, len(answers) * 99 // 100)]
                print(
                    f"{title}, all calls hang: {len(answers)} scrapes in {arguments.hang:g} s, "
                    f"median {answers[len(answers) // 2] * 1000:.1f} ms, 99th percentile {last * 1000:.1f} ms"
                )
                if last > LATENCY:
                    wrong.append(f"a scrape takes more than {LATENCY * 1000:g} ms while calls hang")
    print("nothing to compare with: the peers need a driver")
    for each in wrong:
        print(each, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
