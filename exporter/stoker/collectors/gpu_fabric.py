"""The fabric that GPUs of one machine, or of several, form over NVLink, and the chip-to-chip links to the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

STATE = gauge(
    "stoker_gpu_fabric_state", "The GPU in the NVLink fabric: 0 none, 1 not started, 2 in progress, 3 completed"
)
INFO = gauge(
    "stoker_gpu_fabric_info",
    "Always 1; the fabric's own uuid, and the clique in which GPUs reach each other",
    "fabric",
    "clique",
)
DEGRADED = gauge("stoker_gpu_fabric_degraded", "Whether the GPU's part of the fabric is in this condition", "condition")
CHIP_LINKS = gauge("stoker_gpu_c2c_links", "Chip-to-chip links of the GPU")
DESCS = (STATE, INFO, DEGRADED, CHIP_LINKS)

_COMPLETED = 3
_CONDITIONS = (
    ("degraded_bandwidth", 0),
    ("route_recovery", 2),
    ("route_unhealthy", 4),
    ("access_timeout_recovery", 6),
)
"""Label and first of two bits in the mask: 0 not told, 1 yes, 2 no."""
_CONFIGURATION = 8
"""First of four bits: 0 not told, 1 right, above it what is wrong."""


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    if "c2c_links" in gpu.values:
        yield Sample(CHIP_LINKS, gpu.labels, float(gpu.values["c2c_links"]))
    state, *told = gpu.values.get("fabric", (None,))
    if state is not None:
        yield Sample(STATE, gpu.labels, float(state))
    if not told or state != _COMPLETED:
        return
    clique, cluster, health = told
    yield Sample(INFO, (*gpu.labels, cluster, "" if clique is None else str(clique)), 1.0)
    if health is None:
        return
    for condition, bit in _CONDITIONS:
        if answer := health >> bit & 3:
            yield Sample(DEGRADED, (*gpu.labels, condition), float(answer == 1))
    if answer := health >> _CONFIGURATION & 15:
        yield Sample(DEGRADED, (*gpu.labels, "incorrect_configuration"), float(answer > 1))
