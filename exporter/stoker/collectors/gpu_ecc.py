"""Memory errors of a GPU: counted, and what was taken out of use because of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, WHOLE, counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_values import Gpu

ERRORS = counter(
    "stoker_gpu_ecc_errors_total",
    "Memory errors: volatile since the driver was loaded, aggregate in the GPU's life",
    "type",
    "scope",
    base=INSTANCE,
)
REMAPPED = counter("stoker_gpu_remapped_rows_total", "Rows of memory replaced by spare ones, by cause", "cause")
PENDING = gauge("stoker_gpu_remap_pending", "Whether rows wait for a reset of the GPU to be replaced")
FAILED = gauge("stoker_gpu_remap_failed", "Whether a row could not be replaced")
RETIRED = counter(
    "stoker_gpu_retired_pages_total", "Pages of memory taken out of use, by cause; before Ampere", "cause"
)
DESCS = (ERRORS, REMAPPED, PENDING, FAILED, RETIRED)

_TYPES = ("corrected", "uncorrected")
_SCOPES = ("volatile", "aggregate")


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for kind in _TYPES:
        for scope in _SCOPES:
            if (key := f"ecc_{kind}_{scope}") in gpu.values:
                yield Sample(ERRORS, (*gpu.labels, *WHOLE, kind, scope), float(gpu.values[key]))
        if (key := f"retired_{kind}") in gpu.values:
            yield Sample(RETIRED, (*gpu.labels, kind), float(gpu.values[key]))
    # rows by cause, then whether some wait and whether one could not be replaced
    corrected, uncorrected, pending, failed = gpu.values.get("remapped_rows", (None,) * 4)
    for cause, count in (("corrected", corrected), ("uncorrected", uncorrected)):
        if count is not None:
            yield Sample(REMAPPED, (*gpu.labels, cause), float(count))
    for desc, state in ((PENDING, pending), (FAILED, failed)):
        if state is not None:
            yield Sample(desc, gpu.labels, float(bool(state)))
