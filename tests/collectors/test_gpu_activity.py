"""What the units of a GPU and of its MIG instances do, from two samples of the library's counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpus import NAMES, GpuBench
from simulator.nvml_simulator import h200, uuid_of

if TYPE_CHECKING:
    from collections.abc import Callable

UNITS = ("graphics", "sm", "sm_occupancy", "int", "tensor", "dram", "fp64", "fp32", "fp16")
SM = f'stoker_gpu_activity_ratio{{{NAMES[0]},unit="sm"}}'
UNKNOWN = 999
INVALID_ARGUMENT = 2
NOT_SUPPORTED = 3
ROOM = 256
"""Samples that the simulated library can hold at a time."""


def activity(found: dict[str, float]) -> dict[str, float]:
    prefix = "stoker_gpu_activity_ratio"
    return {series.removeprefix(prefix): value for series, value in found.items() if series.startswith(prefix)}


def errors(found: dict[str, float]) -> dict[str, float]:
    prefix = "stoker_gpu_errors_total"
    return {series.removeprefix(prefix): value for series, value in found.items() if series.startswith(prefix)}


def mig(number: int, gpu_instance: int, *, compute_instance: int = 0, **values: int) -> dict[str, int | str]:
    """Lines of a MIG instance."""
    shown: dict[str, int | str] = {"gpu_instance": gpu_instance, "compute_instance": compute_instance}
    shown |= {"memory_total": 1000, "memory_used": 400, "memory_reserved": 0, **values}
    return {f"mig{number}.{key}": value for key, value in shown.items()}


def instance(gpu_instance: int, unit: str, compute_instance: int = 0) -> str:
    return (
        f"stoker_gpu_activity_ratio{{{NAMES[0]},"
        f'gpu_instance="{gpu_instance}",compute_instance="{compute_instance}",unit="{unit}"}}'
    )


def test_the_first_look_tells_nothing_and_the_second_one_every_unit_of_every_gpu(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    assert activity(bench.values()) == {}
    found = activity(bench.values())
    assert found == {
        f'{{{NAMES[index]},unit="{unit}"}}': pytest.approx(percent / 100)
        for index in range(2)
        for unit, percent in zip(UNITS, (96, 91, 38, 22, 44, 57, 0, 13, 9), strict=True)
    }


def test_it_is_what_happened_between_two_looks(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    bench.values()
    for share in (200, 0, 999):
        values["gpm2"] = share
        bench.change()
        assert bench.values()[SM] == pytest.approx(share / 1000)


def test_a_look_in_which_the_sample_fails_is_left_out_and_part_of_the_next_one(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0]
    bench.values()
    device.values["gpm2"] = 200
    device.fails("nvmlGpmSampleGet", UNKNOWN)
    bench.change()
    found = bench.values()
    assert activity(found) == {}
    assert errors(found) == {f'{{{NAMES[0]},call="nvmlGpmSampleGet",error="UNKNOWN"}}': 1}
    device.heal()
    device.values["gpm2"] = 400
    bench.change()
    assert bench.values()[SM] == pytest.approx(0.3)


def test_a_number_that_cannot_be_is_left_out(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values |= {"gpm1": 1004, "gpm2": 5000, "gpm3": -1}
    bench.change()
    bench.values()
    found = bench.values()
    assert errors(found) == {}
    shown = activity(found)
    assert len(shown) == len(UNITS) - 2
    assert shown[f'{{{NAMES[0]},unit="graphics"}}'] == 1  # what is a little over is all of it


@pytest.mark.parametrize("lacks", [{}, {"error.nvmlGpmQueryDeviceSupport": NOT_SUPPORTED}])
def test_a_gpu_before_hopper_has_none_and_that_is_no_error(
    gpus: Callable[..., GpuBench], lacks: dict[str, int | str]
) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0]
    device.values = {key: value for key, value in device.values.items() if not key.startswith("gpm")} | lacks
    bench.change()
    for _ in range(3):
        found = bench.values()
    assert (activity(found), errors(found)) == ({}, {})


def test_after_another_gpu_has_got_the_index_its_first_look_tells_nothing(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.values()
    bench.values()
    bench.machine.devices[0].values["uuid"] = "GPU-other"
    bench.change()
    assert activity(bench.values()) == {}
    assert len(activity(bench.values())) == len(UNITS)


def test_the_memory_of_samples_is_given_back(gpus: Callable[..., GpuBench]) -> None:
    """Of GPUs that are lost, that leave the end of the list or give their index to another one, and of instances."""
    bench = gpus(2)
    first, second = bench.machine.devices
    for number in range(ROOM // 4 + 2):
        first.values |= {"uuid": f"GPU-{number}", "mig": 1, **mig(0, number % 7 + 1, gpm2=500)}
        bench.machine.devices[1:] = [] if number % 3 == 0 else [second]
        if number % 3 == 1:
            second.lose()
        else:
            second.heal()
        bench.change()
        bench.gate.snapshot()
    second.heal()
    first.values["uuid"] = uuid_of(0)
    bench.machine.devices[1:] = [second]
    bench.change()
    bench.values()
    found = bench.values()
    assert bench.gate.snapshot().restarts == 1  # once, when the first one was lost
    assert len(activity(found)) == 3 * len(UNITS)
    assert not [series for series in errors(found) if "Gpm" in series]


def test_each_mig_instance_has_its_own_and_the_gpu_too(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    values |= {"mig": 1, **mig(0, 7, gpm2=100, gpm5=50), **mig(2, 9, compute_instance=1, gpm2=800)}
    bench.change()
    bench.values()
    found = bench.values()
    assert found[instance(7, "sm")] == pytest.approx(0.1)
    assert found[instance(7, "tensor")] == pytest.approx(0.05)
    assert found[instance(9, "sm", 1)] == pytest.approx(0.8)
    assert found[SM] == pytest.approx(0.91)


def test_where_mig_hides_how_busy_a_gpu_is_no_number_stands_for_it(gpus: Callable[..., GpuBench]) -> None:
    """The driver tells no utilisation then: neither is that 0, nor is anything else taken for it."""
    bench = gpus(1)
    values = bench.machine.devices[0].values
    values |= {"mig": 1, **mig(0, 7, gpm1=100)}
    for key in ("utilization", "memory_utilization", "encoder", "decoder", "jpeg", "ofa", "samples1"):
        del values[key]
    bench.change()
    bench.values()
    found = bench.values()
    assert not [key for key in found if "utilization" in key]
    assert errors(found) == {}
    assert found[instance(7, "graphics")] == pytest.approx(0.1)


def test_compute_instances_share_the_activity_of_their_gpu_instance(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values |= {"mig": 1, **mig(0, 7, gpm2=100), **mig(1, 7, compute_instance=1)}
    bench.change()
    bench.values()
    found = bench.values()
    assert found[instance(7, "sm", 0)] == found[instance(7, "sm", 1)] == pytest.approx(0.1)


def test_mig_may_be_switched_and_instances_come_and_go(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0]
    bench.values()
    bench.values()
    device.values |= {"mig": 1, **mig(0, 7, gpm2=100)}
    bench.change()
    assert activity(bench.values()) == {}  # what was before the switch does not count
    assert bench.values()[instance(7, "sm")] == pytest.approx(0.1)
    device.values |= mig(1, 8, gpm2=300)
    bench.change()
    found = bench.values()
    assert found[instance(7, "sm")] == pytest.approx(0.1)
    assert instance(8, "sm") not in found
    for key in mig(0, 7, gpm2=100):
        del device.values[key]
    bench.change()
    found = bench.values()
    assert instance(7, "sm") not in found
    assert found[instance(8, "sm")] == pytest.approx(0.3)
    device.values["mig"] = 0
    bench.change()
    assert activity(bench.values()) == {}
    found = activity(bench.values())
    assert len(found) == len(UNITS)
    assert errors(bench.values()) == {}


@pytest.mark.parametrize("call", ["nvmlDeviceGetGpuInstanceId", "nvmlDeviceGetComputeInstanceId"])
def test_an_instance_that_is_destroyed_while_it_is_read_is_left_out(gpus: Callable[..., GpuBench], call: str) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0]
    device.values |= {"mig": 1, **mig(0, 7)}
    device.fails(call, INVALID_ARGUMENT)
    bench.change()
    found = bench.values()
    assert not [series for series in found if "gpu_instance" in series]
    assert errors(found) == {}
    assert found[f"stoker_gpu_up{{{NAMES[0]}}}"] == 1


def test_a_gpu_that_comes_back_begins_anew(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices.append(h200(1))
    bench.change()
    bench.values()
    bench.machine.devices[1].lose()
    bench.change()
    bench.values()
    bench.values()  # the library is initialised anew, since one is lost
    bench.machine.devices[1].heal()
    bench.change()
    assert len(activity(bench.values())) == len(UNITS)
    assert len(activity(bench.values())) == 2 * len(UNITS)
