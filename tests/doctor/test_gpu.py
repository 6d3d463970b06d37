"""What the doctor says of GPUs: a simulated library that answers, fails, hangs or misses devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.config import GpuSettings, Settings
from stoker.doctor.finding import Finding, State
from stoker.doctor.gpu import gpus as examined
from stoker.doctor.logs import kernel_wanted
from stoker.sources.nvml import NvmlGate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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


def test_xids_that_nobody_reads_are_missed_on_a_machine_with_gpus() -> None:
    wanted = kernel_wanted(AUTO, gpus=True)
    assert wanted is not None
    assert "GpuXidCritical" in wanted.says
    assert kernel_wanted(AUTO, gpus=False) is None
