"""How many GPUs there are by the driver, by the bus and by this boot's best moment, which of them answer, and NVML's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Snapshot

UP = gauge("stoker_gpu_up", "Whether the GPU answers; stays, at 0, for one that was known and is gone")
ERRORS = counter(
    "stoker_gpu_errors_total",
    "NVML errors other than not supported, by function and constant; TIMEOUT also when a call did not return",
    "call",
    "error",
)
DEVICES = Desc(
    "stoker_gpu_devices", Kind.GAUGE, "GPUs that the driver sees; 0 when NVML fails for another reason than no driver"
)
PCI_DEVICES = Desc(
    "stoker_gpu_pci_devices",
    Kind.GAUGE,
    "NVIDIA display and 3D controllers on the PCI bus that are bound to NVIDIA's driver or to none",
)
BOOT_MAX = Desc("stoker_gpu_devices_boot_max", Kind.GAUGE, "The most GPUs that the driver has seen since the boot")
RESTARTS = Desc(
    "stoker_gpu_reader_restarts_total", Kind.COUNTER, "Processes that speak with NVML started after the first one"
)
LEFT = Desc("stoker_gpu_readers_stuck", Kind.GAUGE, "Processes that hang in an NVML call and could not be killed")
DESCS = (UP, ERRORS, DEVICES, PCI_DEVICES, BOOT_MAX, RESTARTS, LEFT)


def read_all(snapshot: Snapshot) -> Iterator[Sample]:
    """Of the machine."""
    for gpu in snapshot.gpus:
        yield Sample(UP, gpu.labels, float(gpu.up))
    for key, count in sorted(snapshot.errors.items()):
        yield Sample(ERRORS, tuple(key), float(count))
    if snapshot.devices is not None:
        yield Sample(DEVICES, (), float(snapshot.devices))
    if snapshot.pci_devices is not None:
        yield Sample(PCI_DEVICES, (), float(snapshot.pci_devices))
    yield Sample(BOOT_MAX, (), float(snapshot.boot_max))
    yield Sample(RESTARTS, (), float(snapshot.restarts))
    yield Sample(LEFT, (), float(snapshot.left))
