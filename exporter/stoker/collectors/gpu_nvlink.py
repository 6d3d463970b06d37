"""NVLink: which links are up, their errors, the traffic of all together, and the fabric that they form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

UP = gauge("stoker_gpu_nvlink_up", "Whether the link is up", "link")
ERRORS = counter("stoker_gpu_nvlink_errors_total", "Errors of the link by type", "link", "type")
BYTES = counter("stoker_gpu_nvlink_bytes_total", "Data over all links", "direction")
FABRIC = gauge(
    "stoker_gpu_fabric_state", "The GPU in the NVLink fabric: 0 none, 1 not started, 2 in progress, 3 completed"
)
DESCS = (UP, ERRORS, BYTES, FABRIC)

_KIB = 1024.0  # fields 138 and 139 count KiB


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for link in gpu.links:
        yield Sample(UP, (*gpu.labels, link.number), float(link.up))
        for kind, count in link.errors.items():
            yield Sample(ERRORS, (*gpu.labels, link.number, kind), float(count))
    for direction in ("tx", "rx"):
        if (key := f"nvlink_{direction}") in gpu.values:
            yield Sample(BYTES, (*gpu.labels, direction), gpu.values[key] * _KIB)
    if "fabric_state" in gpu.values:
        yield Sample(FABRIC, gpu.labels, float(gpu.values["fabric_state"]))
