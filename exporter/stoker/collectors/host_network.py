"""What network interfaces receive and transmit, with errors and drops."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

_COLUMNS = (
    ("receive_bytes", 0, "Bytes received"),
    ("receive_errors", 2, "Packets received with an error"),
    ("receive_dropped", 3, "Received packets that were dropped"),
    ("transmit_bytes", 8, "Bytes transmitted"),
    ("transmit_errors", 10, "Packets that could not be transmitted"),
    ("transmit_dropped", 11, "Packets dropped before transmission"),
)
"""Columns of /proc/net/dev behind the interface's name."""
_ROWS = tuple(
    (Desc(f"stoker_host_network_{name}_total", Kind.COUNTER, about, ("device",)), column)
    for name, column, about in _COLUMNS
)


@dataclass(slots=True)
class HostNetwork:
    """/proc/net/dev."""

    machine: Machine = field(default_factory=Machine)
    name: str = "host_network"
    descs: tuple[Desc, ...] = tuple(desc for desc, _ in _ROWS)

    def collect(self) -> Reading:
        """Read once."""
        samples = []
        for line in self.machine.in_proc("net/dev").splitlines()[2:]:
            device, _, counts = line.partition(":")
            words = counts.split()
            if len(words) >= 16:  # noqa: PLR2004 - eight columns each way
                labels = (device.strip(),)
                samples += [Sample(desc, labels, int(words[column])) for desc, column in _ROWS]
        return Reading(samples)
