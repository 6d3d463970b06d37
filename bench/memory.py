"""What following ten logs costs in memory, beside mtail on the same logs at the same time.

The logs grow while both follow them: half are of training runs, half of model servers. mtail gets a program with the two patterns
that occur; Stoker finds its formats by itself, among all that it knows. Memory is the proportional set size (PSS) of all
processes, the largest of the looks taken once a second.

    python -m bench.memory --seconds 20
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.programs import Program, find, free_port, stoker

LOGS = 10
LINES = 500
LIMIT = 70e6
CATCH_UP = 60
"""Seconds after which the lines that are not read yet are not waited for."""
READ = ("stoker_log_lines_total", "mtail_lines_total")
CONFIG = """state_dir: {folder}/state
sources: [{{name: bench, files: ["{folder}/logs/*.log"], from: beginning}}]
"""
MTAIL = r"""gauge loss by getfilename
counter requests by method, route, code
/'loss': (?P<loss>[\d.]+)/ {
  loss[getfilename()] = float($loss)
}
/"(?P<method>[A-Z]+) (?P<route>\S+) HTTP\/1.1" (?P<code>\d+)/ {
  requests[$method][$route][$code]++
}
"""


def line(log: int, number: int) -> str:
    """Line `number` of a log, counted from 0."""
    if log % 2:
        return f'INFO:     127.0.0.1:54321 - "POST /v1/chat/completions/{number % 7} HTTP/1.1" 200 OK\n'
    loss = 1 + 1 / (1 + number % 100)
    return f"{{'loss': {loss:.4f}, 'grad_norm': 1.25, 'learning_rate': 5e-05, 'epoch': {number / 100:.2f}}}\n"


def grow(folder: Path, turn: int) -> None:
    """Append LINES lines to each log."""
    for log in range(LOGS):
        with (folder / f"{log}.log").open("a") as file:
            file.writelines(line(log, number) for number in range(turn * LINES, (turn + 1) * LINES))


def read(programs: list[Program]) -> list[float]:
    """How many lines each has read."""
    return [program.value(name) for program, name in zip(programs, READ, strict=True)]


def measure(programs: list[Program], logs: Path, seconds: int) -> list[int]:
    """The largest PSS of each, in bytes."""
    for program in programs:
        program.wait_until_up(READ[programs.index(program)])
    most = [0] * len(programs)
    for turn in range(seconds + CATCH_UP):
        if turn < seconds:
            grow(logs, turn)
        elif min(read(programs)) >= LOGS * LINES * seconds:
            break
        time.sleep(1.0)
        for program in programs:
            program.scrape()
        most = [max(before, program.memory()) for before, program in zip(most, programs, strict=True)]
    return most


def main() -> int:
    """Print the comparison; 1 when Stoker takes more memory than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=20, help="how long the logs grow (default: 20)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoker-bench-")))
        logs = folder / "logs"
        logs.mkdir()
        for log in range(LOGS):  # empty, since mtail reads what is appended only
            (logs / f"{log}.log").touch()
        config = folder / "stoker.yaml"
        config.write_text(CONFIG.format(folder=folder))
        (folder / "bench.mtail").write_text(MTAIL)
        ports = (free_port(), free_port())
        there = [find("mtail"), "--progs", str(folder / "bench.mtail"), "--logs", f"{logs}/*.log"]
        there += ["--logtostderr", "--address", "127.0.0.1", "--port", str(ports[1])]
        programs = []
        for name, command, port in (("stoker", stoker(config, ports[0]), ports[0]), ("mtail", there, ports[1])):
            programs.append(Program(name, command, port, folder / f"{name}.out"))
            stack.callback(programs[-1].stop)
        ours, theirs = measure(programs, logs, arguments.seconds)
        lines = read(programs)
        size = sum(path.stat().st_size for path in logs.iterdir())
    print(f"{LOGS} logs that grew to {size / 1e6:.1f} MB together in {arguments.seconds} s")
    print(f"lines read: stoker {lines[0]:.0f}, mtail {lines[1]:.0f}")
    print(f"stoker {ours / 1e6:.1f} MB, mtail {theirs / 1e6:.1f} MB of PSS, ratio stoker / mtail {ours / theirs:.2f}")
    if ours > LIMIT:
        print(f"stoker takes more than {LIMIT / 1e6:g} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
