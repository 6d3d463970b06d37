"""What of /proc, /sys and the mounts is written down: an allowed list. No command lines, no environment, no names of programs.

A collector that reads a further file needs a row here to be seen in a recording. Of processes on GPUs is written down whose they are, in the
form of the files that tell it.
"""

from __future__ import annotations

import errno
import glob
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from stoker.errors import SourceError
from stoker.sources.cgroup import Cgroups
from stoker.sources.control_groups import Groups, written
from stoker.sources.pods import LOGS
from stoker.sources.processes import namespace
from stoker.sources.pseudofile import read_raw
from stoker.sources.recording import WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stoker.sources.machine import Machine
    from stoker.sources.mounts import Mounts
    from stoker.sources.owners import Owner
    from stoker.sources.pods import PodName

PROC = (
    "stat",
    "loadavg",
    "meminfo",
    "vmstat",
    "diskstats",
    "net/dev",
    "pressure/*",
    "sys/fs/file-nr",
    "sys/net/netfilter/nf_conntrack_count",
    "sys/net/netfilter/nf_conntrack_max",
    "sys/kernel/osrelease",
    "sys/kernel/random/boot_id",
    "driver/nvidia/version",
)
"""Below /proc."""
SYS = (
    "block/md*/md/raid_disks",
    "block/md*/md/degraded",
    "block/md*/md/sync_action",
    "class/hwmon/*/name",
    "class/hwmon/*/temp*_input",
    "class/hwmon/*/temp*_label",
    "class/infiniband/*/ports/*/state",
    "class/infiniband/*/ports/*/phys_state",
    "class/infiniband/*/ports/*/rate",
    "class/infiniband/*/ports/*/counters/*",
    "class/net/bonding_masters",
    "class/net/*/bonding/slaves",
    "class/net/*/bonding_slave/mii_status",
    "class/nvme/*/state",
    "devices/system/cpu/cpu*/thermal_throttle/package_throttle_count",
    "devices/system/cpu/cpu*/thermal_throttle/package_throttle_total_time_ms",
    "devices/system/cpu/cpu*/topology/physical_package_id",
    "devices/system/edac/mc/mc*/ce_count",
    "devices/system/edac/mc/mc*/ue_count",
)
"""Below /sys."""
LINKS = ("class/hwmon/*/device",)
"""Links below /sys, of which the last part of what they point to is kept."""
_BUS = "bus/pci/devices"
_NVIDIA = "0x10de"
_STATE, _START = 0, 19  # places after the command in /proc/PID/stat
_FAMILY = (1, 2, 3)
_FLAGS = 6
_DEAD = ("Z", "X")
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESRCH})


