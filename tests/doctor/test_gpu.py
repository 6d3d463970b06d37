"""What the doctor says of GPUs: a simulated library that answers, fails, hangs or misses devices."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from simulator.nvml_simulator import environment
from stoker.config import GpuSettings, Settings, SourceSettings
from stoker.doctor.examination import _gpus
from stoker.doctor.finding import Finding, State
from stoker.doctor.gpu import gpus as examined
from stoker.doctor.logs import kernel_wanted
from stoker.logs.state import KeptMapping
from stoker.sources.machine import Machine
from stoker.sources.nvml import NvmlGate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from gpus import GpuBench

AUTO = Settings()
REQUIRED = Settings(gpu=GpuSettings(enabled=True))


def states(found: list[Finding]) -> list[tuple[str, State]]:
    return [(each.topic, each.state) for each in found]


def test_gpus_that_answer_are_told_by_name_and_driver(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    (found,) = examined(AUTO, bench.gate, 2)
    assert found.state is State.OK
    assert "2 answering" in found.says
    assert "driver 590.48.01" in found.says


def test_a_lost_gpu_is_named_with_what_to_do(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.machine.devices[1].lose()
    bench.change()
    found = list(examined(AUTO, bench.gate, 2))
    assert states(found) == [("gpu", State.OK), ("gpu 1", State.BROKEN)]
    assert "GPU_IS_LOST" in found[1].says
    assert "drain the node" in found[1].do


def test_a_gpu_that_the_driver_does_not_see_is_missed(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.bus(*[(f"0000:{number:02x}:00.0", "0x10de", "0x030200", "nvidia") for number in range(3)])
    found = list(examined(AUTO, bench.gate, 3))
    assert states(found) == [("gpu", State.OK), ("gpu", State.BROKEN)]
    assert "the driver sees 2 of 3 GPUs" in found[1].says


def test_a_call_that_fails_is_told_with_what_to_do(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.machine.devices[0].fails("nvmlDeviceGetMemoryInfo", 4)
    bench.change()
    found = list(examined(AUTO, bench.gate, 2))
    assert states(found) == [("gpu", State.OK), ("gpu", State.DEGRADED)]
    assert "nvmlDeviceGetMemoryInfo: NO_PERMISSION" in found[1].says
    assert "/dev/nvidiactl" in found[1].do


def test_a_call_that_hangs_is_told(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.3)
    bench.machine.devices[1].hangs("nvmlDeviceGetPowerUsage")
    bench.change()
    found = list(examined(AUTO, bench.gate, 2))
    assert states(found) == [("gpu", State.OK), ("gpu 1", State.BROKEN)]
    assert "nvmlDeviceGetPowerUsage" in found[1].says


def test_each_gpu_is_told_what_is_its_own(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(12)
    bench.machine.devices[1].lose()
    bench.machine.devices[10].fails("nvmlDeviceGetPowerUsage", 999)
    bench.machine.devices[11].fails("nvmlDeviceGetHandleByIndex", 16)
    bench.change()
    found = list(examined(AUTO, bench.gate, 12))
    assert [(each.topic, each.state, each.says) for each in found[1:]] == [
        ("gpu 1", State.BROKEN, "GPU 1: nvmlDeviceGetHandleByIndex: GPU_IS_LOST"),
        ("gpu 11", State.BROKEN, "GPU 11: nvmlDeviceGetHandleByIndex: RESET_REQUIRED"),
        ("gpu", State.DEGRADED, "GPU 10: nvmlDeviceGetPowerUsage: UNKNOWN"),
    ]


def test_a_call_that_hangs_or_crashes_has_a_remedy_of_its_own(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(3, deadline=0.3)
    bench.machine.devices[0].hangs("nvmlDeviceGetPowerUsage")
    bench.machine.devices[2].crashes("nvmlDeviceGetPowerUsage")
    bench.change()
    _, hung, crashed = examined(AUTO, bench.gate, 3)
    assert (hung.topic, crashed.topic) == ("gpu 0", "gpu 2")
    assert "the driver hangs" in hung.do
    assert "the library crashes" in crashed.do


def test_nvml_that_fails_is_told_before_the_gpus_that_it_costs(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.gate.snapshot()
    bench.machine.system["error.nvmlInit"] = 18
    bench.change()
    bench.restart()
    found = list(examined(AUTO, bench.gate, 2))
    assert states(found)[:3] == [("gpu", State.BROKEN), ("gpu 0", State.BROKEN), ("gpu 1", State.BROKEN)]
    assert found[0].says == "nvmlInit: LIB_RM_VERSION_MISMATCH"
    assert all("the driver was updated while it was loaded" in each.do for each in found[:3])


def test_a_gpu_that_the_exporter_knew_is_missed_and_stays_known(
    gpus: Callable[..., GpuBench], tmp_path: Path, nvml_library: Path
) -> None:
    bench = gpus(2)
    bench.gate.snapshot()
    bench.remove(0)
    state = tmp_path / "state"
    memory = KeptMapping(state / "gpu.json")
    memory["gpus"] = bench.memory["gpus"]
    before = (state / "gpu.json").read_bytes()
    env = environment(nvml_library, bench.file, {})
    settings = Settings(state_dir=str(state))
    found = list(_gpus(settings, Machine(proc=str(bench.folder / "proc"), sys=str(bench.folder / "sys")), env))
    (gone,) = [each for each in found if each.topic == "gpu 0"]
    assert "was known and is gone" in gone.says
    assert "/-/forget?uuid=" in gone.do
    assert (state / "gpu.json").read_bytes() == before


def test_a_process_that_cannot_be_started_is_no_fault_of_the_gpus(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = gpus(1)
    monkeypatch.setattr(sys, "executable", str(bench.folder / "nothing"))
    (found,) = examined(AUTO, bench.gate, 1)
    assert found.state is State.BROKEN
    assert "cannot start the NVML process" in found.says
    assert "ulimit" in found.do


def test_a_machine_without_a_driver_is_a_normal_state_unless_gpus_are_asked_for(tmp_path: Path) -> None:
    gate = NvmlGate(sysfs=tmp_path, procfs=tmp_path, root=tmp_path, env={"LD_LIBRARY_PATH": str(tmp_path)})
    try:
        (normal,) = examined(AUTO, gate, 0)
        (asked,) = examined(REQUIRED, gate, 0)
        (on_the_bus,) = examined(AUTO, gate, 2)
    finally:
        gate.close()
    assert normal.state is State.ABSENT
    assert asked.state is State.BROKEN
    assert on_the_bus.state is State.BROKEN
    assert "2 NVIDIA GPUs are on the PCI bus" in on_the_bus.says
    assert "libnvidia-ml1" in on_the_bus.do
    (off,) = examined(Settings(gpu=GpuSettings(enabled=False)), None, 2)
    assert off.state is State.ABSENT


def test_the_kernel_log_of_a_machine_with_gpus_is_read_or_missed(tmp_path: Path) -> None:
    assert kernel_wanted(AUTO, gpus=False) is None
    missed = kernel_wanted(AUTO, gpus=True, device=str(tmp_path / "kmsg"))
    assert missed is not None
    assert missed.state is State.DEGRADED
    assert "only NVML's events" in missed.says
    assert "CAP_SYSLOG" in missed.do
    read = kernel_wanted(AUTO, gpus=True, device="/dev/null")  # a device that everybody may open
    assert read is not None
    assert read.state is State.OK
    for said in (True, False):
        named = Settings(sources=(SourceSettings(name="k", kernel=said),))
        assert kernel_wanted(named, gpus=True, device=str(tmp_path / "kmsg")) is None
