"""NVMe drives: whether they work, and how worn they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.nvme import WARNINGS, Drives

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host
    from stoker.sources.nvme import Health

_LABELS = ("device",)
UP = Desc("stoker_host_nvme_up", Kind.GAUGE, "Whether the drive's controller works (state live)", _LABELS)
READABLE = Desc(
    "stoker_host_nvme_health_readable",
    Kind.GAUGE,
    "Whether the drive's health log could be read, which takes root; without it there are no other series of its health",
    _LABELS,
)
WEAR = Desc("stoker_host_nvme_wear_ratio", Kind.GAUGE, "Share of the rated life that is used; may pass 1", _LABELS)
SPARE = Desc("stoker_host_nvme_spare_ratio", Kind.GAUGE, "Share of the spare blocks that is left", _LABELS)
THRESHOLD = Desc(
    "stoker_host_nvme_spare_threshold_ratio", Kind.GAUGE, "Share of spare blocks below which the drive warns", _LABELS
)
WARNING = Desc(
    "stoker_host_nvme_warning", Kind.GAUGE, "Whether the drive gives this critical warning", ("device", "reason")
)
MEDIA_ERRORS = Desc(
    "stoker_host_nvme_media_errors_total", Kind.COUNTER, "Times that data could not be read as written", _LABELS
)
WRITTEN = Desc("stoker_host_nvme_written_bytes_total", Kind.COUNTER, "Bytes written in the drive's life", _LABELS)
POWERED = Desc("stoker_host_nvme_powered_seconds_total", Kind.COUNTER, "Time that the drive was powered on", _LABELS)

_FOLDER = "class/nvme"
_ASK_AGAIN = 300.0
"""Seconds between two questions for a log that changes within weeks; a drive's warning is known that much later at most."""


class HostNvme:
    """/sys/class/nvme, and the log of each drive on this machine, which only root may ask for."""

    name = "host_nvme"
    descs = (UP, READABLE, WEAR, SPARE, THRESHOLD, WARNING, MEDIA_ERRORS, WRITTEN, POWERED)

    def __init__(self, host: Host, monotonic: Callable[[], float], drives: Drives | None = None) -> None:
        self._host = host
        self._monotonic = monotonic
        self._drives = drives or Drives(host.rootfs)
        self._known: dict[str, tuple[float, Health | SourceError]] = {}

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("NVMe drives")
        reading = Reading()
        names = [name for name in self._host.sysfs.names(_FOLDER) if name.removeprefix("nvme").isdigit()]
        self._known = {name: self._known[name] for name in names if name in self._known}
        for drive in names:
            try:
                state = self._host.sysfs.value(f"{_FOLDER}/{drive}/state")
            except (FileNotFoundError, NotADirectoryError):
                continue  # taken out since the listing
            except OSError as error:
                reading.failures.append(f"drive {drive}: {error.strerror}")
                continue
            reading.samples.append(Sample(UP, (drive,), float(state == "live")))
            self._health(reading, drive, live=state == "live")
        if not reading.samples and not reading.failures:
            raise UnavailableError("no drive in /sys/class/nvme")
        return reading

    def _health(self, reading: Reading, drive: str, *, live: bool) -> None:
        now = self._monotonic()
        asked, health = self._known.get(drive, (now - _ASK_AGAIN, SourceError("not asked: the drive does not work")))
        if live and now - asked >= _ASK_AGAIN:
            try:
                health = self._drives.health(drive)
            except SourceError as error:
                health = error
            self._known[drive] = (now, health)
        readable = not isinstance(health, SourceError)
        reading.samples.append(Sample(READABLE, (drive,), float(readable)))
        if isinstance(health, SourceError):
            if live and not isinstance(health, UnavailableError):
                reading.failures.append(f"drive {drive}: {health}")
            return
        reading.samples += _samples(drive, health)


def _samples(drive: str, health: Health) -> list[Sample]:
    labels = (drive,)
    return [
        Sample(WEAR, labels, health.wear),
        Sample(SPARE, labels, health.spare),
        Sample(THRESHOLD, labels, health.spare_threshold),
        *(Sample(WARNING, (drive, reason), float(reason in health.warnings)) for reason in WARNINGS),
        Sample(MEDIA_ERRORS, labels, float(health.media_errors)),
        Sample(WRITTEN, labels, float(health.written)),
        Sample(POWERED, labels, health.hours * 3600.0),
    ]
