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
from stoker.collectors.gpu_xid import UNWATCHED
from stoker.collectors.rehearsal import COVERS
from stoker.metrics import own
from stoker.parts import CollectorsPart, replayed_parts
from stoker.server.exposition import Exposition
from stoker.sources.calls import Calls
from stoker.sources.clock import ClockState
from stoker.sources.machine import Machine
from stoker.sources.owners import INITIAL
from stoker.sources.pod_resources import Assignment
from stoker.sources.record import Asked, record
from stoker.sources.recording import Recording, load, save
from stoker.sources.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stoker.metrics import Sample

RECORDED = Path(__file__).parent / "recorded"
GOLDEN = Path(__file__).parent / "golden"
FIRST = "format-1"
"""A recording that is kept as the first Stoker that recorded has written it."""
NAMES = ("eight-gpus.tar.gz", "mig", "degraded-link", "lost-gpu")
_VOLATILE = (own.COLLECTOR_DURATION, own.COLLECTOR_LAST_SUCCESS, UNWATCHED)
BEGUN = 1_800_000_000.0
_GIB = 1 << 30
GROUP = "fs/cgroup/system.slice/stoker.service"
"""The control group of Stoker itself, below /sys."""
_STAT = "cpu  {0} 0 400 {1} 50 0 10 0 0 0\ncpu0 {0} 0 400 {1} 50 0 10 0 0 0\nintr 1\nctxt 5\nbtime 1799990000\n"
POD = "22fd933a-ee61-46bd-93ae-ebace73c1160"
PROC = {
    "loadavg": "1.50 1.25 1.00 2/345 6789\n",
    "meminfo": "MemTotal: 24684092 kB\nMemFree: 1000 kB\nMemAvailable: 20000000 kB\nBuffers: 1000 kB\nCached: 4000 kB\nSReclaimable: 10 kB\nSwapTotal: 100 kB\nSwapFree: 50 kB\n",
    "vmstat": "pswpin 3\npswpout 4\noom_kill 1\n",
    "diskstats": " 259 0 nvme0n1 100 0 2000 30 50 0 4000 20 0 40 50 0 0 0 0 0 0\n",
    "net/dev": "Inter-| Receive | Transmit\n face |bytes packets\n  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n",
    "pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=2000000\n",
    "sys/kernel/osrelease": "6.8.0-test\n",
    "sys/kernel/random/boot_id": "6b1c7a52-0000-4000-8000-000000000001\n",
    "sys/fs/file-nr": "4096\t0\t1000000\n",
    "sys/net/netfilter/nf_conntrack_count": "120\n",
    "sys/net/netfilter/nf_conntrack_max": "262144\n",
    "self/cgroup": "0::/system.slice/stoker.service\n",
    "driver/nvidia/version": "NVRM version: 590.48.01\n",
    "1/stat": f"1 (init) S 0 1 1 {'0 ' * 15}10\n",
    "77/stat": f"77 (a (secret) name) D 1 77 77 {'0 ' * 15}20\n",
    "77/status": "Name:\ta name\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n",
}
_CONTAINER = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
_DOCKER = "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2"
_FIRST_PID = 4_000_000
OWNED = (
    ("python3.11", "0::/system.slice/slurmstepd.scope/job_812/step_0/user/task_0\n", ""),
    ("vllm", f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{_CONTAINER}.scope\n", ""),
    ("trainer", f"0::/system.slice/docker-{_DOCKER}.scope\n", ""),
    ("python3.11", "0::/user.slice/user-1000.slice/session-3.scope\n", "TOKEN=secret\0SLURM_JOB_ID=4711\0"),
    ("my tool", "0::/\n", ""),
)
"""Executable, control group and environment of the process on each GPU; those of further GPUs are like the last."""
SYS = {
    "class/hwmon/hwmon0/name": "coretemp\n",
    "class/hwmon/hwmon0/temp1_input": "45000\n",
    "class/hwmon/hwmon0/temp1_label": "Package id 0\n",
    "class/infiniband/mlx5_0/ports/1/state": "4: ACTIVE\n",
    "class/infiniband/mlx5_0/ports/1/phys_state": "5: LinkUp\n",
    "class/infiniband/mlx5_0/ports/1/rate": "400 Gb/sec (4X NDR)\n",
    "class/infiniband/mlx5_0/ports/1/counters/port_rcv_data": "1000\n",
    "class/infiniband/mlx5_0/ports/1/counters/link_downed": "2\n",
    "class/net/bonding_masters": "bond0\n",
    "class/net/bond0/bonding/slaves": "eth0 eth1\n",
    "class/net/eth0/bonding_slave/mii_status": "up\n",
    "class/net/eth1/bonding_slave/mii_status": "down\n",
    "class/nvme/nvme0/state": "live\n",
    "block/md0/md/raid_disks": "2\n",
    "block/md0/md/degraded": "1\n",
    "block/md0/md/sync_action": "recover\n",
    "devices/system/edac/mc/mc0/ce_count": "7\n",
    "devices/system/edac/mc/mc0/ue_count": "0\n",
    "devices/system/cpu/cpu0/topology/physical_package_id": "0\n",
    "devices/system/cpu/cpu0/thermal_throttle/package_throttle_count": "4\n",
    "devices/system/cpu/cpu0/thermal_throttle/package_throttle_total_time_ms": "1500\n",
    f"{GROUP}/memory.max": f"{4 * _GIB}\n",
    f"{GROUP}/memory.current": f"{3 * _GIB}\n",
    f"{GROUP}/memory.stat": f"anon 5\ninactive_file {_GIB}\n",
    f"{GROUP}/memory.events": "oom 3\noom_kill 2\n",
    f"{GROUP}/cpu.max": "250000 100000\n",
    f"{GROUP}/cpu.stat": "nr_throttled 4\nthrottled_usec 1500000\n",
}


def tree(root: Path, gpus: int) -> Machine:
    """A machine with so many GPUs on its bus."""
    files = {f"proc/{name}": text for name, text in PROC.items()}
    files |= {f"sys/{name}": text for name, text in SYS.items()}
    links = {"sys/class/hwmon/hwmon0/device": "../../../coretemp.0", "proc/self/ns/pid": INITIAL}
    for index in range(gpus):
        device = f"sys/bus/pci/devices/0000:{0x11 + 0x10 * index:02x}:00.0"
        files |= {f"{device}/vendor": "0x10de\n", f"{device}/class": "0x030200\n"}
        links[f"{device}/driver"] = "../../drivers/nvidia"
    files |= {"etc/os-release": 'NAME="Debian"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n', "proc/1/mountinfo": ""}
    write(root, files)
    for name, target in links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)
    for index in range(gpus):
        _process(root / f"proc/{_FIRST_PID + index}", *OWNED[min(index, len(OWNED) - 1)])
    write(root, {f"var/log/containers/chat-7d9_ml_server-{_CONTAINER}.log": ""})
    busy(root, 0)
    return Machine(str(root / "proc"), str(root / "sys"), str(root))


