"""Clocks of a GPU, its performance state and its fan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import MOST_RATIO, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

CLOCK = gauge("stoker_gpu_clock_hertz", "Clock at present", "clock")
CLOCK_MAX = gauge("stoker_gpu_clock_max_hertz", "Highest clock of the board", "clock")
STATE = gauge("stoker_gpu_performance_state", "Performance state, 0 (highest) to 15")
FAN = gauge(
    "stoker_gpu_fan_speed_ratio", "Intended speed of the fan by its highest; boards cooled by the machine have none"
)
DESCS = (CLOCK, CLOCK_MAX, STATE, FAN)

_CLOCKS = ("graphics", "sm", "memory", "video")
_MEGA = 1e6  # NVML counts megahertz
_UNKNOWN_STATE = 32


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for clock in _CLOCKS:
        if (key := f"clock_{clock}") in gpu.values:
            yield Sample(CLOCK, (*gpu.labels, clock), gpu.values[key] * _MEGA)
        if (key := f"clock_max_{clock}") in gpu.static:
            yield Sample(CLOCK_MAX, (*gpu.labels, clock), gpu.static[key] * _MEGA)
    state = gpu.values.get("performance_state", _UNKNOWN_STATE)
    if state != _UNKNOWN_STATE:
        yield Sample(STATE, gpu.labels, float(state))
    if "fan" in gpu.values:
        yield Sample(FAN, gpu.labels, gpu.values["fan"] / MOST_RATIO)
