"""What an operator has set a GPU to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

PERSISTENCE = gauge(
    "stoker_gpu_persistence_mode", "Whether the driver keeps the GPU ready while nobody uses it, by the old way"
)
COMPUTE = gauge(
    "stoker_gpu_compute_mode", "Who may compute: 0 everybody, 1 one thread, 2 nobody, 3 one process at a time"
)
GSP = gauge("stoker_gpu_gsp_enabled", "Whether the GPU's own processor runs the driver: now, and by default", "when")
MIG = gauge(
    "stoker_gpu_mig_enabled", "Whether the GPU is divided into instances: now, and after the next reset", "when"
)
LICENSED = gauge("stoker_gpu_vgpu_licensed", "Whether a virtual GPU has its licence")
CHIP_LINKS = gauge("stoker_gpu_c2c_enabled", "Whether the links between the chips of GPU and CPU are in use")
CONFIDENTIAL = gauge(
    "stoker_gpu_confidential_computing_enabled", "Whether confidential computing is on, which is so for a whole machine"
)
READY = gauge(
    "stoker_gpu_confidential_computing_ready",
    "Whether programs may use the GPU in confidential computing, once it was attested",
)
DESCS = (PERSISTENCE, COMPUTE, GSP, MIG, LICENSED, CHIP_LINKS, CONFIDENTIAL, READY)

_ROWS = (
    ("persistence", PERSISTENCE),
    ("compute_mode", COMPUTE),
    ("vgpu_licensed", LICENSED),
    ("c2c", CHIP_LINKS),
    ("confidential", CONFIDENTIAL),
    ("confidential_ready", READY),
)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for key, desc in _ROWS:
        if key in gpu.values:
            yield Sample(desc, gpu.labels, float(gpu.values[key]))
    for when, enabled in zip(("current", "default"), gpu.static.get("gsp", ()), strict=False):
        yield Sample(GSP, (*gpu.labels, when), float(enabled))
    for when, mode in (("current", gpu.mig), ("pending", gpu.mig_pending)):
        if mode is not None:
            yield Sample(MIG, (*gpu.labels, when), float(mode))
