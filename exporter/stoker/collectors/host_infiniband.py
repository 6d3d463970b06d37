"""InfiniBand and RoCE ports: traffic, errors, state. One bad port costs only itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

BYTES = Desc(
    "stoker_host_infiniband_bytes_total", Kind.COUNTER, "Bytes through the port", ("device", "port", "direction")
)
ERRORS = Desc(
    "stoker_host_infiniband_errors_total",
    Kind.COUNTER,
    "Errors of the port by type; waiting for credits is none",
    ("device", "port", "type"),
)
UP = Desc("stoker_host_infiniband_up", Kind.GAUGE, "Whether the port is active", ("device", "port"))

_WORD = 4
"""port_rcv_data and port_xmit_data count in units of four octets (InfiniBand specification, PortCounters)."""
_TRAFFIC = (("port_rcv_data", "receive"), ("port_xmit_data", "transmit"))
_ERRORS = (
    ("symbol_error", "symbol"),
    ("link_downed", "link_downed"),
    ("link_error_recovery", "link_recovery"),
    ("port_rcv_errors", "receive"),
    ("port_xmit_discards", "transmit_discards"),
    ("port_rcv_remote_physical_errors", "receive_remote_physical"),
    ("port_rcv_switch_relay_errors", "receive_switch_relay"),
    ("port_rcv_constraint_errors", "receive_constraint"),
    ("port_xmit_constraint_errors", "transmit_constraint"),
    ("local_link_integrity_errors", "local_link_integrity"),
    ("excessive_buffer_overrun_errors", "buffer_overrun"),
    ("VL15_dropped", "vl15_dropped"),
)


@dataclass(slots=True)
class HostInfiniband:
    """/sys/class/infiniband/DEVICE/ports/PORT."""

    machine: Machine = field(default_factory=Machine)
    name: str = "host_infiniband"
    descs: tuple[Desc, ...] = (BYTES, ERRORS, UP)

    def collect(self) -> Reading:
        """Read once."""
        devices = self.machine.folders("class/infiniband")
        if not devices:
            raise UnavailableError("no InfiniBand device (/sys/class/infiniband)")
        reading = Reading()
        for device in devices:
            for port in self.machine.folders(f"class/infiniband/{device}/ports"):
                try:
                    reading.samples += self._port(device, port)
                except SourceError as error:
                    reading.failures.append(f"port {device}/{port}: {error}")
        return reading

    def _port(self, device: str, port: str) -> list[Sample]:
        base = f"class/infiniband/{device}/ports/{port}"
        state = self.machine.in_sys(f"{base}/state")  # 4: ACTIVE
        samples = [Sample(UP, (device, port), float(state.startswith("4")))]
        for file, direction in _TRAFFIC:
            value = self._counter(f"{base}/counters/{file}")
            if value is not None:
                samples.append(Sample(BYTES, (device, port, direction), value * _WORD))
        for file, kind in _ERRORS:
            value = self._counter(f"{base}/counters/{file}")
            if value is not None:
                samples.append(Sample(ERRORS, (device, port, kind), value))
        return samples

    def _counter(self, path: str) -> int | None:
        """A counter, None where the hardware has none (`N/A (no PMA)`) or the file is missing."""
        try:
            text = self.machine.in_sys(path)
        except UnavailableError:
            return None
        return int(text) if text.isdigit() else None
