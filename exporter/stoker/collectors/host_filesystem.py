"""How full the mounted file systems are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host
    from stoker.sources.mounts import Mount, Usage

_LABELS = ("device", "mountpoint", "fstype")
SIZE = Desc("stoker_host_filesystem_size_bytes", Kind.GAUGE, "Size of the file system", _LABELS)
AVAIL = Desc("stoker_host_filesystem_avail_bytes", Kind.GAUGE, "Space that unprivileged users can still fill", _LABELS)
FILES = Desc("stoker_host_filesystem_files", Kind.GAUGE, "Inodes of the file system", _LABELS)
FILES_FREE = Desc("stoker_host_filesystem_files_free", Kind.GAUGE, "Free inodes of the file system", _LABELS)
READONLY = Desc("stoker_host_filesystem_readonly", Kind.GAUGE, "Whether the file system is read-only", _LABELS)


class HostFilesystem:
    """Every mount that can fill up. One that cannot be asked is a failure, and nothing more."""

    name = "host_filesystem"
    descs = (SIZE, AVAIL, FILES, FILES_FREE, READONLY)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("the list of mounts")
        mounts = self._host.mounts.listed()
        usages = self._host.mounts.usages(mounts)
        reading = Reading(stuck=self._host.mounts.stuck_seconds())
        for mount in mounts:
            usage = usages.get(mount.mountpoint)
            if isinstance(usage, SourceError):
                reading.failures.append(f"mount {_printable(mount.mountpoint)}: {usage}")
            elif usage is not None:
                reading.samples += _samples(mount, usage)
        return reading


def _samples(mount: Mount, usage: Usage) -> list[Sample]:
    labels = (_printable(mount.device), _printable(mount.mountpoint), mount.fstype)
    samples = [
        Sample(SIZE, labels, float(usage.size)),
        Sample(AVAIL, labels, float(usage.avail)),
        Sample(READONLY, labels, float(mount.readonly)),
    ]
    if usage.files:  # btrfs and others have no fixed number of inodes: 0 would look full
        samples += [Sample(FILES, labels, float(usage.files)), Sample(FILES_FREE, labels, float(usage.files_free))]
    return samples


def _printable(path: str) -> str:
    """The path with a mark in place of bytes that are no UTF-8, which a label cannot carry."""
    return path.encode(errors="surrogateescape").decode(errors="replace")
