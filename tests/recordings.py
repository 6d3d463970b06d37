"""Recorded machines for the tests, made with the simulated library and small trees of files, and the page that each one gives.

`python tests/recordings.py` (part of `make golden`) writes them anew: tests/recorded/ and tests/golden/.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from machines import write
from simulator import nvml_simulator as simulator
from stoker.app import load_all
from stoker.collectors.dcgm import Dcgm
from stoker.metrics import own
from stoker.parts import CollectorsPart, replayed_parts
from stoker.server.exposition import Exposition
from stoker.sources.machine import Machine
from stoker.sources.record import Asked, record
from stoker.sources.recording import Recording, load, save
from stoker.sources.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDED = Path(__file__).parent / "recorded"
GOLDEN = Path(__file__).parent / "golden"
NAMES = ("eight-gpus.tar.gz", "mig", "degraded-link", "lost-gpu")
_VOLATILE = (own.COLLECTOR_DURATION, own.COLLECTOR_LAST_SUCCESS)
_BEGUN = 1_800_000_000.0
_GIB = 1 << 30
_STAT = "cpu  {0} 0 400 {1} 50 0 10 0 0 0\ncpu0 {0} 0 400 {1} 50 0 10 0 0 0\nintr 1\nctxt 5\nbtime 1799990000\n"
PROC = {
    "loadavg": "1.50 1.25 1.00 2/345 6789\n",
    "meminfo": "MemTotal: 24684092 kB\nMemFree: 1000 kB\nMemAvailable: 20000000 kB\nBuffers: 1000 kB\nCached: 4000 kB\nSReclaimable: 10 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n",
    "vmstat": "pswpin 3\npswpout 4\noom_kill 1\n",
    "diskstats": " 259 0 nvme0n1 100 0 2000 30 50 0 4000 20 0 40 50 0 0 0 0 0 0\n",
    "net/dev": "Inter-| Receive | Transmit\n face |bytes packets\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
    "pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n",
    "sys/kernel/osrelease": "6.8.0-test\n",
    "sys/kernel/random/boot_id": "6b1c7a52-0000-4000-8000-000000000001\n",
    "driver/nvidia/version": "NVRM version: 590.48.01\n",
    "1/stat": f"1 (init) S 0 1 1 {'0 ' * 15}10\n",
    "77/stat": f"77 (a (secret) name) D 1 77 77 {'0 ' * 15}20\n",
    "77/status": "Name:\ta name\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n",
    "4000000/stat": f"4000000 (python3) R 1 9 9 {'0 ' * 15}30\n",
    "4000000/comm": "python3\n",
}
SYS = {
    "class/hwmon/hwmon0/name": "coretemp\n",
    "class/hwmon/hwmon0/temp1_input": "45000\n",
    "class/hwmon/hwmon0/temp1_label": "Package id 0\n",
    "class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE\n",
    "class/infiniband/mlx5_0/ports/1/counters/port_rcv_data": "1000\n",
    "class/infiniband/mlx5_0/ports/1/counters/link_downed": "2\n",
}


def tree(root: Path, gpus: int) -> Machine:
    """A machine with so many GPUs on its bus."""
    files = {f"proc/{name}": text for name, text in PROC.items()}
    files |= {f"sys/{name}": text for name, text in SYS.items()}
    for index in range(gpus):
        device = f"sys/bus/pci/devices/0000:{0x11 + 0x10 * index:02x}:00.0"
        files |= {f"{device}/vendor": "0x10de\n", f"{device}/class": "0x030200\n"}
    files |= {"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "proc/1/mountinfo": ""}
    write(root, files)
    (root / "sys/class/hwmon/hwmon0/device").symlink_to("../../../coretemp.0")
    busy(root, 0)
    return Machine(str(root / "proc"), str(root / "sys"), str(root))


def busy(root: Path, number: int) -> None:
    """Let the processors have worked on, as at the look of this number."""
    write(root, {"proc/stat": _STAT.format(1000 + 30 * number, 8000 + 70 * number)})


def played(recording: Recording, *, host: str = "") -> str:
    """The page after all rounds, with the names of dcgm-exporter and without what depends on when it was made."""
    replay = Replay(recording)
    loaded, pack = load_all(None)
    (part,) = replayed_parts(replay, loaded.settings, pack, replay.machine)
    assert isinstance(part, CollectorsPart)
    view = Dcgm(host or recording.host)
    try:
        for number, each in enumerate(recording.rounds):
            replay.go_to(number)
            part.schedule.run_once()
            samples = [sample for sample in part.samples() if sample.desc not in _VOLATILE]
            foreign = view.read(samples, 1.0 + each.at)
        return Exposition().render([*samples, *foreign]).decode()
    finally:
        part.stop()
        replay.close()


def golden(name: str) -> Path:
    """Where the page of a recording is kept."""
    return GOLDEN / f"{name.removesuffix('.tar.gz')}.prom"


class _Maker:
    """Records one machine while it changes from look to look."""

    def __init__(self, library: Path, gpus: int, rounds: Sequence[Callable[[simulator.Machine], None]]) -> None:
        self._library = library
        self._gpus = gpus
        self._rounds = list(rounds)
        self._machine = simulator.machine(gpus)

    def make(self) -> Recording:
        """The recording, with made-up times and file systems."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            self._file = root / "machine"
            machine = tree(root, self._gpus)
            self._machine.write(self._file)
            self._looks = 0
            asked = Asked(len(self._rounds) + 1, 5.0, "node-1", "node-1", gpus=True, deadline=5.0, known={})
            env = simulator.environment(self._library, self._file, {"PATH": "/usr/bin:/bin"})

            def wait(_: float) -> None:
                if self._looks:  # the first is between the look that is thrown away and the first that counts
                    self._rounds[self._looks - 1](self._machine)
                busy(root, self._looks)
                self._looks += 1
                for device in self._machine.devices:
                    work(device)
                self._machine.write(self._file)

            made = record(machine, asked, env, root=root, clock=lambda: _BEGUN, wait=wait)
        mounts: dict[str, list[int] | str] = {
            "/": [100 * _GIB, 40 * _GIB, 1000, 600],
            "/data": "statvfs did not return",
        }
        info = "0 0 0:0 / / rw - ext4 /dev/nvme0n1 rw\n1 0 0:1 / /data rw - nfs4 filer:/data rw\n"
        rounds = [replace(each, mounts=mounts, files={**each.files, "proc/1/mountinfo": info}) for each in made.rounds]
        return replace(made, rounds=rounds, architecture="x86_64")


