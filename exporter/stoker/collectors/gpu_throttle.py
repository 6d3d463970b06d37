"""Why a GPU runs below its clocks, now and in seconds since the driver was loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

ACTIVE = gauge("stoker_gpu_throttle_active", "Whether clocks are held down for this reason at present", "reason")
SECONDS = counter("stoker_gpu_throttle_seconds_total", "Time in which clocks were held down for this reason", "reason")
LIMITED = counter(
    "stoker_gpu_clock_limited_seconds_total",
    "Time in which clocks were below their highest for what is no throttling: the board's limit, too little work, "
    "the voltage's reliability, applications' and base clocks",
    "policy",
)
DESCS = (ACTIVE, SECONDS, LIMITED)

REASONS = (
    ("idle", 0x01),
    ("applications_clocks", 0x02),
    ("sw_power_cap", 0x04),
    ("hw_slowdown", 0x08),
    ("sync_boost", 0x10),
    ("sw_thermal", 0x20),
    ("hw_thermal", 0x40),
    ("hw_power_brake", 0x80),
)
"""Label and bit of nvmlClocksEventReasons."""

_TIMES = ("sw_power_cap", "sync_boost", "sw_thermal", "hw_thermal", "hw_power_brake")
_POLICIES = ("board_limit", "low_utilization", "reliability", "application_clocks", "base_clocks")
_NANO = 1e9  # both the fields and nvmlDeviceGetViolationStatus count nanoseconds


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    if "reasons" in gpu.values:
        active = gpu.values["reasons"]
        supported = gpu.values.get("reasons_supported", ~0)
        for reason, bit in REASONS:
            if (supported | active) & bit:
                yield Sample(ACTIVE, (*gpu.labels, reason), float(bool(active & bit)))
    for reason in _TIMES:
        value = gpu.values.get(f"throttle_{reason}")
        if reason == "sw_thermal" and value is None:
            value = gpu.values.get("throttle_thermal")  # older drivers have one counter for what is too hot
        if value is not None:
            yield Sample(SECONDS, (*gpu.labels, reason), value / _NANO)
    for policy in _POLICIES:
        if (key := f"violation_{policy}") in gpu.values:
            yield Sample(LIMITED, (*gpu.labels, policy), gpu.values[key] / _NANO)
