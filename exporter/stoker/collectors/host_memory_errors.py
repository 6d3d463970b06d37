"""Errors of the memory modules that the memory controllers corrected, or could not correct."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

ERRORS = Desc(
    "stoker_host_memory_errors_total",
    Kind.COUNTER,
    "Memory errors since the driver was loaded: corrected by ECC, or uncorrected",
    ("device", "type"),
)

_FOLDER = "devices/system/edac/mc"
_FILES = (("ce_count", "corrected"), ("ue_count", "uncorrected"))


class HostMemoryErrors:
    """EDAC, by memory controller; which module it is, stands beside it in `dimm*/`."""

    name = "host_memory_errors"
    descs = (ERRORS,)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("memory errors")
        sysfs = self._host.sysfs
        reading = Reading()
        for controller in sysfs.names(_FOLDER):
            if not controller.removeprefix("mc").isdigit():
                continue  # power/, uevent
            for file, kind in _FILES:
                try:
                    count = sysfs.number(f"{_FOLDER}/{controller}/{file}")
                except SourceError as error:
                    reading.failures.append(f"controller {controller}: {error}")
                    continue
                if count is not None:
                    reading.samples.append(Sample(ERRORS, (controller, kind), float(count)))
        if not reading.samples and not reading.failures:
            raise UnavailableError("no memory controller in /sys/devices/system/edac: no ECC, or no driver for it")
        return reading
