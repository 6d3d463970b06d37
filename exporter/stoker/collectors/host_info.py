"""What machine this is and since when it runs."""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

import psutil

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

INFO = Desc("stoker_host_info", Kind.GAUGE, "Always 1; kernel and architecture", ("kernel", "os", "arch"))
BOOT = Desc("stoker_host_boot_time_seconds", Kind.GAUGE, "When the machine was booted, since the epoch")


@dataclass(slots=True)
class HostInfo:
    """Kernel, operating system, architecture and boot time."""

    name: str = "host_info"
    descs: tuple[Desc, ...] = (INFO, BOOT)
    _labels: tuple[str, ...] = field(default=(), init=False)

    def collect(self) -> Reading:
        """Read once."""
        if not self._labels:
            uname = platform.uname()
            self._labels = (uname.release, uname.system.lower(), uname.machine)
        return Reading([Sample(INFO, self._labels, 1), Sample(BOOT, (), psutil.boot_time())])
