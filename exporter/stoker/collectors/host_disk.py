"""What block devices read and write, and how busy they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

_LABELS = ("device",)
READ_BYTES = Desc("stoker_host_disk_read_bytes_total", Kind.COUNTER, "Bytes read", _LABELS)
WRITTEN_BYTES = Desc("stoker_host_disk_written_bytes_total", Kind.COUNTER, "Bytes written", _LABELS)
READS = Desc("stoker_host_disk_reads_total", Kind.COUNTER, "Reads completed", _LABELS)
WRITES = Desc("stoker_host_disk_writes_total", Kind.COUNTER, "Writes completed", _LABELS)
IO_SECONDS = Desc(
    "stoker_host_disk_io_seconds_total", Kind.COUNTER, "Seconds during which at least one I/O was under way", _LABELS
)

_IGNORED = re.compile(
    r"((z?ram|loop|fd)\d+|(h|s|v|xv)d[a-z]+\d+|nvme\d+n\d+p\d+|(mmcblk|nbd)\d+p\d+)\Z"  # zram0, sda1, nvme0n1p2, mmcblk0p1
)
"""Left out, as node_exporter does by default: memory and loop devices, and partitions, whose disk says the same."""


class HostDisk:
    """Whole disks, software RAID and device-mapper volumes."""

    name = "host_disk"
    descs = (READ_BYTES, WRITTEN_BYTES, READS, WRITES, IO_SECONDS)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        samples = []
        for device, counts in sorted(self._host.disks().items()):
            if _IGNORED.match(device):
                continue
            labels = (device,)
            samples += [
                Sample(desc, labels, float(value))
                for desc, value in zip(self.descs, counts, strict=True)
                if value is not None
            ]
        if not samples:
            raise UnavailableError("no disk in /proc/diskstats")
        return Reading(samples)
