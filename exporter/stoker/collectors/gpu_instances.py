"""The MIG instances of a GPU: what they are, and how many processes each has. Their memory, activity and errors are read where the GPU's are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, gauge
from stoker.collectors.gpu_processes import PROCESSES
from stoker.metrics import Sample
from stoker.sources.nvml_running import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

INFO = gauge("stoker_gpu_instance_info", "Always 1; what a MIG instance is", "instance_uuid", "name", base=INSTANCE)
MULTIPROCESSORS = gauge(
    "stoker_gpu_instance_multiprocessors", "Streaming multiprocessors of a MIG instance", base=INSTANCE
)
DESCS = (INFO, MULTIPROCESSORS)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for one in gpu.instances:
        labels = (*gpu.labels, one.gpu_instance, one.compute_instance)
        uuid, name = (str(one.values.get(key, "")) for key in ("uuid", "name"))
        if uuid or name:
            yield Sample(INFO, (*labels, uuid, name), 1.0)
        if "multiprocessors" in one.values:
            yield Sample(MULTIPROCESSORS, labels, float(one.values["multiprocessors"]))
        for kind in KINDS:
            if kind in one.values:
                yield Sample(PROCESSES, (*labels, kind), float(len({row[0] for row in one.values[kind]})))
