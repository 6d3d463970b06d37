"""Pressure stall information: the time that tasks lost waiting for a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

SECONDS = Desc(
    "stoker_host_pressure_seconds_total",
    Kind.COUNTER,
    "Seconds during which some task, or all of them (full), waited for the resource",
    ("resource", "kind"),
)
_RESOURCES = ("cpu", "memory", "io")


class HostPressure:
    """PSI of the whole machine: Linux 4.20 and later, where it is not switched off."""

    name = "host_pressure"
    descs = (SECONDS,)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("pressure stall information")
        reading = Reading()
        for resource in _RESOURCES:
            try:
                stalls = self._host.procfs.pressure(resource)
            except UnavailableError:
                continue
            except SourceError as error:
                reading.failures.append(str(error))
                continue
            reading.samples += [Sample(SECONDS, (resource, stall.kind), stall.seconds) for stall in stalls]
        if not reading.samples and not reading.failures:
            raise UnavailableError("the kernel has no pressure stall information, or psi=0 on its command line")
        return reading
