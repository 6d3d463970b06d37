"""TEMPORARY by the lead so that the catalogue loads: the GPU engineer replaces this file."""

from __future__ import annotations

from stoker.metrics import Desc, Kind

_G = ("gpu", "uuid")
_M = (*_G, "gpu_instance", "compute_instance")


def _d(name: str, labels: str = "", *, mig: bool = False) -> Desc:
    kind = Kind.COUNTER if name.endswith("_total") else Kind.GAUGE
    base: tuple[str, ...] = _M if mig else _G
    return Desc(f"stoker_{name}", kind, name.replace("_", " "), (*base, *labels.split()))


GPU_DESCS = (
    _d("gpu_info", "name pci_bus_id serial vbios driver cuda architecture mig_mode"),
    _d("gpu_up"),
    _d("gpu_errors_total", "call error"),
    Desc("stoker_gpu_devices", Kind.GAUGE, "GPUs that the driver sees"),
    Desc("stoker_gpu_pci_devices", Kind.GAUGE, "GPUs on the bus"),
    Desc("stoker_gpu_devices_boot_max", Kind.GAUGE, "Most GPUs that this boot has seen"),
    _d("gpu_utilization_ratio", mig=True),
    _d("gpu_memory_controller_utilization_ratio"),
    _d("gpu_engine_utilization_ratio", "engine"),
    *(_d(f"gpu_memory_{x}_bytes", mig=True) for x in ("total", "used", "free", "reserved")),
    _d("gpu_temperature_celsius", "sensor"),
    _d("gpu_temperature_threshold_celsius", "threshold"),
    _d("gpu_temperature_margin_celsius"),
    _d("gpu_power_watts"),
    _d("gpu_power_limit_watts"),
    _d("gpu_energy_joules_total"),
    _d("gpu_clock_hertz", "clock"),
    _d("gpu_clock_max_hertz", "clock"),
    _d("gpu_fan_speed_ratio"),
    _d("gpu_performance_state"),
    _d("gpu_throttle_active", "reason"),
    _d("gpu_throttle_seconds_total", "reason"),
    _d("gpu_ecc_errors_total", "type scope", mig=True),
    _d("gpu_remapped_rows_total", "cause"),
    _d("gpu_remap_pending"),
    _d("gpu_remap_failed"),
    _d("gpu_retired_pages_total", "cause"),
    _d("gpu_pcie_link_generation", "state"),
    _d("gpu_pcie_link_width", "state"),
    _d("gpu_pcie_replays_total"),
    _d("gpu_pcie_bytes_total", "direction"),
    _d("gpu_nvlink_up", "link"),
    _d("gpu_nvlink_errors_total", "link type"),
    _d("gpu_nvlink_bytes_total", "direction"),
    _d("gpu_fabric_state"),
    _d("gpu_activity_ratio", "unit", mig=True),
    _d("gpu_recovery_action"),
    _d("gpu_xid_errors_total", "xid severity"),
    _d("gpu_xid_last_timestamp_seconds", "xid severity"),
    Desc("stoker_nvswitch_sxid_errors_total", Kind.COUNTER, "SXIDs", ("switch", "sxid", "severity")),
    Desc("stoker_nvswitch_sxid_last_timestamp_seconds", Kind.GAUGE, "Last SXID", ("switch", "sxid", "severity")),
    _d("gpu_workload_info", "workload kind"),
    _d("gpu_process_memory_bytes", "pid command user namespace pod container slurm_job", mig=True),
    _d("gpu_processes", "type", mig=True),
    _d("gpu_power_peak_watts"),
    _d("gpu_utilization_peak_ratio"),
    _d("gpu_utilization_min_ratio"),
)
