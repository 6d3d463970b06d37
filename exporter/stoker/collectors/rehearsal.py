"""Tries what a recording says of GPUs before it is played, so that what is damaged in it is one line and no series that fails later."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from stoker.collectors import gpu_info
from stoker.collectors.gpu import gpu_parts
from stoker.collectors.host import HOST_NAMES
from stoker.errors import SourceError
from stoker.sources.nvml_answers import live_gpu
from stoker.sources.recording import ACCOUNTS, OWNERS, PORTS, round_name

if TYPE_CHECKING:
    from stoker.collectors.gpu import Part
    from stoker.metrics import Sample
    from stoker.sources.recording import Recording


COVERS = (*HOST_NAMES, OWNERS, ACCOUNTS, PORTS)
"""All that a recording made by this Stoker covers."""


def lacking(recording: Recording) -> list[str]:
    """What a recording made by an older Stoker does not cover."""
    return [name for name in COVERS if name not in recording.covers]


def rehearse(recording: Recording) -> None:
    """Read every answer of every round as the collector will.

    Raises:
        SourceError: one of them cannot be read.
    """
    parts = gpu_parts()
    for number, played in enumerate(recording.rounds):
        system: dict[str, Any] = {}
        for answer in played.answers:
            if "count" in answer:
                system = answer
            elif answer.get("uuid") and answer["values"]:
                _read(parts, answer, system, f"{round_name(number)}: damaged: GPU {answer['index']}")


def _read(parts: tuple[Part, ...], answer: dict[str, Any], system: dict[str, Any], where: str) -> None:
    step = "answers"
    try:
        gpu = live_gpu(answer, system)
        _check(list(gpu_info.read(gpu)))
        for part in parts:
            step = part.name
            _check(list(part.read(gpu)))
    except Exception as error:  # whatever a damaged value leads to
        raise SourceError(f"{where}: {step}: no values of NVML: {type(error).__name__}: {error}") from error


def _check(samples: list[Sample]) -> None:
    for sample in samples:
        if not isinstance(sample.value, float) or not math.isfinite(sample.value):
            raise ValueError(f"{sample.desc.name} is no number")
        if not all(isinstance(label, str) for label in sample.labels):
            raise TypeError(f"a label of {sample.desc.name} is no text")
