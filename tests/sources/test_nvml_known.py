"""The gate to NVML: which GPUs are known, on the bus too, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpus import look, ups
from simulator.nvml_simulator import h200, uuid_of
from stoker.sources.nvml_values import ErrorKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench
GPU = ("0x10de", "0x030200", "nvidia")


def test_a_gpu_that_is_gone_stays_known_across_a_restart_and_a_move_of_the_others(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(3)
    look(bench)
    bench.remove(1)
    bench.restart()
    found = look(bench)
    assert [(gpu.gpu, gpu.uuid, gpu.up) for gpu in found.gpus] == [
        ("0", uuid_of(0), True),
        ("1", uuid_of(1), False),
        ("1", uuid_of(2), True),
    ]
    assert (found.devices, found.boot_max) == (2, 3)


def test_a_gpu_that_comes_back_is_up_again(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    device = bench.remove(1)
    assert ups(look(bench)) == {uuid_of(0): True, uuid_of(1): False}
    bench.machine.devices.append(device)
    bench.change()
    assert ups(look(bench)) == {uuid_of(0): True, uuid_of(1): True}


def test_the_reason_why_a_gpu_is_gone_is_counted_each_time_that_it_goes(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    reason = ErrorKey("1", uuid_of(1), "nvmlDeviceGetCount", "NOT_FOUND")
    assert look(bench).errors == {}
    device = bench.remove(1)
    assert look(bench).errors == {reason: 1}
    assert look(bench).errors == {reason: 1}
    bench.machine.devices.append(device)
    bench.change()
    assert look(bench).errors == {reason: 1}
    bench.remove(1)
    assert look(bench).errors == {reason: 2}


def test_a_gpu_is_forgotten_when_another_answers_at_its_address(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    bench.machine.devices[1].values["uuid"] = "GPU-new"
    bench.change()
    assert ups(look(bench)) == {uuid_of(0): True, "GPU-new": True}


def test_gpus_that_swap_their_slots_or_indices_stay_known(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    first, second = bench.machine.devices
    first.values["pci"], second.values["pci"] = second.values["pci"], first.values["pci"]
    bench.change()
    bench.restart()
    look(bench)
    assert bench.gate.identify("0000:21:00") == ("0", uuid_of(0))
    assert bench.gate.identify("0000:11:00") == ("1", uuid_of(1))
    # the first one moves to index 1 and is lost: the one that was there before answers, and is not meant
    bench.machine.devices.reverse()
    first.lose()
    bench.change()
    assert [(gpu.gpu, gpu.uuid, gpu.up) for gpu in look(bench).gpus] == [
        ("0", uuid_of(0), False),
        ("0", uuid_of(1), True),
        ("1", "", False),
    ]


def test_a_gpu_is_forgotten_after_seven_days(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    bench.remove(1)
    assert ups(look(bench, 6.9 * 86400)) == {uuid_of(0): True, uuid_of(1): False}
    assert ups(look(bench, 0.2 * 86400)) == {uuid_of(0): True}


def test_a_gpu_is_forgotten_on_request_and_not_missed_any_more(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    bench.remove(1)
    look(bench)
    assert bench.gate.forget(uuid_of(1)) is True
    assert bench.gate.forget(uuid_of(1)) is False
    found = look(bench)
    assert ups(found) == {uuid_of(0): True}
    assert found.boot_max == 1


def test_what_a_boot_has_seen_is_kept_and_begins_anew_with_the_next_boot(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(8)
    assert look(bench).boot_max == 8
    bench.remove(7)
    bench.restart()
    assert look(bench).boot_max == 8
    (bench.folder / "proc/sys/kernel/random/boot_id").write_text("boot-2\n")
    assert look(bench).boot_max == 7


def test_memory_is_written_seldom(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    kept = bench.memory["gpus"]
    look(bench)
    assert bench.memory["gpus"] is kept
    look(bench, 3601)
    assert bench.memory["gpus"] is not kept


@pytest.mark.parametrize(
    "spoilt",
    [
        {"gpus": 3, "boot": []},
        {"gpus": {"GPU-x": None}, "boot": {"max": "many"}},
        {"boot": {"id": "boot-1", "max": 10**400}},
    ],
)
def test_memory_that_makes_no_sense_is_as_good_as_none(gpus: Callable[..., GpuBench], spoilt: object) -> None:
    found = look(gpus(1, memory=spoilt))
    assert ups(found) == {uuid_of(0): True}
    assert found.boot_max == 1


@pytest.mark.parametrize("address", ["PCI:0000:21:00", "00000000:21:00.0", "0000:21:00.0", "21:00.0", "pci:0000:21:00"])
def test_a_gpu_is_found_by_its_address_in_any_spelling_also_when_it_is_gone(
    gpus: Callable[..., GpuBench], address: str
) -> None:
    bench = gpus(2)
    look(bench)
    assert bench.gate.identify(address) == ("1", uuid_of(1))
    bench.remove(1)
    look(bench)
    assert bench.gate.identify(address) == ("1", uuid_of(1))
    assert bench.gate.identify("0000:99:00.0") is None
    assert bench.gate.identify("nonsense") is None


def test_gpus_on_the_bus_are_those_that_are_the_machines_own(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.bus(
        ("0000:11:00.0", *GPU),
        ("0000:21:00.0", "0x10de", "0x030000", ""),  # the driver did not take it
        ("0000:31:00.0", "0x10de", "0x030200", "vfio-pci"),  # a virtual machine's
        ("0000:21:00.1", "0x10de", "0x040300", "snd_hda_intel"),
        ("0000:41:00.0", "0x10de", "0x068000", "nvidia-nvswitch"),
        ("0000:51:00.0", "0x1002", "0x030000", ""),
    )
    assert look(bench).pci_devices == 2


@pytest.mark.parametrize("env", [{"NVIDIA_VISIBLE_DEVICES": "0,1"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}])
def test_the_bus_is_not_compared_where_only_a_part_is_visible_on_purpose(
    gpus: Callable[..., GpuBench], env: dict[str, str]
) -> None:
    bench = gpus(1, env=env)
    (bench.folder / "dev/nvidia0").touch()
    (bench.folder / "dev/nvidiactl").touch()
    bench.bus(("0000:11:00.0", *GPU), ("0000:21:00.0", *GPU))
    assert look(bench).pci_devices is None


def test_a_container_that_has_all_gpus_compares_them(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1, env={"KUBERNETES_SERVICE_HOST": "10.0.0.1", "NVIDIA_VISIBLE_DEVICES": "all"})
    (bench.folder / "dev/nvidia0").touch()
    (bench.folder / "dev/nvidia1").touch()
    bench.bus(("0000:11:00.0", *GPU), ("0000:21:00.0", *GPU))
    assert look(bench).pci_devices == 2


def test_a_gpu_that_never_told_its_uuid_is_shown_by_its_index(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices.append(h200(1))
    bench.machine.devices[1].lose()
    bench.change()
    assert ups(look(bench)) == {uuid_of(0): True, "": False}
