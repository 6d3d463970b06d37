"""What machine this is and since when it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

INFO = Desc(
    "stoker_host_info",
    Kind.GAUGE,
    "Always 1; kernel release, operating system and architecture",
    ("kernel", "os", "arch"),
)
BOOT_TIME = Desc("stoker_host_boot_time_seconds", Kind.GAUGE, "When the machine was booted, since the epoch")


class HostInfo:
    """Kernel, distribution and architecture, which cannot change while it runs, and the boot time, which the clock's corrections move."""

    name = "host_info"
    descs = (INFO, BOOT_TIME)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._labels: tuple[str, str, str] | None = None

    def collect(self) -> Reading:
        """Read once."""
        self._labels = self._labels or (self._host.kernel(), self._host.system(), self._host.architecture())
        return Reading([Sample(INFO, self._labels, 1.0), Sample(BOOT_TIME, (), self._host.boot_time())])
