"""What the units of a GPU and of its MIG instances do, from the profiling counters of Hopper and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, MOST_RATIO, WHOLE, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.sources.nvml_values import Gpu

ACTIVITY = gauge(
    "stoker_gpu_activity_ratio",
    "Share of cycles since the look before in which the unit worked: graphics, sm, sm_occupancy, tensor, dram, fp64, "
    "fp32, fp16, int; compute instances of one GPU instance share it",
    "unit",
    base=INSTANCE,
)
DESCS = (ACTIVITY,)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    yield from _activity((*gpu.labels, *WHOLE), gpu.values.get("activity", {}))
    for one in gpu.instances:
        labels = (*gpu.labels, one.gpu_instance, one.compute_instance)
        yield from _activity(labels, one.values.get("activity", {}))


def _activity(labels: tuple[str, ...], percent: Mapping[str, float]) -> Iterator[Sample]:
    for unit, value in percent.items():
        yield Sample(ACTIVITY, (*labels, unit), value / MOST_RATIO)
