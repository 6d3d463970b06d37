"""Device memory of a GPU and of its MIG instances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, WHOLE, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.sources.nvml_values import Gpu

TOTAL = gauge("stoker_gpu_memory_total_bytes", "Installed device memory", base=INSTANCE)
USED = gauge("stoker_gpu_memory_used_bytes", "Device memory that programs hold", base=INSTANCE)
FREE = gauge("stoker_gpu_memory_free_bytes", "Device memory that can be allocated", base=INSTANCE)
RESERVED = gauge("stoker_gpu_memory_reserved_bytes", "Device memory that driver and firmware keep", base=INSTANCE)
DESCS = (TOTAL, USED, FREE, RESERVED)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    yield from _memory((*gpu.labels, *WHOLE), gpu.values)
    for one in gpu.instances:
        yield from _memory((*gpu.labels, one.gpu_instance, one.compute_instance), one.values)


def _memory(labels: tuple[str, ...], values: Mapping[str, list[int | None]]) -> Iterator[Sample]:
    # [total, used, free, reserved]: the last one is missing where the driver only has the first version of the call
    for desc, value in zip(DESCS, values.get("memory", ()), strict=False):
        if value is not None:
            yield Sample(desc, labels, float(value))
