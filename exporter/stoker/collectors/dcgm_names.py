"""The names of dcgm-exporter and the series of ours that they are read from: a table, used by the view and by its reference page.

Units are DCGM's: MiB, MHz, mJ, percent, nanoseconds. Nothing else in Stoker refers to these names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors import (
    gpu_activity,
    gpu_clocks,
    gpu_ecc,
    gpu_memory,
    gpu_nvlink,
    gpu_pcie,
    gpu_power,
    gpu_remap,
    gpu_settings,
    gpu_temperature,
    gpu_throttle,
    gpu_utilization,
    gpu_xid,
)
from stoker.metrics import Desc, ForeignDesc, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

LABELS = (
    "gpu",
    "UUID",
    "pci_bus_id",
    "device",
    "modelName",
    "GPU_I_PROFILE",
    "GPU_I_ID",
    "Hostname",
    "DCGM_FI_DRIVER_VERSION",
    "container",
    "namespace",
    "pod",
)
"""As dcgm-exporter writes them."""


class Field(NamedTuple):
    """A name of dcgm-exporter.

    Attributes:
        desc: as it is exposed.
        source: the metric of ours; series that only differ in labels which are not asked for are added up.
        match: values that its labels must have, by name.
        factor: from our unit to DCGM's.
        whole: whether DCGM has whole numbers here.
        weights: for one label, how much a series counts by its value: bits of a mask.
        rate: whether it is the increase of a counter of ours in a second.
    """

    desc: Desc
    source: Desc
    match: Mapping[str, str]
    factor: float
    whole: bool
    weights: tuple[str, Mapping[str, float]] | None = None
    rate: bool = False


_NONE: Mapping[str, str] = {}
_MIB = 1 / 2**20
_MEGA, _MILLI, _NANO, _PERCENT = 1e-6, 1e3, 1e9, 1e2


def _gauge(name: str, text: str, source: Desc, match: Mapping[str, str] = _NONE, factor: float = 1.0) -> Field:
    return Field(ForeignDesc(f"DCGM_FI_DEV_{name}", Kind.GAUGE, text, LABELS), source, match, factor, whole=True)


def _watts(name: str, text: str, source: Desc, match: Mapping[str, str] = _NONE) -> Field:
    return _gauge(name, f"{text} (in W).", source, match)._replace(whole=False)


def _counter(name: str, text: str, source: Desc, match: Mapping[str, str] = _NONE, factor: float = 1.0) -> Field:
    return Field(ForeignDesc(f"DCGM_FI_DEV_{name}", Kind.COUNTER, text, LABELS), source, match, factor, whole=True)


def _activity(name: str, text: str, unit: str) -> Field:
    desc = ForeignDesc(f"DCGM_FI_PROF_{name}", Kind.GAUGE, f"{text}, 0 to 1.", LABELS)
    return Field(desc, gpu_activity.ACTIVITY, {"unit": unit}, 1.0, whole=False)


def _pcie(name: str, text: str, direction: str) -> Field:
    desc = ForeignDesc(f"DCGM_FI_PROF_PCIE_{name}_BYTES", Kind.GAUGE, f"{text} (in bytes a second).", LABELS)
    return Field(desc, gpu_pcie.BYTES, {"direction": direction}, 1.0, whole=True, rate=True)


def _reasons(name: str) -> Field:
    field = _gauge(name, "Bits of why clocks are held down, as NVML numbers them.", gpu_throttle.ACTIVE)
    return field._replace(weights=("reason", {label: float(bit) for label, bit in gpu_throttle.REASONS}))


def _ecc(name: str, kind: str, scope: str) -> Field:
    text = f"Memory errors, {kind}, {scope}."
    return _counter(f"ECC_{name}_TOTAL", text, gpu_ecc.ERRORS, {"type": kind, "scope": scope})


def _link_errors(name: str, kind: str) -> Field:
    text = f"Errors of type {kind} on all NVLinks together."
    return _counter(f"NVLINK_{name}_ERROR_COUNT_TOTAL", text, gpu_nvlink.ERRORS, {"type": kind})


def _violation(name: str, source: Desc, label: str, values: str) -> Field:
    text = "Time in which clocks were held down (in ns)."
    return _counter(f"{name}_VIOLATION", text, source, {label: values}, _NANO)


FIELDS: tuple[Field, ...] = (
    _gauge("SM_CLOCK", "Clock of the multiprocessors (in MHz).", gpu_clocks.CLOCK, {"clock": "sm"}, _MEGA),
    _gauge("MEM_CLOCK", "Clock of the memory (in MHz).", gpu_clocks.CLOCK, {"clock": "memory"}, _MEGA),
    _gauge("VIDEO_CLOCK", "Clock of the video engines (in MHz).", gpu_clocks.CLOCK, {"clock": "video"}, _MEGA),
    _gauge("MAX_SM_CLOCK", "Highest such clock (in MHz).", gpu_clocks.CLOCK_MAX, {"clock": "sm"}, _MEGA),
    _gauge("MAX_MEM_CLOCK", "Highest such clock (in MHz).", gpu_clocks.CLOCK_MAX, {"clock": "memory"}, _MEGA),
    _gauge("PSTATE", "Performance state, 0 is the highest.", gpu_clocks.STATE),
    _gauge("FAN_SPEED", "Speed of the fan (in %).", gpu_clocks.FAN, _NONE, _PERCENT),
    _gauge("GPU_TEMP", "Temperature of the chip (in C).", gpu_temperature.TEMPERATURE, {"sensor": "core"}),
    _gauge("MEMORY_TEMP", "Temperature of the memory (in C).", gpu_temperature.TEMPERATURE, {"sensor": "memory"}),
    _gauge("SLOWDOWN_TEMP", "Where it slows down (in C).", gpu_temperature.THRESHOLD, {"threshold": "slowdown"}),
    _gauge("SHUTDOWN_TEMP", "Where it shuts down (in C).", gpu_temperature.THRESHOLD, {"threshold": "shutdown"}),
    _watts("POWER_USAGE", "Power drawn", gpu_power.POWER),
    _watts("POWER_USAGE_INSTANT", "Power drawn at the moment", gpu_power.INSTANT, {"part": "gpu"}),
    _watts("ENFORCED_POWER_LIMIT", "Lowest limit in force", gpu_power.LIMIT),
    _watts("POWER_MGMT_LIMIT", "Limit as it is set", gpu_power.BOUNDS, {"limit": "set"}),
    _watts("POWER_MGMT_LIMIT_DEF", "Limit without being set", gpu_power.BOUNDS, {"limit": "default"}),
    _watts("POWER_MGMT_LIMIT_MAX", "Highest limit to set", gpu_power.BOUNDS, {"limit": "max"}),
    _counter(
        "TOTAL_ENERGY_CONSUMPTION", "Energy since the driver was loaded (in mJ).", gpu_power.ENERGY, _NONE, _MILLI
    ),
    _counter("PCIE_REPLAY_COUNTER", "Packets sent again over PCIe.", gpu_pcie.REPLAYS),
    _gauge("PCIE_LINK_GEN", "Generation of the PCIe link.", gpu_pcie.GENERATION, {"state": "current"}),
    _gauge("PCIE_LINK_WIDTH", "Lanes of the PCIe link.", gpu_pcie.WIDTH, {"state": "current"}),
    _gauge("PCIE_MAX_LINK_GEN", "Highest generation of the link.", gpu_pcie.GENERATION, {"state": "max"}),
    _gauge("PCIE_MAX_LINK_WIDTH", "Most lanes of the link.", gpu_pcie.WIDTH, {"state": "max"}),
    _gauge("GPU_UTIL", "Utilisation of the GPU (in %).", gpu_utilization.GPU_BUSY, _NONE, _PERCENT),
    _gauge("MEM_COPY_UTIL", "Utilisation of the memory (in %).", gpu_utilization.MEMORY_BUSY, _NONE, _PERCENT),
    _gauge(
        "ENC_UTIL", "Utilisation of the encoder (in %).", gpu_utilization.ENGINE_BUSY, {"engine": "encoder"}, _PERCENT
    ),
    _gauge(
        "DEC_UTIL", "Utilisation of the decoder (in %).", gpu_utilization.ENGINE_BUSY, {"engine": "decoder"}, _PERCENT
    ),
    _reasons("CLOCK_THROTTLE_REASONS"),
    _reasons("CLOCKS_EVENT_REASONS"),
    _violation("POWER", gpu_throttle.SECONDS, "reason", "sw_power_cap"),
    _violation("THERMAL", gpu_throttle.SECONDS, "reason", "sw_thermal|hw_thermal"),
    _violation("SYNC_BOOST", gpu_throttle.SECONDS, "reason", "sync_boost"),
    _violation("BOARD_LIMIT", gpu_throttle.LIMITED, "policy", "board_limit"),
    _violation("LOW_UTIL", gpu_throttle.LIMITED, "policy", "low_utilization"),
    _violation("RELIABILITY", gpu_throttle.LIMITED, "policy", "reliability"),
    _gauge("FB_TOTAL", "Device memory installed (in MiB).", gpu_memory.TOTAL, _NONE, _MIB),
    _gauge("FB_FREE", "Device memory free (in MiB).", gpu_memory.FREE, _NONE, _MIB),
    _gauge("FB_USED", "Device memory used (in MiB).", gpu_memory.USED, _NONE, _MIB),
    _gauge("FB_RESERVED", "Device memory that the driver keeps (in MiB).", gpu_memory.RESERVED, _NONE, _MIB),
    _gauge("BAR1_TOTAL", "Device memory to be shown on the bus (in MiB).", gpu_memory.WINDOW_TOTAL, _NONE, _MIB),
    _gauge("BAR1_USED", "Device memory shown on the bus (in MiB).", gpu_memory.WINDOW_USED, _NONE, _MIB),
    _ecc("SBE_VOL", "corrected", "volatile"),
    _ecc("DBE_VOL", "uncorrected", "volatile"),
    _ecc("SBE_AGG", "corrected", "aggregate"),
    _ecc("DBE_AGG", "uncorrected", "aggregate"),
    _counter("RETIRED_SBE", "Pages retired after corrected errors.", gpu_remap.RETIRED, {"cause": "corrected"}),
    _counter("RETIRED_DBE", "Pages retired after an uncorrected error.", gpu_remap.RETIRED, {"cause": "uncorrected"}),
    _counter("RETIRED_PENDING", "Whether pages wait to be retired.", gpu_remap.RETIRED_PENDING),
    _counter(
        "UNCORRECTABLE_REMAPPED_ROWS",
        "Rows replaced after uncorrected errors.",
        gpu_remap.REMAPPED,
        {"cause": "uncorrected"},
    ),
    _counter(
        "CORRECTABLE_REMAPPED_ROWS", "Rows replaced after corrected errors.", gpu_remap.REMAPPED, {"cause": "corrected"}
    ),
    _gauge("ROW_REMAP_FAILURE", "Whether a row could not be replaced.", gpu_remap.FAILED),
    _gauge("ROW_REMAP_PENDING", "Whether rows wait to be replaced.", gpu_remap.PENDING),
    _link_errors("CRC_FLIT", "crc_flit"),
    _link_errors("CRC_DATA", "crc_data"),
    _link_errors("REPLAY", "replay"),
    _link_errors("RECOVERY", "recovery"),
    # DCGM divides the KiB of a second by 1000, and dcgm-exporter calls the result a counter
    _counter(
        "NVLINK_BANDWIDTH_TOTAL",
        "Data over all NVLinks, both directions (in 1000 KiB a second).",
        gpu_nvlink.BYTES,
        _NONE,
        1 / 1_024_000,
    )._replace(rate=True),
    _gauge("VGPU_LICENSE_STATUS", "Whether a virtual GPU has its licence.", gpu_settings.LICENSED),
    _gauge("PERSISTENCE_MODE", "Whether the driver keeps the GPU ready.", gpu_settings.PERSISTENCE),
    _gauge("COMPUTE_MODE", "Who may compute.", gpu_settings.COMPUTE),
    _gauge("MIG_MODE", "Whether the GPU is divided into instances.", gpu_settings.MIG, {"when": "current"}),
    _gauge("ECC_CURRENT", "Whether memory errors are corrected.", gpu_ecc.ENABLED, {"when": "current"}),
    _activity("GR_ENGINE_ACTIVE", "Share of time in which the graphics engine worked", "graphics"),
    _activity("SM_ACTIVE", "Share of cycles in which a multiprocessor had work", "sm"),
    _activity("SM_OCCUPANCY", "Share of the warps that there is room for", "sm_occupancy"),
    _activity("PIPE_TENSOR_ACTIVE", "Share of cycles in which the tensor cores worked", "tensor"),
    _activity("DRAM_ACTIVE", "Share of cycles in which device memory was read or written", "dram"),
    _activity("PIPE_FP64_ACTIVE", "Share of cycles in which the fp64 units worked", "fp64"),
    _activity("PIPE_FP32_ACTIVE", "Share of cycles in which the fp32 units worked", "fp32"),
    _activity("PIPE_FP16_ACTIVE", "Share of cycles in which the fp16 units worked", "fp16"),
    _activity("PIPE_INT_ACTIVE", "Share of cycles in which the integer units worked", "int"),
    _pcie("TX", "What the GPU sends over PCIe", "tx"),
    _pcie("RX", "What the GPU receives over PCIe", "rx"),
)

XID = ForeignDesc(
    "DCGM_FI_DEV_XID_ERRORS", Kind.GAUGE, "Code of the GPU's last XID error, 0 while none is known.", LABELS
)
"""The only one that is no value of ours: the label of the series with the latest time."""
XID_SOURCE = gpu_xid.XID_LAST


def series_text(field: Field) -> str:
    """The series of ours as PromQL selects it: for the reference page."""
    pairs = [
        f'{name}=~"{value}"' if "|" in value else f'{name}="{value}"' for name, value in sorted(field.match.items())
    ]
    text = field.source.name + (f"{{{','.join(pairs)}}}" if pairs else "")
    return f"rate({text}[…])" if field.rate else text
