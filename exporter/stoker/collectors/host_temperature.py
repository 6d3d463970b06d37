"""Temperatures of the mainboard, CPUs, disks and memory, as the kernel's hwmon drivers show them."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

TEMPERATURE = Desc("stoker_host_temperature_celsius", Kind.GAUGE, "Temperature of a sensor", ("chip", "sensor"))


@dataclass(slots=True)
class HostTemperature:
    """/sys/class/hwmon; a sensor that cannot be read costs only itself."""

    machine: Machine = field(default_factory=Machine)
    name: str = "host_temperature"
    descs: tuple[Desc, ...] = (TEMPERATURE,)

    def collect(self) -> Reading:
        """Read once."""
        chips = self.machine.folders("class/hwmon")
        if not chips:
            raise UnavailableError("no hardware monitoring chip (/sys/class/hwmon is empty)")
        reading = Reading()
        for chip in chips:
            base = f"class/hwmon/{chip}"
            inputs = [
                name for name in self.machine.folders(base) if name.startswith("temp") and name.endswith("_input")
            ]
            for sensor in inputs:
                stem = sensor.removesuffix("_input")
                try:
                    milli = int(self.machine.in_sys(f"{base}/{sensor}"))
                except (SourceError, ValueError):
                    continue  # a sensor that is not wired answers with an error, always
                labels = (f"{self._word(base, 'name', chip)}-{chip}", self._word(base, f"{stem}_label", stem))
                reading.samples.append(Sample(TEMPERATURE, labels, milli / 1000))
        return reading

    def _word(self, base: str, file: str, otherwise: str) -> str:
        try:
            return self.machine.in_sys(f"{base}/{file}") or otherwise
        except SourceError:
            return otherwise
