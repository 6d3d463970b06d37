"""How hot a GPU and its memory are, and where the driver steps in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

TEMPERATURE = gauge("stoker_gpu_temperature_celsius", "Temperature of the chip and of its memory", "sensor")
THRESHOLD = gauge(
    "stoker_gpu_temperature_threshold_celsius",
    "Where the GPU shuts down, slows down, and what memory and chip stand in operation",
    "threshold",
)
MARGIN = gauge("stoker_gpu_temperature_margin_celsius", "Degrees left before the GPU slows down; 0 and below: it does")
MARGIN_THRESHOLD = gauge(
    "stoker_gpu_temperature_margin_threshold_celsius",
    "The margin at which the GPU shuts down, slows down, and what memory and chip stand in operation",
    "threshold",
)
DESCS = (TEMPERATURE, THRESHOLD, MARGIN, MARGIN_THRESHOLD)

_SENSORS = (("core", "temperature"), ("memory", "memory_temperature"))
_THRESHOLDS = ("shutdown", "slowdown", "memory_max", "gpu_max")


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for sensor, key in _SENSORS:
        if key in gpu.values:
            yield Sample(TEMPERATURE, (*gpu.labels, sensor), float(gpu.values[key]))
    for threshold in _THRESHOLDS:
        value = gpu.static.get(f"threshold_{threshold}")
        if value:  # a threshold of 0 is one that the board does not have
            yield Sample(THRESHOLD, (*gpu.labels, threshold), float(value))
        if (key := f"margin_{threshold}") in gpu.values:
            yield Sample(MARGIN_THRESHOLD, (*gpu.labels, threshold), float(gpu.values[key]))
    if "margin" in gpu.values:
        yield Sample(MARGIN, gpu.labels, float(gpu.values["margin"]))
