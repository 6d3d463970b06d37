"""What network interfaces receive and transmit, with errors and drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, sample_of

if TYPE_CHECKING:
    from stoker.sources.host import Host

_LABELS = ("device",)
RECEIVE_BYTES = Desc("stoker_host_network_receive_bytes_total", Kind.COUNTER, "Bytes received", _LABELS)
TRANSMIT_BYTES = Desc("stoker_host_network_transmit_bytes_total", Kind.COUNTER, "Bytes transmitted", _LABELS)
RECEIVE_PACKETS = Desc("stoker_host_network_receive_packets_total", Kind.COUNTER, "Packets received", _LABELS)
TRANSMIT_PACKETS = Desc("stoker_host_network_transmit_packets_total", Kind.COUNTER, "Packets transmitted", _LABELS)
RECEIVE_ERRORS = Desc(
    "stoker_host_network_receive_errors_total", Kind.COUNTER, "Packets received with an error", _LABELS
)
TRANSMIT_ERRORS = Desc(
    "stoker_host_network_transmit_errors_total", Kind.COUNTER, "Packets that an error kept from being sent", _LABELS
)
RECEIVE_DROPPED = Desc(
    "stoker_host_network_receive_dropped_total", Kind.COUNTER, "Packets received and dropped", _LABELS
)
TRANSMIT_DROPPED = Desc(
    "stoker_host_network_transmit_dropped_total", Kind.COUNTER, "Packets dropped before they were sent", _LABELS
)


class HostNetwork:
    """Every interface, the loopback and virtual ones included, as node_exporter shows them."""

    name = "host_network"
    descs = (
        RECEIVE_BYTES,
        TRANSMIT_BYTES,
        RECEIVE_PACKETS,
        TRANSMIT_PACKETS,
        RECEIVE_ERRORS,
        TRANSMIT_ERRORS,
        RECEIVE_DROPPED,
        TRANSMIT_DROPPED,
    )

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        return Reading(
            [
                sample_of((desc, labels, float(value)))
                for device, counts in sorted(self._host.networks().items())
                for labels in [(device,)]
                for desc, value in zip(self.descs, counts, strict=True)
            ]
        )
