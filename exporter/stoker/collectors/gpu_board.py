"""What a GPU is made of; for joins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

_LABELS = ("part_number", "compute_capability", "gsp_firmware", "virtualization", "numa_node")
BOARD = gauge(
    "stoker_gpu_board_info", "Always 1; parts of the board, and whether it is passed through or a virtual GPU", *_LABELS
)
CORES = gauge("stoker_gpu_cores", "Cores of the chip")
BUS = gauge("stoker_gpu_memory_bus_width_bytes", "What the bus to the device's memory carries at a time")
DESCS = (BOARD, CORES, BUS)

_VIRTUALIZATION = {0: "none", 1: "passthrough", 2: "vgpu", 3: "vgpu_host", 4: "vsga_host"}


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    static = gpu.static
    told = {name: str(static[name]) for name in _LABELS if name in static}
    if told:
        told["virtualization"] = _VIRTUALIZATION.get(static.get("virtualization", -1), "")
        yield Sample(BOARD, (*gpu.labels, *(told.get(name, "") for name in _LABELS)), 1.0)
    if "cores" in static:
        yield Sample(CORES, gpu.labels, float(static["cores"]))
    if "memory_bus_bits" in static:
        yield Sample(BUS, gpu.labels, static["memory_bus_bits"] / 8)
