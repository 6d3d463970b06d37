"""The PCI Express link of a GPU: its state, traffic and replays. The traffic comes from counters, never from the call that blocks for 20 ms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

GENERATION = gauge("stoker_gpu_pcie_link_generation", "Generation of the link; lower at rest, to save power", "state")
WIDTH = gauge("stoker_gpu_pcie_link_width", "Lanes of the link", "state")
REPLAYS = counter("stoker_gpu_pcie_replays_total", "Packets that had to be sent again")
BYTES = counter("stoker_gpu_pcie_bytes_total", "Bytes over the link, as the GPU sees it", "direction")
DESCS = (GENERATION, WIDTH, REPLAYS, BYTES)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for desc, key in ((GENERATION, "pcie_generation"), (WIDTH, "pcie_width")):
        if key in gpu.values:
            yield Sample(desc, (*gpu.labels, "current"), float(gpu.values[key]))
        if (most := f"{key}_max") in gpu.static:
            yield Sample(desc, (*gpu.labels, "max"), float(gpu.static[most]))
    if "pcie_replays" in gpu.values:
        yield Sample(REPLAYS, gpu.labels, float(gpu.values["pcie_replays"]))
    for direction in ("tx", "rx"):
        if (key := f"pcie_{direction}") in gpu.values:
            yield Sample(BYTES, (*gpu.labels, direction), float(gpu.values[key]))
