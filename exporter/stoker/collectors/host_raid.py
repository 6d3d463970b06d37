"""Software RAID: how many disks an array has, and how many it misses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

_LABELS = ("device",)
DISKS = Desc("stoker_host_raid_disks", Kind.GAUGE, "Disks that the array is made of", _LABELS)
MISSING = Desc(
    "stoker_host_raid_disks_missing", Kind.GAUGE, "Disks that the array misses: failed, or not yet rebuilt", _LABELS
)
REBUILDING = Desc(
    "stoker_host_raid_rebuilding",
    Kind.GAUGE,
    "Whether the array is being rebuilt (recover, resync, reshape); a check is none",
    _LABELS,
)

_FOLDER = "block"
_REBUILDING = frozenset({"recover", "resync", "reshape"})


class HostRaid:
    """/sys/block/md*/md. Arrays without redundancy have no disks to miss, and are left out."""

    name = "host_raid"
    descs = (DISKS, MISSING, REBUILDING)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("software RAID")
        reading = Reading()
        for device in self._host.sysfs.names(_FOLDER):
            if not device.startswith("md"):
                continue
            try:
                self._array(reading, device)
            except SourceError as error:
                reading.failures.append(f"array {device}: {error}")
        if not reading.samples and not reading.failures:
            raise UnavailableError("no array with redundancy in /sys/block")
        return reading

    def _array(self, reading: Reading, device: str) -> None:
        sysfs = self._host.sysfs
        base = f"{_FOLDER}/{device}/md"
        missing = sysfs.number(f"{base}/degraded")
        disks = sysfs.number(f"{base}/raid_disks")
        if missing is None or not disks:
            return  # linear and raid0; an array that was stopped
        reading.samples += [Sample(DISKS, (device,), float(disks)), Sample(MISSING, (device,), float(missing))]
        try:
            action = sysfs.value(f"{base}/sync_action")
        except OSError:
            return  # an array that is only assembled
        reading.samples.append(Sample(REBUILDING, (device,), float(action in _REBUILDING)))
