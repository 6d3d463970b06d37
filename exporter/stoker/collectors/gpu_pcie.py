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
ROLLOVERS = counter("stoker_gpu_pcie_replay_rollovers_total", "Packets that were sent again until the counter was full")
RECOVERIES = counter("stoker_gpu_pcie_recoveries_total", "Times that the link had to be trained again")
ERRORS = counter("stoker_gpu_pcie_errors_total", "Errors of the link by type; correctable ones cost only time", "type")
DESCS = (GENERATION, WIDTH, REPLAYS, BYTES, ROLLOVERS, RECOVERIES, ERRORS)

_COUNTERS = (("pcie_replays", REPLAYS), ("pcie_rollovers", ROLLOVERS), ("pcie_recoveries", RECOVERIES))
_ERRORS = (
    "correctable",
    "naks_received",
    "receiver",
    "bad_tlp",
    "naks_sent",
    "bad_dllp",
    "non_fatal",
    "fatal",
    "unsupported_request",
    "lcrc",
    "lane",
)


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for desc, key in ((GENERATION, "pcie_generation"), (WIDTH, "pcie_width")):
        if key in gpu.values:
            yield Sample(desc, (*gpu.labels, "current"), float(gpu.values[key]))
        if (most := f"{key}_max") in gpu.static:
            yield Sample(desc, (*gpu.labels, "max"), float(gpu.static[most]))
    for counted, desc in _COUNTERS:
        if counted in gpu.values:
            yield Sample(desc, gpu.labels, float(gpu.values[counted]))
    for kind in _ERRORS:
        if (key := f"pcie_error_{kind}") in gpu.values:
            yield Sample(ERRORS, (*gpu.labels, kind), float(gpu.values[key]))
    for direction in ("tx", "rx"):
        if (key := f"pcie_{direction}") in gpu.values:
            yield Sample(BYTES, (*gpu.labels, direction), float(gpu.values[key]))
