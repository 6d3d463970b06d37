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
AVERAGE = gauge(
    "stoker_gpu_power_average_watts",
    "Power averaged over a second; part is the gpu, its module or its memory",
    "part",
)
INSTANT = gauge(
    "stoker_gpu_power_instant_watts", "Power at the moment; part is the gpu, its module or its memory", "part"
)
BOUNDS = gauge(
    "stoker_gpu_power_limit_range_watts",
    "What the limit may be set to (min, max), what it is without being set (default), and what it is set to (set)",
    "limit",
)
DESCS = (POWER, LIMIT, ENERGY, PEAK, AVERAGE, INSTANT, BOUNDS)

_ROWS = (("power", POWER), ("power_limit", LIMIT), ("energy", ENERGY))
_PARTS = ("gpu", "module", "memory")
_LIMITS = ("min", "max", "default", "set")
_MILLI = 1000.0  # NVML counts milliwatts and millijoules


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for key, desc in _ROWS:
        if key in gpu.values:
            yield Sample(desc, gpu.labels, gpu.values[key] / _MILLI)
    for desc, kind in ((AVERAGE, "average"), (INSTANT, "instant")):
        for part in _PARTS:
            if (key := f"power_{kind}_{part}") in gpu.values:
                yield Sample(desc, (*gpu.labels, part), gpu.values[key] / _MILLI)
    low, high = gpu.static.get("power_limit_bounds", (None, None))
    limits = (low, high, gpu.static.get("power_limit_default"), gpu.values.get("power_limit_set"))
    for limit, value in zip(_LIMITS, limits, strict=True):
        if value is not None:
            yield Sample(BOUNDS, (*gpu.labels, limit), value / _MILLI)
    if "power_span" in gpu.values:
        _, peak = gpu.values["power_span"]
        yield Sample(PEAK, gpu.labels, peak / _MILLI)
