"""What of /proc, /sys and the mounts is written down: an allowed list. No command lines, no environment, no names of programs.

A collector that reads a further file needs a row here to be seen in a recording.
"""

from __future__ import annotations

import glob
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from stoker.errors import SourceError
from stoker.sources.nvml_users import command
from stoker.sources.pseudofile import read_raw

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stoker.sources.machine import Machine
    from stoker.sources.mounts import Mounts

PROC = (
    "stat",
    "loadavg",
    "meminfo",
    "vmstat",
    "diskstats",
    "net/dev",
    "pressure/*",
    "sys/kernel/osrelease",
    "sys/kernel/random/boot_id",
    "driver/nvidia/version",
)
"""Below /proc."""
SYS = (
    "class/hwmon/*/name",
    "class/hwmon/*/temp*_input",
    "class/hwmon/*/temp*_label",
    "class/infiniband/*/ports/*/state",
    "class/infiniband/*/ports/*/counters/*",
)
"""Below /sys."""
LINKS = ("class/hwmon/*/device",)
"""Links below /sys, of which the last part of what they point to is kept."""
_BUS = "bus/pci/devices"
_NVIDIA = "0x10de"
_STATE, _START = 0, 19  # places after the command in /proc/PID/stat
_FAMILY = (1, 2, 3)


class Taken:
    """Files, links and mounts as a Round has them."""

    def __init__(self, machine: Machine, procfs: Path) -> None:
        self._machine = machine
        self._procfs = procfs
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.mounts: dict[str, list[int] | str] = {}

    def take(self, *, bus: bool, gpu_processes: Iterable[int], mounts: Mounts) -> Taken:
        """Read everything that is there.

        Args:
            bus: whether the PCI bus may be compared with what the driver sees.
            gpu_processes: those whose executable's base name is kept, as /metrics tells it.
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
        self._processes(set(gpu_processes))
        self._system()
        self._mounts(mounts)
        return self

    def _glob(self, name: str, root: str, pattern: str) -> None:
        for path in glob.glob(f"{glob.escape(root)}/{pattern}"):
            self._file(f"{name}/{os.path.relpath(path, root)}", path)

    def _file(self, name: str, path: str) -> None:
        if not os.path.isfile(path):
            return
        with suppress(OSError):  # not for us, or gone: it is missing in the recording as it is missing here
            self.files[name] = read_raw(path).decode("utf-8", "surrogateescape")

    def _link(self, name: str, path: str) -> None:
        with suppress(OSError):  # as above
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

    def _processes(self, on_gpu: set[int]) -> None:
        """State, family and start of each process; its name is left out."""
        try:
            names = [name for name in os.listdir(self._machine.proc) if name.isdigit()]
        except OSError:
            return
        for name in names:
            base = f"{self._machine.proc}/{name}"
            try:
                fields = read_raw(f"{base}/stat").decode(errors="replace").rpartition(")")[2].split()
                kept = {_STATE, _START, *_FAMILY}
                shown = [field if place in kept else "0" for place, field in enumerate(fields[: _START + 1])]
                self.files[f"proc/{name}/stat"] = f"{name} (-) {' '.join(shown)}\n"
                if fields[_STATE] == "D":
                    lines = read_raw(f"{base}/status").decode(errors="replace").splitlines()
                    kept_lines = [line for line in lines if "voluntary_ctxt_switches:" in line]
                    self.files[f"proc/{name}/status"] = "".join(f"{line}\n" for line in kept_lines)
            except (OSError, IndexError):
                continue  # ended since the listing
            if int(name) in on_gpu and (program := command(self._procfs, int(name))):
                self.files[f"proc/{name}/comm"] = f"{program}\n"

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
