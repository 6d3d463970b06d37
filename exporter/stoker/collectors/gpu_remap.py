"""Memory of a GPU that was taken out of use after errors, or waits for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

REMAPPED = counter("stoker_gpu_remapped_rows_total", "Rows of memory replaced by spare ones, by cause", "cause")
PENDING = gauge("stoker_gpu_remap_pending", "Whether rows wait for a reset of the GPU to be replaced")
FAILED = gauge("stoker_gpu_remap_failed", "Whether a row could not be replaced")
BANKS = gauge(
    "stoker_gpu_remap_banks",
    "Banks of memory by how many of their spare rows are left: max is all, none means that the next error is not repaired",
    "spare",
)
RETIRED = counter(
    "stoker_gpu_retired_pages_total", "Pages of memory taken out of use, by cause; before Ampere", "cause"
)
RETIRED_PENDING = gauge("stoker_gpu_retired_pages_pending", "Whether pages wait for a reboot to be taken out of use")
DESCS = (REMAPPED, PENDING, FAILED, BANKS, RETIRED, RETIRED_PENDING)

_SPARE = ("max", "high", "partial", "low", "none")


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    # rows by cause, then whether some wait and whether one could not be replaced
    corrected, uncorrected, pending, failed = gpu.values.get("remapped_rows", (None,) * 4)
    for cause, count in (("corrected", corrected), ("uncorrected", uncorrected)):
        if count is not None:
            yield Sample(REMAPPED, (*gpu.labels, cause), float(count))
        if (key := f"retired_{cause}") in gpu.values:
            yield Sample(RETIRED, (*gpu.labels, cause), float(gpu.values[key]))
    for desc, state in ((PENDING, pending), (FAILED, failed), (RETIRED_PENDING, gpu.values.get("retired_pending"))):
        if state is not None:
            yield Sample(desc, gpu.labels, float(bool(state)))
    for spare, count in zip(_SPARE, gpu.values.get("remap_banks", ()), strict=False):
        if count is not None:
            yield Sample(BANKS, (*gpu.labels, spare), float(count))
