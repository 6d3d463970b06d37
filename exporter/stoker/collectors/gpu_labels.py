"""The labels that GPU metrics begin with, and rows that declare metrics with them."""

from __future__ import annotations

from stoker.metrics import Desc, Kind

GPU = ("gpu", "uuid")
"""NVML's index, for reading; and what identifies the GPU."""

INSTANCE = (*GPU, "gpu_instance", "compute_instance")
"""For what a MIG instance can have too; empty for the whole GPU."""

WHOLE = ("", "")
"""Values of the instance labels for the whole GPU."""

MOST_RATIO = 100.0
"""NVML's percentages become ratios by this."""


def gauge(name: str, text: str, *labels: str, base: tuple[str, ...] = GPU) -> Desc:
    """A gauge of a GPU."""
    return Desc(name, Kind.GAUGE, text, (*base, *labels))


def counter(name: str, text: str, *labels: str, base: tuple[str, ...] = GPU) -> Desc:
    """A counter of a GPU."""
    return Desc(name, Kind.COUNTER, text, (*base, *labels))
