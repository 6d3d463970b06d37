"""Open files of the whole machine, and how many it allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

USED = Desc("stoker_host_file_descriptors", Kind.GAUGE, "Open file handles of the whole machine")
LIMIT = Desc("stoker_host_file_descriptors_limit", Kind.GAUGE, "Open file handles that the kernel allows (fs.file-max)")


class HostFiles:
    """/proc/sys/fs/file-nr."""

    name = "host_files"
    descs = (USED, LIMIT)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("the number of open files")
        used, limit = self._host.procfs.open_files()
        return Reading([Sample(USED, (), float(used)), Sample(LIMIT, (), float(limit))])
