"""Processors that slowed themselves down because they were too hot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host

_LABELS = ("package",)
THROTTLES = Desc(
    "stoker_host_cpu_throttles_total", Kind.COUNTER, "Times that the processor package slowed down for heat", _LABELS
)
SECONDS = Desc(
    "stoker_host_cpu_throttled_seconds_total",
    Kind.COUNTER,
    "Seconds during which the processor package was slowed down for heat",
    _LABELS,
)

_FOLDER = "devices/system/cpu"
_LOOK_AGAIN = 600.0


class HostThrottle:
    """Intel's counters, the same on every processor of a package: one processor of each is asked.

    Which those are is looked up every ten minutes only: a machine may have hundreds of processors, and many have no such counters.
    """

    name = "host_throttle"
    descs = (THROTTLES, SECONDS)

    def __init__(self, host: Host, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._monotonic = monotonic
        self._packages: dict[str, str] = {}
        self._look_at = 0.0

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("thermal throttling")
        now = self._monotonic()
        if now >= self._look_at:
            self._packages = self._found()
            self._look_at = now + _LOOK_AGAIN
        reading = Reading()
        for package, cpu in self._packages.items():
            base = f"{_FOLDER}/{cpu}/thermal_throttle/package_throttle"
            try:
                count = self._host.sysfs.number(f"{base}_count")
                milliseconds = self._host.sysfs.number(f"{base}_total_time_ms")
            except SourceError as error:
                reading.failures.append(f"package {package}: {error}")
                continue
            if count is None:
                self._look_at = now  # taken offline: another of the package is asked next time
                continue
            reading.samples.append(Sample(THROTTLES, (package,), float(count)))
            if milliseconds is not None:  # since Linux 5.8
                reading.samples.append(Sample(SECONDS, (package,), milliseconds / 1000))
        if not reading.samples and not reading.failures:
            raise UnavailableError("the processors do not count thermal throttling")
        return reading

    def _found(self) -> dict[str, str]:
        """The first processor of each package that has the counters."""
        packages: dict[str, str] = {}
        for cpu in self._host.sysfs.names(_FOLDER):
            if not (cpu.startswith("cpu") and cpu[3:].isdigit()):
                continue
            try:
                if self._host.sysfs.number(f"{_FOLDER}/{cpu}/thermal_throttle/package_throttle_count") is None:
                    continue
                package = self._host.sysfs.value(f"{_FOLDER}/{cpu}/topology/physical_package_id")
            except (OSError, SourceError):
                continue
            packages.setdefault(package, cpu)
        return packages
