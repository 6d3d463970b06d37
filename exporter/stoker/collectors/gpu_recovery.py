"""What the driver asks an operator to do with a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

ACTION = gauge(
    "stoker_gpu_recovery_action",
    "What the driver asks for: 0 nothing, 1 reset, 2 reboot, 3 drain, 4 drain and reset, 5 recovery of the IMEX domain, 6 reset of the bus,"
    " 7 restart of the system; newer drivers may have more",
)
DESCS = (ACTION,)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    if "recovery_action" in gpu.values:
        yield Sample(ACTION, gpu.labels, float(gpu.values["recovery_action"]))
