"""Temperatures of processors, memory, disks and boards, from the kernel's hwmon drivers."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

CELSIUS = Desc("stoker_host_temperature_celsius", Kind.GAUGE, "Temperature that a sensor reports", ("chip", "sensor"))

_FOLDER = "class/hwmon"
_INPUT = re.compile(r"(temp\d+)_input\Z")  # temp1_input
_SILENT = frozenset({errno.ENODATA, errno.EAGAIN, errno.ENXIO, errno.ENODEV, errno.EOPNOTSUPP, errno.ENOENT})
"""Answers of a sensor that has nothing to say now: a disk or radio that sleeps, a socket without a processor."""


class HostTemperature:
    """/sys/class/hwmon. A chip is named by its driver and the device it sits on, since hwmon numbers change between boots."""

    name = "host_temperature"
    descs = (CELSIUS,)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("hwmon sensors")
        reading = Reading()
        seen: set[tuple[str, str]] = set()
        chips = self._host.sysfs.names(_FOLDER)
        for folder in chips:
            try:
                names = self._host.sysfs.names(f"{_FOLDER}/{folder}")
            except SourceError as error:
                if not isinstance(error, UnavailableError):  # gone since the listing
                    reading.failures.append(f"chip {folder}: {error}")
                continue
            sensors = [found[1] for name in names if (found := _INPUT.match(name))]
            chip = self._chip(folder) if sensors else ""
            for stem in sensors:
                self._read(reading, seen, (folder, stem), chip)
        if not reading.samples and not reading.failures:
            raise UnavailableError("no temperature sensor in /sys/class/hwmon")
        return reading

    def _read(self, reading: Reading, seen: set[tuple[str, str]], sensor: tuple[str, str], chip: str) -> None:
        folder, stem = sensor
        base = f"{_FOLDER}/{folder}/{stem}"
        try:
            celsius = int(self._host.sysfs.value(f"{base}_input")) / 1000
        except OSError as error:
            if error.errno not in _SILENT:
                reading.failures.append(f"sensor {chip} {stem}: {error.strerror}")
            return
        except ValueError as error:
            reading.failures.append(f"sensor {chip} {stem}: {error}")
            return
        labels = (chip, self._word(f"{base}_label") or stem)
        if labels in seen:  # a board may call two sensors alike
            labels = (chip, f"{labels[1]} {stem}")
        if labels in seen:  # two chips without a device of their own
            labels = (f"{chip} {folder}", labels[1])
        seen.add(labels)
        reading.samples.append(Sample(CELSIUS, labels, celsius))

    def _chip(self, folder: str) -> str:
        """`coretemp.0`, `nvme0`, `k10temp 0000:00:18.3`: the driver's name, unless the device's begins with it, and the device's."""
        name = self._word(f"{_FOLDER}/{folder}/name") or folder
        try:
            device = self._host.sysfs.target(f"{_FOLDER}/{folder}/device")
        except UnavailableError:
            return name
        return device if device.startswith(name) else f"{name} {device}"

    def _word(self, file: str) -> str:
        try:
            return self._host.sysfs.value(file)
        except OSError:
            return ""
