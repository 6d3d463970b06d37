"""The GPU collector: takes one look at all GPUs and lets one file for each thing measured read its part of it.

It is one collector and not one for each file, so that a machine without a driver is said once, and so that a call that hangs holds one
thread. A part that fails costs only its own series.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from stoker.collectors import (
    gpu_accounts,
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
from stoker.sources.owners import Owners
from stoker.sources.pods import Pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from stoker.metrics import Desc, Sample
    from stoker.sources.nvml import NvmlGate
    from stoker.sources.nvml_values import Gpu

log = logging.getLogger(__name__)

T = TypeVar("T")


class Part(NamedTuple):
    """One thing measured: its name, its metrics, and how it is read from a GPU that answers."""

    name: str
    descs: tuple[Desc, ...]
    read: Callable[[Gpu], Iterable[Sample]]


class Whole(NamedTuple):
    """Something that goes with a look at all GPUs: what to do before it, and what to read after it."""

    name: str
    begin: Callable[[], None]
    read: Callable[[], Iterable[Sample]]


_PARTS: tuple[Part, ...] = (
    Part("utilization", gpu_utilization.DESCS, gpu_utilization.read),
    Part("memory", gpu_memory.DESCS, gpu_memory.read),
    Part("temperature", gpu_temperature.DESCS, gpu_temperature.read),
    Part("power", gpu_power.DESCS, gpu_power.read),
    Part("clocks", gpu_clocks.DESCS, gpu_clocks.read),
    Part("throttle", gpu_throttle.DESCS, gpu_throttle.read),
    Part("ecc", gpu_ecc.DESCS, gpu_ecc.read),
    Part("remap", gpu_remap.DESCS, gpu_remap.read),
    Part("pcie", gpu_pcie.DESCS, gpu_pcie.read),
    Part("fabric", gpu_fabric.DESCS, gpu_fabric.read),
    Part("settings", gpu_settings.DESCS, gpu_settings.read),
    Part("board", gpu_board.DESCS, gpu_board.read),
    Part("instances", gpu_instances.DESCS, gpu_instances.read),
    Part("recovery", gpu_recovery.DESCS, gpu_recovery.read),
    Part("activity", gpu_activity.DESCS, gpu_activity.read),
)


def gpu_parts() -> tuple[Part, ...]:
    """What is read of a GPU by itself, whoever uses it."""
    return (*_PARTS, Part("nvlink", gpu_nvlink.DESCS, gpu_nvlink.NvLinks().read))


GPU_DESCS: tuple[Desc, ...] = (
    *gpu_info.DESCS,
    *gpu_devices.DESCS,
    *(desc for part in gpu_parts() for desc in part.descs),
    *gpu_processes.ALL_DESCS,
    *gpu_accounts.DESCS,
    *gpu_xid.DESCS,
)
"""Every metric of GPUs, those that the kernel's log gives included."""


class Gpus:
    """All GPUs.

    Args:
        nvml: the gate.
        parts: what is read of a GPU that answers.
        required: whether it is a failure when there is no driver.
        wholes: what is of no single GPU.
    """

    name = "gpu"
    descs = GPU_DESCS

    def __init__(
        self,
        nvml: NvmlGate,
        parts: tuple[Part, ...],
        *,
        wholes: tuple[Whole, ...] = (),
        required: bool = False,
    ) -> None:
        self._nvml = nvml
        self._parts = parts
        self._wholes = wholes
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
        reading = Reading(failures=list(snapshot.failures), stuck=snapshot.stuck)
        reading.samples += [*gpu_devices.read_all(snapshot), *gpu_xid.read_all(snapshot)]
        for whole in self._wholes:
            self._guarded(whole.name, "the machine", whole.begin, reading)
        for gpu in snapshot.gpus:
            reading.samples += gpu_info.read(gpu)
            if gpu.up:
                for part in self._parts:
                    reading.samples += self._read(part.name, f"GPU {gpu.gpu}", partial(part.read, gpu), reading)
        for whole in self._wholes:
            reading.samples += self._read(whole.name, "the machine", whole.read, reading)
        return reading

    def _read(self, name: str, where: str, read: Callable[[], Iterable[Sample]], reading: Reading) -> Iterable[Sample]:
        return self._guarded(name, where, lambda: list(read()), reading) or ()

    def _guarded(self, name: str, where: str, do: Callable[[], T], reading: Reading) -> T | None:
        try:
            return do()
        except Exception as error:
            # a bug of ours, or a driver that answers what nobody expects: it may cost this part of this GPU only
            reading.failures.append(f"{where}: {name}: {type(error).__name__}: {error}")
            if name not in self._broken:
                self._broken.add(name)
                log.exception("collector=gpu part=%s of=%s", name, where)
            return None


def gpu_collectors(
    nvml: NvmlGate,
    *,
    required: bool = False,
    process_limit: int = 200,
    pods: Pods | None = None,
    accounts: gpu_accounts.GpuAccounts | None = None,
    accounted: bool = True,
) -> tuple[Collector, ...]:
    """What collects GPUs.

    Args:
        nvml: the gate to them.
        required: `gpu.enabled: true`: a machine without a driver is a failure.
        process_limit: processes of one GPU that are told.
        pods: knows the names of pods.
        accounts: what workloads have used.
        accounted: whether that is told.
    """
    accounts = accounts or gpu_accounts.GpuAccounts()
    owners = Owners(nvml.procfs, nvml.process_user)
    processes = gpu_processes.GpuProcesses(owners, pods or Pods(), process_limit, accounts.note)
    parts = (*gpu_parts(), Part("processes", gpu_processes.DESCS, processes.read))
    wholes = [Whole("processes", processes.begin, processes.machine)]
    if accounted:
        wholes.append(Whole("accounts", accounts.begin, accounts.samples))
    return (Gpus(nvml, parts, wholes=tuple(wholes), required=required),)
