"""Load averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

LOAD1 = Desc("stoker_host_load1", Kind.GAUGE, "Runnable and blocked tasks, mean of about 1 minute")
LOAD5 = Desc("stoker_host_load5", Kind.GAUGE, "Runnable and blocked tasks, mean of about 5 minutes")
LOAD15 = Desc("stoker_host_load15", Kind.GAUGE, "Runnable and blocked tasks, mean of about 15 minutes")


class HostLoad:
    """The three load averages."""

    name = "host_load"
    descs = (LOAD1, LOAD5, LOAD15)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        return Reading([Sample(desc, (), load) for desc, load in zip(self.descs, self._host.load(), strict=True)])
