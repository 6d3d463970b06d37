"""What a GPU is: for joins on uuid. A GPU that is gone keeps what it last said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

_LABELS = ("name", "pci_bus_id", "serial", "vbios", "driver", "cuda", "architecture", "mig_mode")
INFO = gauge("stoker_gpu_info", "Always 1; what the GPU is, its address as /sys/bus/pci spells it", *_LABELS)
DESCS = (INFO,)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    if gpu.info:
        yield Sample(INFO, (*gpu.labels, *(gpu.info.get(name, "") for name in _LABELS)), 1.0)