class Taken:
    """Files, links and mounts as a Round has them.

    Args:
        machine: where they are.
        refused: files that could not be read in the round before, by the name of the error.
    """

    def __init__(self, machine: Machine, refused: Mapping[str, str]) -> None:
        self._machine = machine
        # a port's counters that it does not have are not asked for again: each refusal is a line in the kernel's log
        self._refused = {name: error for name, error in refused.items() if "/counters/" in name}
        self.files: dict[str, str] = {}
        self.unread: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.mounts: dict[str, list[int] | str] = {}

    def take(self, *, bus: bool, mounts: Mounts) -> Taken:
        """Read everything that is there, but for whose the processes on GPUs are.

        Args:
            bus: whether the PCI bus may be compared with what the driver sees.
            mounts: the gate to file systems.
        """
        for pattern in PROC:
            self._glob("proc", self._machine.proc, pattern)
        for pattern in SYS:
            self._glob("sys", self._machine.sys, pattern)
        for pattern in LINKS:
            for path in glob.glob(f"{glob.escape(self._machine.sys)}/{pattern}"):
                self._link(f"sys/{os.path.relpath(path, self._machine.sys)}", path)
        if bus:
            self._devices()
        self._processes()
        self._cgroups()
        self._system()
        self._mounts(mounts)
        return self

    def _glob(self, name: str, root: str, pattern: str) -> None:
        for path in glob.glob(f"{glob.escape(root)}/{pattern}"):
            self._file(f"{name}/{os.path.relpath(path, root)}", path)

    def _file(self, name: str, path: str) -> None:
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return
            if name in self._refused:
                self.unread[name] = self._refused[name]
                return
            self.files[name] = read_raw(path).decode("utf-8", "surrogateescape")
        except OSError as error:
            if error.errno not in _GONE:
                self.unread[name] = errno.errorcode.get(error.errno or errno.EIO, "EIO")

    def _link(self, name: str, path: str) -> None:
        with suppress(OSError):  # it is gone
            self.links[name] = os.path.basename(os.readlink(path))

    def _devices(self) -> None:
        """NVIDIA's devices on the bus."""
        for path in glob.glob(f"{glob.escape(self._machine.sys)}/{_BUS}/*"):
            name = f"sys/{_BUS}/{os.path.basename(path)}"
            self._file(f"{name}/vendor", f"{path}/vendor")
            if self.files.get(f"{name}/vendor", "").strip() != _NVIDIA:
                self.files.pop(f"{name}/vendor", None)
                continue
            self._file(f"{name}/class", f"{path}/class")
            self._link(f"{name}/driver", f"{path}/driver")
        self.files.setdefault(f"sys/{_BUS}/.keep", "")  # a bus without one of them is a bus

    def _processes(self) -> None:
        """State, family and start of each process; its name is left out."""
        try:
            names = [name for name in os.listdir(self._machine.proc) if name.isdigit()]
        except OSError:
            return
        for name in names:
            base = f"{self._machine.proc}/{name}"
            try:
                fields = read_raw(f"{base}/stat").decode(errors="replace").rpartition(")")[2].split()
                kept = {_STATE, _START, _FLAGS, *_FAMILY}
                shown = [field if place in kept else "0" for place, field in enumerate(fields[: _START + 1])]
                self.files[f"proc/{name}/stat"] = f"{name} (-) {' '.join(shown)}\n"
                if fields[_STATE] == "D":
                    lines = read_raw(f"{base}/status").decode(errors="replace").splitlines()
                    kept_lines = [line for line in lines if "voluntary_ctxt_switches:" in line]
                    self.files[f"proc/{name}/status"] = "".join(f"{line}\n" for line in kept_lines)
            except (OSError, IndexError):
                continue  # ended since the listing

    def _cgroups(self) -> None:
        """Those that this program runs in, with their limits."""
        with suppress(SourceError):
            for path in Cgroups(self._machine.proc, self._machine.sys).files():
                below = "proc" if path.startswith(f"{self._machine.proc}/") else "sys"
                root = self._machine.proc if below == "proc" else self._machine.sys
                self._file(f"{below}/{os.path.relpath(path, root)}", path)

    def own(self, owners: Mapping[int, Owner], names: Iterable[tuple[str, PodName]]) -> None:
        """Add whose the processes on GPUs are.

        Args:
            owners: by the process's number.
            names: of pods' containers, by the container's identifier.
        """
        numbers = namespace(self._machine.proc)
        if WHOLE.fullmatch(numbers):
            self.links["proc/self/ns/pid"] = numbers
        for pid, owner in owners.items():
            if owner.state == "living":
                self._owner(f"proc/{pid}", owner)
        for container, name in names:
            self.files[f"root{LOGS}/{name.pod}_{name.namespace}_{name.container}-{container}.log"] = ""

    def _owner(self, base: str, owner: Owner) -> None:
        self.files[f"{base}/cgroup"] = written(Groups(owner.slurm_job, owner.pod_uid, owner.container_id))
        # where not all processes can be seen, one that is believed in has a GPU's device open
        self.links[f"{base}/fd/0"] = "/dev/nvidia0"
        if owner.command not in ("", ".", ".."):
            self.links[f"{base}/exe"] = owner.command
        state = self.files.get(f"{base}/stat", "").rpartition(") ")[2][:1]
        if state in _DEAD:  # its first thread has ended, others run
            self.files |= {f"{base}/task/{number}/.keep": "" for number in (1, 2)}

    def _system(self) -> None:
        """The system's name for itself."""
        for name in ("etc/os-release", "usr/lib/os-release"):
            self._file("root/etc/os-release", f"{self._machine.root.rstrip('/')}/{name}")
            if "root/etc/os-release" in self.files:
                lines = self.files["root/etc/os-release"].splitlines()
                kept = [line for line in lines if line.startswith("PRETTY_NAME=")]
                self.files["root/etc/os-release"] = "".join(f"{line}\n" for line in kept)
                return

    def _mounts(self, mounts: Mounts) -> None:
        """Mounts without their options."""
        try:
            listed = mounts.listed()
        except SourceError:
            return
        lines = []
        for number, mount in enumerate(listed):
            device, point = (_escaped(text) for text in (mount.device, mount.mountpoint))
            state = "ro" if mount.readonly else "rw"
            lines.append(f"{number} 0 0:{number} / {point} rw - {mount.fstype} {device} {state}\n")
        self.files["proc/1/mountinfo"] = "".join(lines)
        for point, usage in mounts.usages(listed).items():
            self.mounts[point] = str(usage) if isinstance(usage, SourceError) else list(usage)


def _escaped(text: str) -> str:
    r"""As mountinfo writes it: a blank is `\040`."""
    return "".join(f"\\{ord(each):03o}" if each in " \t\n\\" else each for each in text)
