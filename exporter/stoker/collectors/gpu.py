"""The GPU collector: takes one look at all GPUs and lets one file for each thing measured read its part of it.

It is one collector and not one for each file, so that a machine without a driver is said once, and so that a call that hangs holds one
thread. A part that fails costs only its own series.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors import (
    gpu_activity,
    gpu_board,
    gpu_clocks,
    gpu_devices,
    gpu_ecc,
    gpu_fabric,
    gpu_info,
    gpu_instances,
    gpu_memory,
    gpu_nvlink,
    gpu_pcie,
    gpu_power,
    gpu_processes,
    gpu_recovery,
    gpu_remap,
    gpu_settings,
    gpu_temperature,
    gpu_throttle,
    gpu_utilization,
    gpu_xid,
)
from stoker.collectors.collector import Collector, Reading
from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from stoker.metrics import Desc, Sample
    from stoker.sources.nvml import NvmlGate
    from stoker.sources.nvml_values import Gpu

log = logging.getLogger(__name__)


class Part(NamedTuple):
    """One thing measured: its name, its metrics, and how it is read from a GPU that answers."""

    name: str
    descs: tuple[Desc, ...]
    read: Callable[[Gpu], Iterable[Sample]]


_PARTS = (
    Part("utilization", gpu_utilization.DESCS, gpu_utilization.read),
    Part("memory", gpu_memory.DESCS, gpu_memory.read),
    Part("temperature", gpu_temperature.DESCS, gpu_temperature.read),
    Part("power", gpu_power.DESCS, gpu_power.read),
    Part("clocks", gpu_clocks.DESCS, gpu_clocks.read),
    Part("throttle", gpu_throttle.DESCS, gpu_throttle.read),
    Part("ecc", gpu_ecc.DESCS, gpu_ecc.read),
    Part("remap", gpu_remap.DESCS, gpu_remap.read),
    Part("pcie", gpu_pcie.DESCS, gpu_pcie.read),
    Part("nvlink", gpu_nvlink.DESCS, gpu_nvlink.read),
    Part("fabric", gpu_fabric.DESCS, gpu_fabric.read),
    Part("settings", gpu_settings.DESCS, gpu_settings.read),
    Part("board", gpu_board.DESCS, gpu_board.read),
    Part("instances", gpu_instances.DESCS, gpu_instances.read),
    Part("recovery", gpu_recovery.DESCS, gpu_recovery.read),
    Part("activity", gpu_activity.DESCS, gpu_activity.read),
)

GPU_DESCS: tuple[Desc, ...] = (
    *gpu_info.DESCS,
    *gpu_devices.DESCS,
    *(desc for part in _PARTS for desc in part.descs),
    *gpu_processes.DESCS,
    *gpu_xid.DESCS,
)
"""Every metric of GPUs, those that the kernel's log gives included."""


class Gpus:
    """All GPUs.

    Args:
        nvml: the gate.
        parts: what is read of a GPU that answers.
        required: whether it is a failure when there is no driver.
    """

    name = "gpu"
    descs = GPU_DESCS

    def __init__(self, nvml: NvmlGate, parts: tuple[Part, ...], *, required: bool = False) -> None:
        self._nvml = nvml
        self._parts = parts
        self._required = required
        self._broken: set[str] = set()

    def collect(self) -> Reading:
        """Look once."""
        try:
            snapshot = self._nvml.snapshot()
        except UnavailableError as error:
            if self._required:
                raise SourceError(str(error)) from error
            raise
        reading = Reading(failures=list(snapshot.failures))
        reading.samples += gpu_devices.read_all(snapshot)
        for gpu in snapshot.gpus:
            reading.samples += gpu_info.read(gpu)
            if gpu.up:
                for part in self._parts:
                    self._read(part, gpu, reading)
        return reading

    def _read(self, part: Part, gpu: Gpu, reading: Reading) -> None:
        try:
            reading.samples += list(part.read(gpu))
        except Exception as error:
            # a bug of ours, or a driver that answers what nobody expects: it may cost this part of this GPU only
            reading.failures.append(f"GPU {gpu.gpu}: {part.name}: {type(error).__name__}: {error}")
            if part.name not in self._broken:
                self._broken.add(part.name)
                log.exception("collector=gpu part=%s gpu=%s", part.name, gpu.gpu)


def gpu_parts(procfs: Path, process_user: str = "off", process_limit: int = 200) -> tuple[Part, ...]:
    """Everything that is read of a GPU which answers; `procfs` is where processes are looked up."""
    processes = gpu_processes.GpuProcesses(procfs, process_user, process_limit)
    return (*_PARTS, Part("processes", gpu_processes.DESCS, processes.read))


def gpu_collectors(nvml: NvmlGate, *, required: bool = False, process_limit: int = 200) -> tuple[Collector, ...]:
    """What collects GPUs.

    Args:
        nvml: the gate to them.
        required: `gpu.enabled: true`: a machine without a driver is a failure.
        process_limit: processes of one GPU whose memory is told.
    """
    parts = gpu_parts(nvml.procfs, nvml.process_user, process_limit)
    return (Gpus(nvml, parts, required=required),)
