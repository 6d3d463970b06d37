"""Two simulated GPUs for the demonstration: real NVML calls through the real binding, answered by a small library that is compiled here.

What they do is made up and their names say so: the first works evenly, the second gets hot every few minutes and is slowed down by its driver.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.processes import DemoError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from simulator import nvml_simulator as simulator  # noqa: E402 - it lies beside the tests that use it

if TYPE_CHECKING:
    from demo.stack import Stack

_WAVE = 240.0
"""Seconds from one heat to the next."""
_HOT = 0.97
"""How near the peak of a wave it is hot: 8 % of the time, which is seen and does not alert."""
_MEMORY = 89 << 30
_SLOWED = 0x20  # software thermal slowdown


def start(stack: Stack) -> dict[str, str]:
    """Compile the library, start the program that makes the GPUs work, and give the environment in which NVML is this.

    Raises:
        DemoError: there is no C compiler.
    """
    folder = stack.folder / "gpu"
    try:
        library = simulator.compile_library(folder)
    except simulator.NoCompilerError as error:
        raise DemoError(f"no simulated GPU: {error}; DEMO_GPU=0 does without") from error
    file = folder / "machine"
    step(simulator.machine(2), 0.0).write(file)
    stack.processes.start("gpu", [sys.executable, "-m", "demo.gpu", "--file", str(file)], cwd=ROOT)
    return simulator.environment(library, file)


def step(machine: simulator.Machine, seconds: float) -> simulator.Machine:
    """The machine after `seconds` of work."""
    for index, device in enumerate(machine.devices):
        wave = math.sin(2 * math.pi * seconds / _WAVE + index)
        hot = index == 1 and wave > _HOT
        busy = 80 + 8 * math.sin(seconds / 7 + index)
        celsius = int(58 + 8 * index + 12 * wave + (6 if hot else 0))
        watts = 500 + 1.6 * busy + 40 * wave
        values = device.values
        values["utilization"] = int(busy)
        values["memory_utilization"] = int(busy * 0.6)
        values["temperature"] = celsius
        values["margin"] = 89 - celsius
        values["field82"] = celsius - 9
        values["power"] = int(watts * 1000)
        stamp = int((seconds + 1) * 1e6)
        values["samples0"] = f"{stamp}:{int(watts * 1000)}"
        values["samples1"] = f"{stamp}:{int(busy)}"
        values["process_use"] = f"{os.getpid()}:{stamp}:{int(busy)}:{int(busy * 0.6)}:0:0"
        values["energy"] = int(values["energy"]) + int(watts * 1000)
        values["reasons"] = _SLOWED if hot else 0
        values["clock0"] = values["clock1"] = 1410 if hot else 1980
        if hot:
            values["field269"] = int(values["field269"]) + 1_000_000_000
    return machine


def main() -> None:
    """Let a second of work pass each second."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--file", type=Path, required=True)
    file: Path = arguments.parse_args().file
    machine = simulator.machine(2)
    for device in machine.devices:
        device.values["compute"] = f"{os.getpid()}:{_MEMORY}"  # this program is who has the GPUs
    seconds = 0.0
    while file.parent.exists():
        step(machine, seconds).write(file)
        time.sleep(1.0)
        seconds += 1.0


if __name__ == "__main__":
    main()
