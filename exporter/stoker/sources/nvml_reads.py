"""What is read from a GPU: a table of NVML calls, each with the name under which its answer crosses the pipe.

Runs in the child only (stdlib and pynvml). A row is a name and the ways to read it, the newest first: a way that the driver or the
device does not support gives way to the next one, and is not tried again. Values are numbers, strings or lists of numbers in NVML's
own units; the collectors turn them into base units.
"""

from __future__ import annotations

import math
from ctypes import Structure, byref, c_ubyte, c_uint
from typing import TYPE_CHECKING, Any, NamedTuple

import pynvml

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_AVAILABLE = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
"""NVML's way to say that a number has no value (all bits set, in 32 or 64)."""

ALL_LINKS = 0xFFFFFFFF
"""Scope of a field that asks for the sum over all NVLinks."""


class Way(NamedTuple):
    """One NVML function: its arguments after the handle, what of its answer is kept, and who calls it where pynvml leaves work to do."""

    call: str
    arguments: tuple[object, ...] = ()
    keep: Callable[[Any], Any] = lambda answer: answer
    function: Callable[..., Any] | None = None


class Row(NamedTuple):
    """Something that is read, and the ways to read it in order of preference."""

    key: str
    ways: tuple[Way, ...]


class Field(NamedTuple):
    """A field of nvmlDeviceGetFieldValues; all are asked for in one call."""

    key: str
    id: int
    scope: int = 0


class _FabricInfo(Structure):
    """Our own, since pynvml before 13 has it with a cluster of the wrong length and finds every state to be 0."""

    _fields_ = (("cluster", c_ubyte * 16), ("status", c_uint), ("clique", c_uint), ("state", c_ubyte))


def _fabric_state(handle: object) -> int:
    """State of the GPU in an NVLink fabric: 0 not supported, 1 not started, 2 in progress, 3 completed."""
    info = _FabricInfo()
    pynvml.nvmlDeviceGetGpuFabricInfo(handle, byref(info))
    return int(info.state)


def _row(key: str, call: str, *arguments: object, keep: Callable[[Any], Any] | None = None) -> Row:
    return Row(key, (Way(call, arguments, keep) if keep else Way(call, arguments),))


def _processes(answer: list[Any]) -> list[list[int | None]]:
    """[pid, bytes, GPU instance, compute instance] of each; None for what is not available."""
    return [[clean(getattr(each, name)) for name in _PROCESS] for each in answer]


_PROCESS = ("pid", "usedGpuMemory", "gpuInstanceId", "computeInstanceId")
_CLOCKS = (("graphics", 0), ("sm", 1), ("memory", 2), ("video", 3))
_THRESHOLDS = (("shutdown", 0), ("slowdown", 1), ("memory_max", 2), ("gpu_max", 3))
_MEMORY_2 = Way("nvmlDeviceGetMemoryInfo", (pynvml.nvmlMemory_v2,), lambda m: [m.total, m.used, m.free, m.reserved])
_MEMORY_1 = Way("nvmlDeviceGetMemoryInfo", (), lambda m: [m.total, m.used, m.free, None])

STATIC = (
    _row("name", "nvmlDeviceGetName"),
    _row("serial", "nvmlDeviceGetSerial"),
    _row("vbios", "nvmlDeviceGetVbiosVersion"),
    _row("architecture", "nvmlDeviceGetArchitecture"),
    *(_row(f"clock_max_{name}", "nvmlDeviceGetMaxClockInfo", kind) for name, kind in _CLOCKS),
    *(_row(f"threshold_{name}", "nvmlDeviceGetTemperatureThreshold", kind) for name, kind in _THRESHOLDS),
    _row("pcie_generation_max", "nvmlDeviceGetMaxPcieLinkGeneration"),
    _row("pcie_width_max", "nvmlDeviceGetMaxPcieLinkWidth"),
)
"""Read once for each GPU and child."""

