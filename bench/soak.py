"""Thousands of looks and scrapes in accelerated time while simulated GPUs come and go: nothing may grow.

In each cycle GPUs are lost, taken out, exchanged, divided into MIG instances, hang, crash the library, and the driver is reloaded; then all is
well again, and memory, descriptors, threads and series are counted. Fifteen seconds pass from one look to the next one by the clock
that the gate and the schedule are given. The process that speaks with NVML, the collector, the schedule, the server and the scrapes are real. 1 when
something has grown.

    python -m bench.soak --rounds 3000
"""

from __future__ import annotations

import argparse
import http.client
import logging
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil
from bench.programs import ROOT

sys.path.insert(0, str(ROOT / "tests"))

from gpus import GpuBench
from simulator import nvml_simulator as simulator
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.schedule import Schedule
from stoker.server.exposition import Exposition
from stoker.server.http import Server
from stoker.server.site import routes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stoker.metrics import Sample

GPUS = 4
INTERVAL = 15.0
WARM = 3
"""Cycles before the first count: caches fill, and each error has its series."""
MEMORY = 4e6
"""Bytes that memory may differ by: the allocator's own."""
DRIVER_NOT_LOADED, UNKNOWN = 9, 999
VERSION = "proc/driver/nvidia/version"


class Count(NamedTuple):
    """What must not grow: bytes of PSS, descriptors, threads, series."""

    memory: int
    descriptors: int
    threads: int
    series: int


class _Site:
    """What the server shows: the schedule's samples, and nothing else."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def samples(self) -> list[Sample]:
        return self._schedule.samples()

    def ready(self) -> bool:
        return True

    def reload(self) -> str:
        return ""

    def forget(self, uuid: str) -> bool:  # noqa: ARG002 - as routes() wants it
        return False

    def ingest(self, name: str) -> None:  # noqa: ARG002 - as routes() wants it
        return None

    def status_page(self) -> bytes:
        return b""


class Soak:
    """A machine that is looked at and scraped.

    Args:
        folder: of everything that it writes.
    """

    def __init__(self, folder: Path) -> None:
        library = simulator.compile_library(folder / "library")
        self.bench = GpuBench(library, folder / "machine", GPUS, deadline=0.3)
        self.schedule = Schedule(
            gpu_collectors(self.bench.gate), interval=INTERVAL, deadline=10.0, monotonic=self.bench.clock
        )
        self.server = Server("127.0.0.1:0", routes(_Site(self.schedule), Exposition()))
        self.server.start()
        self.rounds = 0
        self.series = 0

    def look(self, times: int = 1) -> None:
        """Look and scrape, with the machine as it is now."""
        self.bench.change()
        for _ in range(times):
            self.bench.clock.now += INTERVAL
            self.schedule.run_once()
            self.series = self._scrape()
            self.rounds += 1

    def _scrape(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request("GET", "/metrics")
        body = connection.getresponse().read()
        connection.close()
        return sum(1 for line in body.splitlines() if line.startswith(b"stoker_gpu"))

    def count(self) -> Count:
        """Of this process and of the one that speaks with NVML."""
        me = psutil.Process()
        found = [me, *me.children(recursive=True)]
        return Count(
            sum(process.memory_full_info().pss for process in found),
            sum(process.num_fds() for process in found),
            sum(process.num_threads() for process in found),
            self.series,
        )

    def stop(self) -> None:
        """End everything."""
        self.server.stop()
        self.schedule.stop()
        self.bench.gate.close()

    def cycle(self) -> None:
        """Every trouble once, and then none."""
        for trouble in self._troubles():
            trouble()
            self.look(2)
            for index, device in enumerate(self.bench.machine.devices):
                device.values = {**simulator.h200(index).values, **device.values}
                device.heal()
        self.bench.machine = simulator.machine(GPUS)
        for _ in range(80):  # what was paused is asked again, and a library that saw lost devices is initialised anew
            self.look()
            if all(gpu.up for gpu in self.bench.gate.snapshot(fresh=INTERVAL).gpus):
                break
        self.look(2)

    def _troubles(self) -> Iterator[Callable[[], object]]:
        machine = self.bench.machine
        first, second, *_ = machine.devices
        yield second.lose
        yield machine.devices.pop
        yield lambda: machine.devices.append(simulator.h200(GPUS - 1))
        yield lambda: second.values.update(uuid="GPU-exchanged")
        yield lambda: second.values.update(uuid=simulator.uuid_of(1))
        for instances in (1, 7, 3):
            yield lambda number=instances: self._divide(first, number)  # type: ignore[misc]
        yield lambda: first.values.update(mig=0)
        yield lambda: first.values.update(error=UNKNOWN)
        yield lambda: second.fails("nvmlGpmSampleGet", UNKNOWN)
        yield self._unload
        yield self._load
        yield lambda: first.crashes("nvmlDeviceGetPowerUsage")
        yield lambda: second.hangs("nvmlDeviceGetMemoryInfo")

    def _divide(self, device: simulator.Device, instances: int) -> None:
        device.values = {key: value for key, value in device.values.items() if not key.startswith("mig")}
        device.values["mig"] = 1
        for number in range(instances):
            device.values |= {f"mig{number}.gpu_instance": number + 1, f"mig{number}.compute_instance": 0}
            device.values |= {f"mig{number}.memory_{kind}": 1 << 30 for kind in ("total", "used", "reserved")}
            device.values |= {f"mig{number}.gpm{metric}": 100 for metric in range(1, 14)}

    def _unload(self) -> None:
        self.bench.machine.system["error.nvmlInit"] = DRIVER_NOT_LOADED
        (self.bench.folder / VERSION).unlink()

    def _load(self) -> None:
        del self.bench.machine.system["error.nvmlInit"]
        (self.bench.folder / VERSION).write_text("590.48.01\n")


def main() -> int:
    """Print what there was of everything; 1 when something has grown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=2000, help="looks and scrapes (default: 2000)")
    arguments = parser.parse_args()
    logging.disable()  # each trouble is logged, thousands of times
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stoker-bench-") as folder:
        soak = Soak(Path(folder))
        counts: list[Count] = []
        try:
            while len(counts) <= WARM or soak.rounds < arguments.rounds:
                soak.cycle()
                counts.append(soak.count())
        finally:
            soak.stop()
    first, last = counts[WARM - 1], counts[-1]
    print(
        f"{soak.rounds} looks and scrapes in {len(counts)} cycles, {time.monotonic() - begun:.0f} s, {os.cpu_count()} CPUs"
    )
    print(f"{'':12} {'PSS MB':>8} {'descriptors':>12} {'threads':>8} {'series':>7}")
    for title, each in (("after cycle " + str(WARM), first), ("at the end", last)):
        print(f"{title:14} {each.memory / 1e6:6.1f} {each.descriptors:12d} {each.threads:8d} {each.series:7d}")
    grown = [name for name in ("descriptors", "threads", "series") if getattr(last, name) > getattr(first, name)]
    if last.memory > first.memory + MEMORY:
        grown.append("memory")
    print("nothing to compare with: the peers need a driver")
    for name in grown:
        print(f"{name} grew", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
