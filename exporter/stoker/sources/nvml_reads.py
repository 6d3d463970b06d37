"""What is read from a GPU: a table of NVML calls, each with the name under which its answer crosses the pipe.

Runs in the child only (stdlib and pynvml). A row is a name and the ways to read it, the newest first: a way that the driver or the
device does not support gives way to the next one, and is not tried again. Values are numbers, strings or lists of numbers in NVML's
own units; the collectors turn them into base units.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import pynvml

from stoker.sources import nvml_structures as structures

if TYPE_CHECKING:
    from collections.abc import Callable

NOT_AVAILABLE = frozenset({0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF})
"""NVML's way to say that a number has no value (all bits set, in 32 or 64)."""


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

PROCESSES = tuple(
    Row(kind, tuple(Way(f"nvmlDeviceGet{name}RunningProcesses_{version}", (), _processes) for version in ("v3", "v2")))
    for kind, name in (("compute", "Compute"), ("graphics", "Graphics"))
)

STATIC = (
    _row("name", "nvmlDeviceGetName"),
    _row("serial", "nvmlDeviceGetSerial"),
    _row("vbios", "nvmlDeviceGetVbiosVersion"),
    _row("architecture", "nvmlDeviceGetArchitecture"),
    *(_row(f"clock_max_{name}", "nvmlDeviceGetMaxClockInfo", kind) for name, kind in _CLOCKS),
    *(_row(f"threshold_{name}", "nvmlDeviceGetTemperatureThreshold", kind) for name, kind in _THRESHOLDS),
    _row("power_limit_default", "nvmlDeviceGetPowerManagementDefaultLimit"),
    _row("power_limit_bounds", "nvmlDeviceGetPowerManagementLimitConstraints", keep=list),
    _row("part_number", "nvmlDeviceGetBoardPartNumber"),
    _row("compute_capability", "nvmlDeviceGetCudaComputeCapability", keep=lambda pair: f"{pair[0]}.{pair[1]}"),
    _row("gsp_firmware", "nvmlDeviceGetGspFirmwareVersion"),
    _row("gsp", "nvmlDeviceGetGspFirmwareMode", keep=list),
    _row("virtualization", "nvmlDeviceGetVirtualizationMode"),
    _row("cores", "nvmlDeviceGetNumGpuCores"),
    _row("memory_bus_bits", "nvmlDeviceGetMemoryBusWidth"),
    _row("numa_node", "nvmlDeviceGetNumaNodeId"),
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
    Row(
        "fabric",
        (
            Way("nvmlDeviceGetGpuFabricInfoV", function=structures.fabric),
            Way("nvmlDeviceGetGpuFabricInfo", function=structures.fabric_before_535),
        ),
    ),
    Row("sram", (Way("nvmlDeviceGetSramEccErrorStatus", function=structures.sram_errors),)),
    _row("bar1_memory", "nvmlDeviceGetBAR1MemoryInfo", keep=lambda m: [m.bar1Total, m.bar1Used]),
    _row("protected_memory", "nvmlDeviceGetConfComputeProtectedMemoryUsage", keep=lambda m: [m.total, m.used]),
    *PROCESSES,
)
"""Read every time. nvmlDeviceGetPcieThroughput is not here on purpose: it blocks for 20 ms."""

SETTINGS = (
    _row("power_limit_set", "nvmlDeviceGetPowerManagementLimit"),
    _row("ecc_mode", "nvmlDeviceGetEccMode", keep=list),
    _row("persistence", "nvmlDeviceGetPersistenceMode"),
    _row("compute_mode", "nvmlDeviceGetComputeMode"),
    _row("remap_banks", "nvmlDeviceGetRowRemapperHistogram", keep=lambda h: [h.max, h.high, h.partial, h.low, h.none]),
    _row("retired_pending", "nvmlDeviceGetRetiredPagesPendingStatus"),
    _row("c2c", "nvmlDeviceGetC2cModeInfoV", keep=lambda mode: mode.isC2cEnabled),
    Row("confidential", (Way("nvmlSystemGetConfComputeState", function=structures.confidential),)),
    Row("confidential_ready", (Way("nvmlSystemGetConfComputeGpusReadyState", function=structures.confidential_ready),)),
    Row("vgpu_licensed", (Way("nvmlDeviceGetGridLicensableFeatures", keep=structures.licensed),)),
)
"""What an operator sets, or what only a reset changes: read once in SETTINGS_EVERY."""
SETTINGS_EVERY = 60.0
"""Seconds."""

INSTANCE_ROWS = (
    _row("uuid", "nvmlDeviceGetUUID"),
    _row("name", "nvmlDeviceGetName"),
    _row("multiprocessors", "nvmlDeviceGetAttributes_v2", keep=lambda attributes: attributes.multiprocessorCount),
    Row("memory", (_MEMORY_2, _MEMORY_1)),
    _row("ecc_uncorrected_volatile_sram", "nvmlDeviceGetMemoryErrorCounter", 1, 0, 7),
    *PROCESSES,
)
"""Read of a MIG instance every time; the other rows belong to the whole GPU."""


def _violation(key: str, policy: int) -> Row:
    return _row(key, "nvmlDeviceGetViolationStatus", policy, keep=lambda found: found.violationTime)


INSTEAD = (
    _violation("throttle_sw_power_cap", 0),
    _violation("throttle_thermal", 1),
    _violation("throttle_sync_boost", 2),
    *(
        _row(f"ecc_{kind}_{scope}_dram", "nvmlDeviceGetMemoryErrorCounter", number, counter, 2)
        for number, kind in enumerate(("corrected", "uncorrected"))
        for counter, scope in enumerate(("volatile", "aggregate"))
    ),
)
"""Calls for what the fields of a driver do not have; policies count nanoseconds as the fields do."""

SAMPLES = (("power_span", 0), ("utilization_span", 1))
"""Kinds of nvmlDeviceGetSamples: the driver takes several a second, and what lies between two looks is not lost."""
SPAN = 60.0
"""Seconds over which the lowest and the highest sample are told."""

VALUE = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""Members of pynvml's c_nvmlValue_t, by nvmlValueType_t."""


def clean(value: Any) -> Any:  # noqa: ANN401 - whatever NVML gave
    """The value, as a text where it is one, or None for NVML's "not available"; in a list each for itself."""
    kind = type(value)
    if kind is int:
        return None if value in NOT_AVAILABLE else value
    if kind is list:
        return [clean(each) for each in value]
    if kind is bytes:  # pynvml decodes most texts
        return value.decode(errors="replace")
    if kind is float and not math.isfinite(value):
        return None
    return value


def stamped_values(answer: tuple[int, list[Any]]) -> list[tuple[int, Any]]:
    """(microseconds, number) of each sample."""
    kind, samples = answer
    if kind >= len(VALUE):
        return []
    return [(sample.timeStamp, clean(getattr(sample.sampleValue, VALUE[kind]))) for sample in samples]
