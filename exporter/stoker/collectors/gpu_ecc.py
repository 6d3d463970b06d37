"""Memory errors of a GPU: how many, where, and whether they are corrected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, WHOLE, counter, gauge
from stoker.metrics import Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stoker.sources.nvml_values import Gpu

ERRORS = counter(
    "stoker_gpu_ecc_errors_total",
    "Memory errors: volatile since the driver was loaded, aggregate in the GPU's life",
    "type",
    "scope",
    base=INSTANCE,
)
LOCATED = counter(
    "stoker_gpu_ecc_location_errors_total",
    "Memory errors by where they were: dram is the device's memory, sram all memory in the chip",
    "location",
    "type",
    "scope",
)
SRAM_CHECKS = counter(
    "stoker_gpu_sram_uncorrected_errors_total",
    "Uncorrected errors in the chip by the check that found them",
    "check",
    "scope",
)
SRAM_UNITS = counter(
    "stoker_gpu_sram_uncorrected_unit_errors_total",
    "Uncorrected errors in the chip, in the GPU's life, by unit",
    "unit",
)
SRAM_EXCEEDED = gauge(
    "stoker_gpu_sram_threshold_exceeded", "Whether the chip has had more errors than NVIDIA holds for healthy"
)
ENABLED = gauge("stoker_gpu_ecc_enabled", "Whether errors are corrected: now, and after the next reset", "when")
DESCS = (ERRORS, LOCATED, SRAM_CHECKS, SRAM_UNITS, SRAM_EXCEEDED, ENABLED)

_TYPES = ("corrected", "uncorrected")
_SCOPES = ("volatile", "aggregate")
_LOCATIONS = ("l1", "l2", "dram", "register_file", "texture", "cbu")
_UNITS = ("l2", "sm", "pcie", "microcontroller", "other")


def read(gpu: Gpu) -> Iterator[Sample]:
    """Of one GPU."""
    for kind in _TYPES:
        for scope in _SCOPES:
            if (key := f"ecc_{kind}_{scope}") in gpu.values:
                yield Sample(ERRORS, (*gpu.labels, *WHOLE, kind, scope), float(gpu.values[key]))
    for when, mode in zip(("current", "pending"), gpu.values.get("ecc_mode", ()), strict=False):
        yield Sample(ENABLED, (*gpu.labels, when), float(mode))
    yield from _located(gpu)
    if "sram" in gpu.values:
        yield from _sram(gpu, gpu.values["sram"])
    for one in gpu.instances:
        if (key := "ecc_uncorrected_volatile_sram") in one.values:  # all that an instance tells
            labels = (*gpu.labels, one.gpu_instance, one.compute_instance)
            yield Sample(ERRORS, (*labels, "uncorrected", "volatile"), float(one.values[key]))


def _located(gpu: Gpu) -> Iterator[Sample]:
    for location in _LOCATIONS:
        for kind in _TYPES:
            for scope in _SCOPES:
                if (key := f"ecc_{kind}_{scope}_{location}") in gpu.values:
                    yield Sample(LOCATED, (*gpu.labels, location, kind, scope), float(gpu.values[key]))


def _sram(gpu: Gpu, numbers: Sequence[int | None]) -> Iterator[Sample]:
    *counts, exceeded = numbers
    for scope, (parity, sec_ded, corrected) in (("aggregate", counts[:3]), ("volatile", counts[3:6])):
        if parity is not None and sec_ded is not None:
            yield Sample(LOCATED, (*gpu.labels, "sram", "uncorrected", scope), float(parity + sec_ded))
        if corrected is not None:
            yield Sample(LOCATED, (*gpu.labels, "sram", "corrected", scope), float(corrected))
        for check, count in (("parity", parity), ("sec_ded", sec_ded)):
            if count is not None:
                yield Sample(SRAM_CHECKS, (*gpu.labels, check, scope), float(count))
    for unit, count in zip(_UNITS, counts[6:], strict=True):
        if count is not None:
            yield Sample(SRAM_UNITS, (*gpu.labels, unit), float(count))
    if exceeded is not None:
        yield Sample(SRAM_EXCEEDED, gpu.labels, float(exceeded))
