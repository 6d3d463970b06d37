"""InfiniBand and RoCE ports: state, traffic and errors."""

from __future__ import annotations

import errno
import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host

UP = Desc("stoker_host_infiniband_up", Kind.GAUGE, "Whether the port is active", ("device", "port"))
PHYSICAL = Desc(
    "stoker_host_infiniband_physical_up",
    Kind.GAUGE,
    "Whether the port has a link to the other side, cable and all",
    ("device", "port"),
)
RATE = Desc(
    "stoker_host_infiniband_bytes_per_second",
    Kind.GAUGE,
    "Rate of the link in each direction, as both sides agreed on it",
    ("device", "port"),
)
BYTES = Desc(
    "stoker_host_infiniband_bytes_total", Kind.COUNTER, "Bytes through the port", ("device", "port", "direction")
)
ERRORS = Desc(
    "stoker_host_infiniband_errors_total",
    Kind.COUNTER,
    "Errors of the port by type; waiting for credits is none",
    ("device", "port", "type"),
)


class _Counter(NamedTuple):
    """A file below `counters/`, the series that it becomes, and how many units one count is."""

    file: str
    desc: Desc
    label: str
    factor: int = 1


_COUNTERS = (
    _Counter("port_rcv_data", BYTES, "receive", 4),  # the specification counts data in words of four octets
    _Counter("port_xmit_data", BYTES, "transmit", 4),
    _Counter("symbol_error", ERRORS, "symbol"),
    _Counter("link_downed", ERRORS, "link_downed"),
    _Counter("link_error_recovery", ERRORS, "link_recovery"),
    _Counter("port_rcv_errors", ERRORS, "receive"),
    _Counter("port_rcv_remote_physical_errors", ERRORS, "receive_remote_physical"),
    _Counter("port_rcv_switch_relay_errors", ERRORS, "receive_switch_relay"),
    _Counter("port_rcv_constraint_errors", ERRORS, "receive_constraint"),
    _Counter("port_xmit_discards", ERRORS, "transmit_discards"),
    _Counter("port_xmit_constraint_errors", ERRORS, "transmit_constraint"),
    _Counter("local_link_integrity_errors", ERRORS, "local_link_integrity"),
    _Counter("excessive_buffer_overrun_errors", ERRORS, "buffer_overrun"),
    _Counter("VL15_dropped", ERRORS, "vl15_dropped"),
)

_FOLDER = "class/infiniband"
_RATE = re.compile(r"(\d+(?:\.\d+)?) Gb/sec")  # 400 Gb/sec (4X NDR), 2.5 Gb/sec (1X SDR)
_NOT_SUPPORTED = frozenset({errno.ENOENT, errno.EINVAL, errno.EOPNOTSUPP, errno.ENODATA})
_ASK_AGAIN = 3600.0
"""Seconds before a counter that the port does not have is asked for again: each refusal writes a line to the kernel's log."""


class HostInfiniband:
    """/sys/class/infiniband. A port or counter that cannot be read costs only itself."""

    name = "host_infiniband"
    descs = (UP, PHYSICAL, RATE, BYTES, ERRORS)

    def __init__(self, host: Host, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._monotonic = monotonic
        self._refused: dict[str, float] = {}

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("InfiniBand ports")
        reading = Reading()
        for device in self._host.sysfs.names(_FOLDER):
            try:
                ports = self._host.sysfs.names(f"{_FOLDER}/{device}/ports")
            except SourceError as error:
                reading.failures.append(f"device {device}: {error}")
                continue
            for port in ports:
                try:
                    self._port(reading, device, port)
                except OSError as error:
                    reading.failures.append(f"port {device}/{port}: {error.strerror}")
        if not reading.samples and not reading.failures:
            raise UnavailableError("no port in /sys/class/infiniband")
        return reading

    def _port(self, reading: Reading, device: str, port: str) -> None:
        base = f"{_FOLDER}/{device}/ports/{port}"
        state = self._host.sysfs.value(f"{base}/state")  # 4: ACTIVE
        reading.samples.append(Sample(UP, (device, port), float(state.startswith("4:"))))
        self._link(reading, device, port)
        now = self._monotonic()
        for counter in _COUNTERS:
            path = f"{base}/counters/{counter.file}"
            if now < self._refused.get(path, now):
                continue
            try:
                text = self._host.sysfs.value(path)
            except OSError as error:
                if error.errno in _NOT_SUPPORTED:
                    self._refused[path] = now + _ASK_AGAIN
                else:
                    reading.failures.append(f"port {device}/{port}: {counter.file}: {error.strerror}")
                continue
            if text.isdigit():
                reading.samples.append(
                    Sample(counter.desc, (device, port, counter.label), float(int(text) * counter.factor))
                )
            else:
                self._refused[path] = now + _ASK_AGAIN  # N/A (no PMA)

    def _link(self, reading: Reading, device: str, port: str) -> None:
        """Physical state and rate; old drivers have neither file."""
        base = f"{_FOLDER}/{device}/ports/{port}"
        for file, desc in (("phys_state", PHYSICAL), ("rate", RATE)):
            try:
                text = self._host.sysfs.value(f"{base}/{file}")
            except OSError as error:
                if error.errno not in _NOT_SUPPORTED:
                    reading.failures.append(f"port {device}/{port}: {file}: {error.strerror}")
                continue
            if desc is PHYSICAL:
                value = float(text.startswith("5:"))  # 5: LinkUp
            elif rate := _RATE.match(text):
                value = float(rate[1]) * 1e9 / 8
            else:
                continue  # a port without a link has no rate on some drivers
            reading.samples.append(Sample(desc, (device, port), value))