def _process(folder: Path, program: str, group: str, environment: str) -> None:
    stat = f"{folder.name} ({program}) R 1 9 9 {'0 ' * 15}30\n"
    write(folder, {"stat": stat, "cgroup": group, "environ": environment, f"task/{folder.name}/stat": stat})
    (folder / "exe").symlink_to(f"/usr/bin/{program}")


def drive_log(_: str) -> bytes:
    """What every drive answers: 3 % worn, 1000 hours."""
    return bytes((0, 54, 1, 100, 10, 3)) + bytes(122) + (1000).to_bytes(16, "little") + bytes(368)


def calls(devices: Sequence[str] = ()) -> Calls:
    """A clock that is kept, drives that answer, and a kubelet that gave these devices to a pod."""
    given = [Assignment(device, "ml", "trainer-0", "main") for device in devices]
    return Calls(
        lambda: ClockState(synchronized=True, offset=1e-5, estimated_error=2e-4, max_error=3e-3),
        drive_log,
        lambda _: given,
    )


def busy(root: Path, number: int) -> None:
    """Let the processors have worked on, as at the look of this number."""
    write(root, {"proc/stat": _STAT.format(1000 + 30 * number, 8000 + 70 * number)})


def played(recording: Recording, *, host: str = "") -> str:
    """The page after all rounds, with the names of dcgm-exporter; see `rendered`."""
    replay = Replay(recording)
    loaded, pack = load_all(None)
    (part,) = replayed_parts(replay, loaded.settings, pack, replay.machine)
    assert isinstance(part, CollectorsPart)
    view = Dcgm(host or recording.host)
    try:
        for number, each in enumerate(recording.rounds):
            replay.go_to(number)
            part.schedule.run_once()
            samples = part.samples()
            foreign = view.read(samples, 1.0 + each.at)
        return rendered([*samples, *foreign])
    finally:
        part.stop()
        replay.close()


def rendered(samples: Sequence[Sample]) -> str:
    """A page without what depends on when it was made, and on who looked for XIDs then."""
    return Exposition().render([sample for sample in samples if sample.desc not in _VOLATILE]).decode()


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
            asked = Asked(
                len(self._rounds) + 1, 5.0, "node-1", "node-1", gpus=True, deadline=5.0, known={}, covers=COVERS
            )
            env = simulator.environment(self._library, self._file, {"PATH": "/usr/bin:/bin"})

            def wait(_: float) -> None:
                if self._looks:  # the first is between the look that is thrown away and the first that counts
                    self._rounds[self._looks - 1](self._machine)
                busy(root, self._looks)
                self._looks += 1
                for device in self._machine.devices:
                    work(device)
                self._machine.write(self._file)

            given = calls([str(self._machine.devices[-1].values["uuid"])])
            made = record(machine, asked, env, root=root, clock=lambda: BEGUN, wait=wait, calls=given)
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
    for name in (*NAMES, FIRST):
        golden(name).write_text(played(load(RECORDED / name)), encoding="utf-8")


if __name__ == "__main__":
    main()
