"""What block devices read and write, and how busy they are."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

_LABELS = ("device",)
READ_BYTES = Desc("stoker_host_disk_read_bytes_total", Kind.COUNTER, "Bytes read", _LABELS)
WRITTEN_BYTES = Desc("stoker_host_disk_written_bytes_total", Kind.COUNTER, "Bytes written", _LABELS)
READS = Desc("stoker_host_disk_reads_total", Kind.COUNTER, "Reads completed", _LABELS)
WRITES = Desc("stoker_host_disk_writes_total", Kind.COUNTER, "Writes completed", _LABELS)
IO_SECONDS = Desc("stoker_host_disk_io_seconds_total", Kind.COUNTER, "Seconds during which I/O was under way", _LABELS)

_SECTOR = 512
"""/proc/diskstats counts sectors of 512 bytes whatever the device's own size is."""
_IGNORED = re.compile(r"(ram|loop|fd|zram|sr)\d+$|(h|s|v|xv)d[a-z]+\d+$|nvme\d+n\d+p\d+$|mmcblk\d+p\d+$")
"""Partitions are left out: their disk says the same, and a sum over devices must not count twice."""


@dataclass(slots=True)
class HostDisk:
    """/proc/diskstats of whole disks, RAID and device-mapper volumes."""

    machine: Machine = field(default_factory=Machine)
    name: str = "host_disk"
    descs: tuple[Desc, ...] = (READ_BYTES, WRITTEN_BYTES, READS, WRITES, IO_SECONDS)

    def collect(self) -> Reading:
        """Read once."""
        samples = []
        for line in self.machine.in_proc("diskstats").splitlines():
            words = line.split()
            if len(words) < 14 or _IGNORED.match(words[2]):  # noqa: PLR2004 - the fields of Linux 2.6 and later
                continue
            labels = (words[2],)
            reads, read_sectors, writes, written_sectors = (int(words[at]) for at in (3, 5, 7, 9))
            samples += [
                Sample(READ_BYTES, labels, read_sectors * _SECTOR),
                Sample(WRITTEN_BYTES, labels, written_sectors * _SECTOR),
                Sample(READS, labels, reads),
                Sample(WRITES, labels, writes),
                Sample(IO_SECONDS, labels, int(words[12]) / 1000),
            ]
        return Reading(samples)
