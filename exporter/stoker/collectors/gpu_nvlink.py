"""NVLink: which links are up, what they are, their errors and traffic."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample
from stoker.sources.nvml_values import DIRECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu, Link

UP = gauge("stoker_gpu_nvlink_up", "Whether the link is up", "link")
INFO = gauge(
    "stoker_gpu_nvlink_info",
    "Always 1; NVML's number of the link's version, and what its other end is",
    "link",
    "version",
    "remote",
)
ERRORS = counter("stoker_gpu_nvlink_errors_total", "Errors of the link by type", "link", "type")
BYTES = counter("stoker_gpu_nvlink_bytes_total", "Data over all links", "direction")
SPEED = gauge("stoker_gpu_nvlink_speed_bytes_per_second", "What the link carries in one direction", "link")
LINK_BYTES = counter(
    "stoker_gpu_nvlink_link_bytes_total", "Data and what it is wrapped in, over one link", "link", "direction"
)
PORT_ERRORS = counter(
    "stoker_gpu_nvlink_port_errors_total",
    "Errors of the link's port by type, from Blackwell on; effective and symbol are what error correction left over",
    "link",
    "type",
)
RECOVERIES = counter(
    "stoker_gpu_nvlink_recoveries_total", "Times that the link was trained again, from Blackwell on", "link", "result"
)
BIT_ERRORS = gauge(
    "stoker_gpu_nvlink_bit_error_ratio",
    "Share of bits that are wrong after error correction, from Blackwell on",
    "link",
    "type",
)
CORRECTED = counter(
    "stoker_gpu_nvlink_corrected_blocks_total",
    "Blocks over all links by the symbols that error correction repaired in them; the more symbols, the nearer is a failure",
    "symbols",
)
DESCS = (UP, INFO, ERRORS, BYTES, SPEED, LINK_BYTES, PORT_ERRORS, RECOVERIES, BIT_ERRORS, CORRECTED)

_KIB = 1024.0  # fields 138 and 139 count KiB
_SPEED = 1e6 / 8  # field 164 is in megabits a second
_REMOTE = {0: "gpu", 1: "ibm_npu", 2: "switch"}
_PORT_ERRORS = (
    "malformed_packet",
    "buffer_overrun",
    "receive",
    "receive_remote",
    "receive_general",
    "local_integrity",
    "transmit_discard",
    "effective",
    "symbol",
)


class NvLinks:
    """The links of all GPUs. What a link said before is not put together again: there are many, and little of it changes."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, ...], tuple[Link, list[Sample]]] = {}

    def read(self, gpu: Gpu) -> Iterator[Sample]:
        """Of one GPU."""
        for link in gpu.links:
            labels = (*gpu.labels, link.number)
            known = self._told.get(labels)
            if known is None or known[0] != link:
                known = self._told[labels] = (link, list(_of_link(labels, link)))
            yield from known[1]
        for link in gpu.links:
            for direction, size in link.traffic.items():
                yield Sample(LINK_BYTES, (*gpu.labels, link.number, direction), float(size))
        for direction in DIRECTIONS:
            if (key := f"nvlink_{direction}") in gpu.values:
                yield Sample(BYTES, (*gpu.labels, direction), gpu.values[key] * _KIB)
        for symbols, count in enumerate(gpu.values.get("nvlink_fec", ())):
            yield Sample(CORRECTED, (*gpu.labels, str(symbols)), float(count))


def _of_link(labels: tuple[str, ...], link: Link) -> Iterator[Sample]:
    yield Sample(UP, labels, float(link.up))
    for kind, count in link.errors.items():
        yield Sample(ERRORS, (*labels, kind), float(count))
    if link.about:
        remote = _REMOTE.get(link.about.get("remote", -1), "")
        yield Sample(INFO, (*labels, str(link.about.get("version", "")), remote), 1.0)
    fields = link.fields
    if fields.get("speed"):
        yield Sample(SPEED, labels, fields["speed"] * _SPEED)
    for kind in _PORT_ERRORS:
        if kind in fields:
            yield Sample(PORT_ERRORS, (*labels, kind), float(fields[kind]))
    for result in ("successful", "failed"):
        if (key := f"recovery_{result}") in fields:
            yield Sample(RECOVERIES, (*labels, result), float(fields[key]))
    for kind in ("effective", "symbol"):
        if (key := f"{kind}_ber") in fields:
            yield Sample(BIT_ERRORS, (*labels, kind), bit_error_ratio(fields[key]))


def bit_error_ratio(packed: int) -> float:
    """The ratio in NVML's packing: bits 8 to 11 are the mantissa, bits 0 to 7 the negative power of ten."""
    mantissa, power = packed >> 8 & 0xF, packed & 0xFF
    return float(f"{mantissa}e-{power}")
