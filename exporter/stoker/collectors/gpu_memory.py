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
_OF_MEMORY = (TOTAL, USED, FREE, RESERVED)
WINDOW_TOTAL = gauge("stoker_gpu_bar1_memory_total_bytes", "Device memory that others on the bus can be shown")
WINDOW_USED = gauge("stoker_gpu_bar1_memory_used_bytes", "Device memory that others on the bus are shown")
PROTECTED_TOTAL = gauge("stoker_gpu_protected_memory_total_bytes", "Device memory for confidential computing")
PROTECTED_USED = gauge("stoker_gpu_protected_memory_used_bytes", "Device memory that confidential computing holds")
DESCS = (*_OF_MEMORY, WINDOW_TOTAL, WINDOW_USED, PROTECTED_TOTAL, PROTECTED_USED)

_PAIRS = (("bar1_memory", (WINDOW_TOTAL, WINDOW_USED)), ("protected_memory", (PROTECTED_TOTAL, PROTECTED_USED)))


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    yield from _memory((*gpu.labels, *WHOLE), gpu.values)
    for one in gpu.instances:
        yield from _memory((*gpu.labels, one.gpu_instance, one.compute_instance), one.values)
    for key, descs in _PAIRS:
        for desc, value in zip(descs, gpu.values.get(key, ()), strict=False):
            if value is not None:
                yield Sample(desc, gpu.labels, float(value))


def _memory(labels: tuple[str, ...], values: Mapping[str, list[int | None]]) -> Iterator[Sample]:
    # [total, used, free, reserved]: the last one is missing where the driver only has the first version of the call
    for desc, value in zip(_OF_MEMORY, values.get("memory", ()), strict=False):
        if value is not None:
            yield Sample(desc, labels, float(value))
