"""Pressure stall information: time that tasks lost waiting for a resource."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

PRESSURE = Desc(
    "stoker_host_pressure_seconds_total",
    Kind.COUNTER,
    "Seconds during which some or all (full) tasks waited for the resource",
    ("resource", "kind"),
)
_RESOURCES = ("cpu", "memory", "io")


@dataclass(slots=True)
class HostPressure:
    """/proc/pressure; Linux 4.20 and later."""

    machine: Machine = field(default_factory=Machine)
    name: str = "host_pressure"
    descs: tuple[Desc, ...] = (PRESSURE,)

    def collect(self) -> Reading:
        """Read once; a kernel without PSI has none of it."""
        reading = Reading()
        absent = 0
        for resource in _RESOURCES:
            try:
                text = self.machine.in_proc(f"pressure/{resource}")
            except UnavailableError:
                absent += 1
                continue
            except SourceError as error:
                # EOPNOTSUPP: compiled in and switched off at boot
                reading.failures.append(str(error))
                continue
            for line in text.splitlines():
                kind, _, rest = line.partition(" ")
                total = rest.rpartition("total=")[2]
                if total.isdigit():
                    reading.samples.append(Sample(PRESSURE, (resource, kind), int(total) / 1e6))
        if absent == len(_RESOURCES):
            raise UnavailableError("the kernel has no pressure stall information (Linux 4.20, CONFIG_PSI)")
        return reading