def work(device: simulator.Device) -> None:
    """Five seconds under load."""
    for key, step in (("energy", 3_130_000), ("field197", 5 << 20), ("field198", 10 << 20), ("field138", 5120)):
        device.values[key] = int(device.values[key]) + step


def _mig(machine: simulator.Machine) -> None:
    values = machine.devices[0].values
    values |= {"mig": 1, "mig_pending": 1, "compute": f"4000000:{9 * _GIB}:1:0"}
    for number, (instance, size) in enumerate(((1, "3g.71gb"), (2, "2g.35gb"), (7, "1g.18gb"))):
        kept = {"gpu_instance": instance, "compute_instance": 0, "multiprocessors": 16 * (number + 1)}
        kept |= {"memory_total": 18 * _GIB, "memory_used": (number + 1) * _GIB, "memory_reserved": 1 << 20}
        values |= {f"mig{number}.{key}": value for key, value in kept.items()}
        values |= {f"mig{number}.uuid": f"MIG-{number}", f"mig{number}.name": f"NVIDIA H200 MIG {size}"}
        values |= {f"mig{number}.gpm{metric}": 100 * (number + 1) for metric in (1, 2, 5, 10)}


def _narrow(machine: simulator.Machine) -> None:
    values = machine.devices[1].values
    values |= {"pcie_width": 4, "pcie_generation": 3, "pcie_replays": int(values["pcie_replays"]) + 40, "field173": 12}


def _same(_: simulator.Machine) -> None:
    """Nothing happens but work."""


def _lose(machine: simulator.Machine) -> None:
    machine.devices[1].lose()


def _remove(machine: simulator.Machine) -> None:
    machine.devices.pop()


def recordings(library: Path) -> dict[str, Recording]:
    """Each of NAMES."""
    made = {
        "eight-gpus.tar.gz": _Maker(library, 8, [_same]),
        "mig": _Maker(library, 1, [_mig, _same]),
        "degraded-link": _Maker(library, 2, [_narrow]),
        "lost-gpu": _Maker(library, 2, [_lose, _remove]),
    }
    return {name: maker.make() for name, maker in made.items()}


def main() -> None:
    """Write recordings and pages."""
    with tempfile.TemporaryDirectory() as folder:
        library = simulator.compile_library(Path(folder))
        found = recordings(library)
    GOLDEN.mkdir(exist_ok=True)
    RECORDED.mkdir(exist_ok=True)
    for name, recording in found.items():
        path = RECORDED / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        save(path, recording)
        golden(name).write_text(played(load(path)), encoding="utf-8")


if __name__ == "__main__":
    main()
