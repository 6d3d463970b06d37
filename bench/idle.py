"""What it costs to follow a thousand logs none of which grows.

The exporter runs without any collector. Measured is its CPU while nothing happens, scrapes included, and its proportional set
size (PSS); 1 when either is more than promised.

    python -m bench.idle --files 1000 --seconds 20
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from bench.memory import line
from bench.programs import Program, free_port, stoker

LINES = 200
CPU = 0.01
"""Of one core."""
MEMORY = 100e6
SETTLE = 60.0
"""Seconds after which the files that are not read yet are not waited for."""
CONFIG = """state_dir: {folder}/state
gpu: {{enabled: false}}
host: {{enabled: false}}
sources: [{{name: bench, files: ["{folder}/logs/*.log"], from: beginning}}]
"""


def main() -> int:
    """Print the figures; 1 when they are more than promised."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=1000, help="how many logs (default: 1000)")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long it is watched (default: 20)")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stoker-bench-")))
        logs = folder / "logs"
        logs.mkdir()
        for log in range(arguments.files):
            (logs / f"{log}.log").write_text("".join(line(log, number) for number in range(LINES)))
        (folder / "stoker.yaml").write_text(CONFIG.format(folder=folder))
        port = free_port()
        program = Program("stoker", stoker(folder / "stoker.yaml", port), port, folder / "stoker.out")
        stack.callback(program.stop)
        program.wait_until_up("stoker_log_lines_total")
        give_up = time.monotonic() + SETTLE
        while program.value("stoker_log_lines_total") < arguments.files * LINES and time.monotonic() < give_up:
            time.sleep(0.2)
        lines = program.value("stoker_log_lines_total")
        time.sleep(7.0)  # what was read is saved within this time
        begun, before, most = time.monotonic(), program.cpu(), program.memory()
        while time.monotonic() - begun < arguments.seconds:
            time.sleep(1.0)
            most = max(most, program.memory())
        cpu = (program.cpu() - before) / (time.monotonic() - begun)
        followed = program.value("stoker_log_files")
    print(f"{followed:.0f} files followed, {lines:.0f} lines read, none since")
    print(f"{cpu:.2%} of one core, {most / 1e6:.1f} MB of PSS")
    if cpu > CPU or most > MEMORY or followed < arguments.files or lines < arguments.files * LINES:
        print(f"more than {CPU:.0%} of one core or {MEMORY / 1e6:g} MB, or not all was read", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
