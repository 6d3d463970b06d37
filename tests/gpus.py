"""Machines with simulated GPUs: a real child process speaks through the real binding with a compiled library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from machines import Clock, values, write
from simulator import nvml_simulator as simulator
from stoker.collectors.gpu import gpu_collectors
from stoker.sources.nvml import NvmlGate
from stoker.sources.owners import INITIAL
from stoker.sources.pods import Pods

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.collectors.collector import Reading
    from stoker.sources.nvml_values import Snapshot

NAMES = {index: f'gpu="{index}",uuid="{simulator.uuid_of(index)}"' for index in range(16)}
"""The labels of each simulated GPU, as the exposition spells them."""


class GpuBench:
    """A machine of `count` GPUs, and the gate and collector that read it.

    Attributes:
        machine: change it and call `change`, and the library answers so from the next round on.
        clock: seconds since the epoch; also of the gate's pauses.
        memory: what the gate keeps.
        pods: what the folder `containers` and the socket `kubelet.sock` tell of pods.
    """

    def __init__(self, library: Path, folder: Path, count: int, **settings: Any) -> None:  # noqa: ANN401 - the gate's own
        folder.mkdir()
        self.folder = folder
        self.file = folder / "machine"
        self.machine = simulator.machine(count)
        self.clock = Clock(1_800_000_000.0)
        self.memory: dict[str, object] = settings.pop("memory", {})
        for name in ("proc", "sys", "dev"):
            (folder / name).mkdir()
        write(folder, {"proc/driver/nvidia/version": "590.48.01\n", "proc/sys/kernel/random/boot_id": "boot-1\n"})
        self.process(1, "systemd")
        (folder / "proc/self/ns").mkdir(parents=True)
        (folder / "proc/self/ns/pid").symlink_to(INITIAL)  # the machine's own PID namespace
        self.change()
        env = simulator.environment(library, self.file, {"PATH": "/usr/bin:/bin", **settings.pop("env", {})})
        self._settings = {
            "sysfs": folder / "sys",
            "procfs": folder / "proc",
            "root": folder,
            "memory": self.memory,
            "clock": self.clock,
            "monotonic": self.clock,
            "env": env,
            "deadline": 1.0,
        } | settings
        self.gate = NvmlGate(**self._settings)
        self.pods = Pods(str(folder / "kubelet.sock"), str(folder / "containers"), self.clock)

    def change(self) -> None:
        """Let the library see `machine` as it is now."""
        self.machine.write(self.file)

    def restart(self) -> None:
        """A new gate, as after a restart of Stoker."""
        self.gate.close()
        self.gate = NvmlGate(**self._settings)

    def remove(self, index: int) -> simulator.Device:
        """Take a GPU off the bus, as after a restart of the machine without it."""
        device = self.machine.devices.pop(index)
        self.change()
        return device

    def process(self, pid: int, command: str = "", *, group: str = "0::/", start: int = 100, state: str = "S") -> Path:
        """Let /proc have a process of that executable, control group and start; gives its folder."""
        here = self.folder / "proc" / str(pid)
        # what is in the brackets may be anything
        stat = f"{pid} (a) b) {state} 1 {pid} {pid} " + "0 " * 15 + f"{start} 0 0\n"
        write(here, {"stat": stat, "cgroup": group, f"task/{pid}/stat": stat})
        if command:
            (here / "exe").unlink(missing_ok=True)
            (here / "exe").symlink_to(f"/usr/bin/{command}")
        return here

    def bus(self, *rows: tuple[str, str, str, str]) -> None:
        """Put devices on the PCI bus: address, vendor, class and driver (empty: none)."""
        for address, vendor, kind, driver in rows:
            base = f"sys/bus/pci/devices/{address}"
            write(self.folder, {f"{base}/vendor": f"{vendor}\n", f"{base}/class": f"{kind}\n"})
            if driver:
                (self.folder / base / "driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")

    def collect(self, **settings: Any) -> Reading:  # noqa: ANN401 - those of gpu_collectors
        """One run of the collector, an interval later."""
        self.clock.now += 15
        (collector,) = gpu_collectors(self.gate, **{"pods": self.pods} | settings)
        return collector.collect()

    def values(self, **settings: Any) -> dict[str, float]:  # noqa: ANN401 - those of gpu_collectors
        """What one run of the collector gives, by series, without empty labels."""
        return {_without_empty(series): value for series, value in values(self.collect(**settings)).items()}


def _without_empty(series: str) -> str:
    name, brace, rest = series.partition("{")
    if not brace:
        return name
    pairs = [pair for pair in rest.removesuffix("}").split(",") if not pair.endswith('=""')]
    return f"{name}{{{','.join(pairs)}}}" if pairs else name


def look(bench: GpuBench, seconds: float = 15) -> Snapshot:
    """What the gate says some seconds later."""
    bench.clock.now += seconds
    return bench.gate.snapshot()


def ups(snapshot: Snapshot) -> dict[str, bool]:
    """Whether each GPU answers, by uuid."""
    return {gpu.uuid: gpu.up for gpu in snapshot.gpus}
