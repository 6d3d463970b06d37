"""What the units of a GPU do, from the profiling counters of Hopper and later. Declared; nothing reads it yet."""

from __future__ import annotations

from stoker.collectors.gpu_labels import INSTANCE, gauge

ACTIVITY = gauge(
    "stoker_gpu_activity_ratio",
    "Share of cycles in which the unit worked: graphics, sm, sm_occupancy, tensor, dram, fp64, fp32, fp16, int",
    "unit",
    base=INSTANCE,
)
DESCS = (ACTIVITY,)
