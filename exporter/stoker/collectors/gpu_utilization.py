"""How busy a GPU is: the share of time in which a kernel ran, its memory controller and its engines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, MOST_RATIO, WHOLE, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

GPU_BUSY = gauge(
    "stoker_gpu_utilization_ratio",
    "Share of the driver's last sampling period in which at least one kernel ran",
    base=INSTANCE,
)
MEMORY_BUSY = gauge(
    "stoker_gpu_memory_controller_utilization_ratio",
    "Share of the driver's last sampling period in which device memory was read or written",
)
ENGINE_BUSY = gauge("stoker_gpu_engine_utilization_ratio", "Share of time in which the engine worked", "engine")
PEAK = gauge("stoker_gpu_utilization_peak_ratio", "Highest utilisation of the last 60 s, from the driver's own samples")
LOW = gauge("stoker_gpu_utilization_min_ratio", "Lowest utilisation of the last 60 s, from the driver's own samples")
DESCS = (GPU_BUSY, MEMORY_BUSY, ENGINE_BUSY, PEAK, LOW)

_ENGINES = ("encoder", "decoder", "jpeg", "ofa")


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    if "utilization" in gpu.values:
        busy, memory = gpu.values["utilization"]
        if busy is not None:
            yield Sample(GPU_BUSY, (*gpu.labels, *WHOLE), busy / MOST_RATIO)
        if memory is not None:
            yield Sample(MEMORY_BUSY, gpu.labels, memory / MOST_RATIO)
    for engine in _ENGINES:
        if engine in gpu.values:
            yield Sample(ENGINE_BUSY, (*gpu.labels, engine), gpu.values[engine] / MOST_RATIO)
    if "utilization_span" in gpu.values:
        low, high = gpu.values["utilization_span"]
        if high <= MOST_RATIO:  # some drivers count in another unit, which nothing tells
            yield Sample(PEAK, gpu.labels, high / MOST_RATIO)
            yield Sample(LOW, gpu.labels, low / MOST_RATIO)
