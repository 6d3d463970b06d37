"""What a GPU draws and may draw, and the energy that it has used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

POWER = gauge("stoker_gpu_power_watts", "Power that the board draws, as the driver averages it")
LIMIT = gauge("stoker_gpu_power_limit_watts", "Power above which clocks are lowered, the lowest of all limits in force")
ENERGY = counter("stoker_gpu_energy_joules_total", "Energy used since the driver was loaded")
PEAK = gauge("stoker_gpu_power_peak_watts", "Highest power of the last 60 s, from the driver's own samples")
DESCS = (POWER, LIMIT, ENERGY, PEAK)

_ROWS = (("power", POWER), ("power_limit", LIMIT), ("energy", ENERGY))
_MILLI = 1000.0  # NVML counts milliwatts and millijoules


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for key, desc in _ROWS:
        if key in gpu.values:
            yield Sample(desc, gpu.labels, gpu.values[key] / _MILLI)
    if "power_span" in gpu.values:
        _, high = gpu.values["power_span"]
        yield Sample(PEAK, gpu.labels, high / _MILLI)