ROWS = (
    _row("utilization", "nvmlDeviceGetUtilizationRates", keep=lambda u: [u.gpu, u.memory]),
    _row("encoder", "nvmlDeviceGetEncoderUtilization", keep=lambda u: u[0]),
    _row("decoder", "nvmlDeviceGetDecoderUtilization", keep=lambda u: u[0]),
    _row("jpeg", "nvmlDeviceGetJpgUtilization", keep=lambda u: u[0]),
    _row("ofa", "nvmlDeviceGetOfaUtilization", keep=lambda u: u[0]),
    Row("memory", (_MEMORY_2, _MEMORY_1)),
    Row("temperature", (Way("nvmlDeviceGetTemperatureV", (0,)), Way("nvmlDeviceGetTemperature", (0,)))),
    _row("margin", "nvmlDeviceGetMarginTemperature"),
    _row("power", "nvmlDeviceGetPowerUsage"),
    _row("power_limit", "nvmlDeviceGetEnforcedPowerLimit"),
    _row("energy", "nvmlDeviceGetTotalEnergyConsumption"),
    *(_row(f"clock_{name}", "nvmlDeviceGetClockInfo", kind) for name, kind in _CLOCKS),
    _row("fan", "nvmlDeviceGetFanSpeed"),
    _row("performance_state", "nvmlDeviceGetPerformanceState"),
    Row(
        "reasons",
        (Way("nvmlDeviceGetCurrentClocksEventReasons"), Way("nvmlDeviceGetCurrentClocksThrottleReasons")),
    ),
    Row(
        "reasons_supported",
        (Way("nvmlDeviceGetSupportedClocksEventReasons"), Way("nvmlDeviceGetSupportedClocksThrottleReasons")),
    ),
    _row("ecc_corrected_volatile", "nvmlDeviceGetTotalEccErrors", 0, 0),
    _row("ecc_corrected_aggregate", "nvmlDeviceGetTotalEccErrors", 0, 1),
    _row("ecc_uncorrected_volatile", "nvmlDeviceGetTotalEccErrors", 1, 0),
    _row("ecc_uncorrected_aggregate", "nvmlDeviceGetTotalEccErrors", 1, 1),
    _row("remapped_rows", "nvmlDeviceGetRemappedRows", keep=list),
    _row("retired_corrected", "nvmlDeviceGetRetiredPages", 0, keep=len),
    _row("retired_uncorrected", "nvmlDeviceGetRetiredPages", 1, keep=len),
    _row("pcie_generation", "nvmlDeviceGetCurrPcieLinkGeneration"),
    _row("pcie_width", "nvmlDeviceGetCurrPcieLinkWidth"),
    _row("pcie_replays", "nvmlDeviceGetPcieReplayCounter"),
    Row("fabric_state", (Way("nvmlDeviceGetGpuFabricInfo", function=_fabric_state),)),
    Row(
        "compute",
        (
            Way("nvmlDeviceGetComputeRunningProcesses_v3", (), _processes),
            Way("nvmlDeviceGetComputeRunningProcesses_v2", (), _processes),
        ),
    ),
    Row(
        "graphics",
        (
            Way("nvmlDeviceGetGraphicsRunningProcesses_v3", (), _processes),
            Way("nvmlDeviceGetGraphicsRunningProcesses_v2", (), _processes),
        ),
    ),
)
"""Read every time. nvmlDeviceGetPcieThroughput is not here on purpose: it blocks for 20 ms."""

INSTANCE_ROWS = (Row("memory", (_MEMORY_2, _MEMORY_1)), _row("uuid", "nvmlDeviceGetUUID"))
"""Read of a MIG instance; the other rows belong to the whole GPU."""

FIELDS = (
    Field("memory_temperature", 82),
    Field("throttle_sw_power_cap", 74),
    Field("throttle_thermal", 75),
    Field("throttle_sync_boost", 76),
    Field("throttle_sw_thermal", 269),
    Field("throttle_hw_thermal", 270),
    Field("throttle_hw_power_brake", 271),
    Field("pcie_tx", 197),
    Field("pcie_rx", 198),
    Field("recovery_action", 230),
    Field("nvlink_tx", 138, ALL_LINKS),
    Field("nvlink_rx", 139, ALL_LINKS),
)

VIOLATIONS = (("throttle_sw_power_cap", 0), ("throttle_thermal", 1), ("throttle_sync_boost", 2))
"""Policies of nvmlDeviceGetViolationStatus, for drivers whose fields do not have them; both count nanoseconds."""

SAMPLES = (("power_span", 0), ("utilization_span", 1))
"""Kinds of nvmlDeviceGetSamples: the driver takes several a second, and what lies between two looks is not lost."""
SPAN = 60.0
"""Seconds over which the lowest and the highest sample are told."""

LINK_ERRORS = (("replay", 0), ("recovery", 1), ("crc_flit", 2), ("crc_data", 3))
MAX_LINKS = 36


_VALUE = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


def clean(value: Any) -> Any:  # noqa: ANN401 - whatever NVML gave
    """The value, or None for NVML's "not available"; in a list each for itself."""
    if isinstance(value, list):
        return [clean(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return None if isinstance(value, int) and value in NOT_AVAILABLE else value


def field_value(found: Any) -> Any:  # noqa: ANN401 - a ctypes structure of pynvml
    """The number in a field, by the type that it says."""
    kind = found.valueType
    if kind >= len(_VALUE):
        return None
    return clean(getattr(found.value, _VALUE[kind], None))  # pynvml before 13 has no usVal


def stamped_values(answer: tuple[int, list[Any]]) -> list[tuple[int, Any]]:
    """(microseconds, number) of each sample."""
    kind, samples = answer
    if kind >= len(_VALUE):
        return []
    return [(sample.timeStamp, clean(getattr(sample.sampleValue, _VALUE[kind]))) for sample in samples]
