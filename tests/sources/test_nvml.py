"""The gate to NVML: a child process that may hang, die or find no driver."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from simulator.nvml_simulator import environment, h200, machine, uuid_of
from stoker.errors import SourceError, UnavailableError
from stoker.sources.nvml_values import ErrorKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gpus import GpuBench
    from stoker.sources.nvml_values import Snapshot

UNKNOWN = 999
DRIVER_NOT_LOADED = 9


def look(bench: GpuBench, seconds: float = 15) -> Snapshot:
    bench.clock.now += seconds
    return bench.gate.snapshot()


def ups(snapshot: Snapshot) -> dict[str, bool]:
    return {gpu.uuid: gpu.up for gpu in snapshot.gpus}


@pytest.mark.parametrize("count", [2, 8])
def test_every_gpu_is_read_by_one_child_that_stays(gpus: Callable[..., GpuBench], count: int) -> None:
    bench = gpus(count)
    first = look(bench)
    assert ups(first) == {uuid_of(index): True for index in range(count)}
    assert (first.devices, first.boot_max, first.failures) == (count, count, ())
    pid = bench.gate._process.pid
    look(bench)
    assert bench.gate._process.pid == pid


def test_a_call_that_hangs_is_named_and_its_child_replaced_while_the_others_go_on(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(8, deadline=0.3)
    look(bench)
    before = bench.gate._process.pid
    bench.machine.devices[3].hangs("nvmlDeviceGetPowerUsage")
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(index): index != 3 for index in range(8)}
    assert found.errors == {ErrorKey("3", uuid_of(3), "nvmlDeviceGetPowerUsage", "TIMEOUT"): 1}
    assert found.failures[0] == "nvmlDeviceGetPowerUsage of GPU 3 did not return within 0.3 s"
    assert found.restarts == 1
    assert found.devices == 8
    assert before is not None
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    # it is not asked again at once ...
    again = look(bench)
    assert ups(again)[uuid_of(3)] is False
    assert again.restarts == 1
    assert sum(again.errors.values()) == 1
    assert again.failures == ("GPU 3 is left out for a while, since a call of it did not return",)
    # ... but later, and takes part again when it answers
    bench.machine.devices[3].heal()
    bench.change()
    assert ups(look(bench, 120))[uuid_of(3)] is True


def test_the_pause_of_a_device_that_hangs_again_grows(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.2)
    look(bench)
    bench.machine.devices[0].hangs("nvmlDeviceGetUUID")
    bench.change()
    key = ErrorKey("0", uuid_of(0), "nvmlDeviceGetUUID", "TIMEOUT")
    assert look(bench).errors[key] == 1
    assert look(bench, 61).errors[key] == 2
    assert look(bench, 61).errors[key] == 2
    assert look(bench, 61).errors[key] == 3


def test_a_pause_is_not_inherited_by_the_device_that_gets_the_index(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(3, deadline=0.2)
    look(bench)
    bench.machine.devices[0].hangs("nvmlDeviceGetUUID")
    bench.change()
    assert ups(look(bench))[uuid_of(0)] is False
    bench.remove(0)
    look(bench)
    assert ups(look(bench)) == {uuid_of(0): False, uuid_of(1): True, uuid_of(2): True}


def test_a_library_that_hangs_at_its_start_costs_a_round_and_is_tried_again(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.2)
    look(bench)
    bench.restart()
    bench.machine.system["hang.nvmlInit"] = 1
    bench.change()
    found = look(bench)
    assert found.errors == {ErrorKey("", "", "nvmlInit", "TIMEOUT"): 1}
    assert found.devices == 0
    assert ups(found) == {uuid_of(0): False, uuid_of(1): False}
    del bench.machine.system["hang.nvmlInit"]
    bench.change()
    assert ups(look(bench, 5)) == {uuid_of(0): False, uuid_of(1): False}
    assert ups(look(bench, 60)) == {uuid_of(0): True, uuid_of(1): True}


def test_a_lost_gpu_is_down_and_the_others_are_not(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    bench.machine.devices[1].lose()
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): False}
    assert found.errors == {ErrorKey("1", uuid_of(1), "nvmlDeviceGetHandleByIndex", "GPU_IS_LOST"): 1}
    assert found.gpus[1].info["name"] == "NVIDIA H200 (simulated)"


def test_a_gpu_that_gets_lost_in_the_middle_of_a_round_is_down_and_named_once(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.machine.devices[1].fails("nvmlDeviceGetMemoryInfo", 15)
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): False}
    assert found.errors == {ErrorKey("1", uuid_of(1), "nvmlDeviceGetMemoryInfo", "GPU_IS_LOST"): 1}


def test_a_call_that_fails_is_counted_each_time_and_costs_only_its_value(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.machine.devices[0].fails("nvmlDeviceGetPowerUsage", UNKNOWN)
    bench.change()
    look(bench)
    found = look(bench)
    assert found.errors == {ErrorKey("0", uuid_of(0), "nvmlDeviceGetPowerUsage", "UNKNOWN"): 2}
    assert ups(found) == {uuid_of(0): True, uuid_of(1): True}
    assert "power" not in found.gpus[0].values
    assert "power" in found.gpus[1].values


def test_calls_of_one_name_that_fail_alike_are_said_once(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].fails("nvmlDeviceGetClockInfo", UNKNOWN)
    bench.change()
    found = look(bench)
    assert found.failures == ("GPU 0: nvmlDeviceGetClockInfo: UNKNOWN",)
    assert found.errors == {ErrorKey("0", uuid_of(0), "nvmlDeviceGetClockInfo", "UNKNOWN"): 4}


def test_a_gpu_all_of_whose_calls_fail_is_down_until_they_work_again(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    look(bench)
    bench.machine.devices[0].values["error"] = UNKNOWN
    bench.change()
    assert ups(look(bench)) == {uuid_of(0): False}
    bench.machine.devices[0].heal()
    bench.change()
    assert ups(look(bench)) == {uuid_of(0): True}


def test_what_is_not_supported_is_asked_once_and_is_no_error(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    power = values.pop("power")
    bench.change()
    found = look(bench)
    assert found.errors == {}
    assert "power" not in found.gpus[0].values
    values["power"] = power
    bench.change()
    assert "power" not in look(bench).gpus[0].values  # known not to be supported
    bench.restart()
    assert look(bench).gpus[0].values["power"] == power


def test_the_call_that_holds_the_gpu_up_is_never_made(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values["pcie_throughput"] = 1
    bench.machine.devices[0].crashes("nvmlDeviceGetPcieThroughput")
    bench.change()
    look(bench)
    found = look(bench)
    assert (found.errors, found.restarts, found.gpus[0].values["pcie_tx"]) == ({}, 0, 1_000_000_000)


def test_an_older_way_is_taken_where_the_newer_one_is_not_supported(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    values["old_reasons"] = values.pop("reasons")
    del values["memory_reserved"]
    bench.change()
    found = look(bench).gpus[0].values
    assert found["reasons"] == 4
    assert found["memory"] == [150754820096, 90 << 30, 150754820096 - (90 << 30), None]


def test_an_older_binding_leaves_out_what_it_lacks(
    gpus: Callable[..., GpuBench], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As nvidia-ml-py 12.560 is: without these functions, with another layout of the fabric's state."""
    installed = importlib.util.find_spec("pynvml")
    assert installed is not None
    assert installed.origin is not None
    older = (
        "for name in ('nvmlDeviceGetTemperatureV', 'nvmlDeviceGetMarginTemperature', 'nvmlDeviceGetGpuFabricInfoV',\n"
        "    'nvmlDeviceGetSramEccErrorStatus', 'nvmlGpmQueryDeviceSupport', 'nvmlDeviceGetRowRemapperHistogram',\n"
        "    'c_nvmlGpmMetricsGet_t', 'nvmlDeviceGetGspFirmwareMode', 'nvmlDeviceGetNumaNodeId'): globals().pop(name, None)\n"
        "class c_nvmlGpuFabricInfo_t(_PrintableStructure):\n"
        "    _fields_ = [('clusterUuid', c_char * 96), ('status', c_uint), ('cliqueId', c_uint32), ('state', c_uint)]\n"
    )
    (tmp_path / "pynvml.py").write_text(Path(installed.origin).read_text(encoding="utf-8") + older, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pynvml", raising=False)
    bench = gpus(1)
    look(bench)
    found = look(bench)
    assert found.failures == ()
    values = found.gpus[0].values
    assert (values["temperature"], values["fabric"][0]) == (52, 3)
    assert not {"margin", "sram", "remap_banks", "activity"} & set(values)


def test_numbers_that_mean_not_available_are_left_out(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values |= {"power": 0xFFFFFFFF, "energy": -1, "field82": -1}
    bench.change()
    found = look(bench).gpus[0].values
    assert not {"power", "energy", "memory_temperature"} & set(found)


def test_texts_that_are_no_utf_8_are_told_as_far_as_they_can_be(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    text = bench.file.read_bytes()
    text = text.replace(b"0.serial 1653000000000", b"0.serial \xff\xff").replace(b"1.uuid GPU-", b"1.uuid GPU-\xe9")
    bench.file.write_bytes(text)
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1).replace("GPU-", "GPU-\ufffd"): True}
    assert found.gpus[0].info["serial"] == "\ufffd\ufffd"
    assert found.errors == {}


@pytest.mark.parametrize(("times", "read"), [(1, True), (2, False)])
def test_a_list_of_processes_that_grows_while_it_is_read_is_read_again(
    gpus: Callable[..., GpuBench], times: int, *, read: bool
) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values["growing"] = times
    bench.change()
    found = look(bench)
    assert ("compute" in found.gpus[0].values) is read
    key = ErrorKey("0", uuid_of(0), "nvmlDeviceGetComputeRunningProcesses_v3", "INSUFFICIENT_SIZE")
    assert found.errors == ({} if read else {key: 1})


def test_no_driver_is_a_normal_state_until_one_is_loaded(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    version = bench.folder / "proc/driver/nvidia/version"
    version.unlink()
    bench.machine.system["error.nvmlInit"] = DRIVER_NOT_LOADED
    bench.change()
    for _ in range(3):
        with pytest.raises(UnavailableError, match="no NVIDIA driver is loaded"):
            look(bench)
    assert bench.gate._process.started == 1  # asked once, and not again while nothing changes
    del bench.machine.system["error.nvmlInit"]
    bench.change()
    with pytest.raises(UnavailableError):
        look(bench)
    version.write_text("590.48.01\n")
    assert look(bench).devices == 2


def test_no_library_is_a_normal_state(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.gate._process._env["LD_LIBRARY_PATH"] = str(bench.folder)
    with pytest.raises(UnavailableError, match=r"no libnvidia-ml\.so\.1 is installed"):
        look(bench)


def test_gpus_that_were_known_are_down_when_the_driver_is_gone(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    bench.machine.system["error.nvmlInit"] = DRIVER_NOT_LOADED
    bench.change()
    (bench.folder / "proc/driver/nvidia/version").unlink()
    found = look(bench)
    assert ups(found) == {uuid_of(0): False, uuid_of(1): False}
    assert found.devices is None
    assert found.errors == {ErrorKey("", "", "nvmlInit", "DRIVER_NOT_LOADED"): 1}


def test_nvml_that_fails_for_another_reason_sees_no_devices(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.machine.system["error.nvmlInit"] = 18
    bench.change()
    found = look(bench)
    assert found.devices == 0
    assert found.errors == {ErrorKey("", "", "nvmlInit", "LIB_RM_VERSION_MISMATCH"): 1}
    del bench.machine.system["error.nvmlInit"]
    bench.change()
    assert look(bench, 5).devices == 0
    assert look(bench, 31).devices == 2


def test_a_driver_that_is_replaced_gets_a_new_child(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    look(bench)
    (bench.folder / "proc/driver/nvidia/version").write_text("595.10\n")
    bench.machine.system["driver"] = "595.10"
    bench.change()
    found = look(bench)
    assert found.restarts == 1
    assert found.gpus[0].info["driver"] == "595.10"


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


def test_a_child_that_was_killed_is_replaced_at_once_and_nothing_is_missing(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    pid = bench.gate._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): True}
    assert found.errors == {ErrorKey("", "", "nvmlInit", "PROCESS_ENDED"): 1}
    assert (found.devices, found.failures, found.restarts) == (2, (), 1)


def test_a_child_that_was_stopped_is_replaced_at_once_and_nothing_is_missing(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    look(bench)
    pid = bench.gate._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): True}
    assert found.errors == {ErrorKey("", "", "nvmlInit", "TIMEOUT"): 1}
    assert (found.devices, found.failures, found.restarts) == (2, (), 1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_device_whose_call_crashes_the_library_is_left_out_and_the_others_go_on(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(3)
    look(bench)
    bench.machine.devices[1].crashes("nvmlDeviceGetPowerUsage")
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): False, uuid_of(2): True}
    assert found.errors == {ErrorKey("1", uuid_of(1), "nvmlDeviceGetPowerUsage", "PROCESS_ENDED"): 2}
    assert found.failures[0] == "the NVML process ended by SIGABRT in nvmlDeviceGetPowerUsage of GPU 1"
    assert found.devices == 3
    assert look(bench).restarts == found.restarts  # it is left out for a while
    bench.machine.devices[1].heal()
    bench.change()
    assert ups(look(bench, 61))[uuid_of(1)] is True


def test_a_library_that_crashes_at_its_start_sees_no_devices(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.system["crash.nvmlInit"] = 1
    bench.change()
    found = look(bench)
    assert found.devices == 0
    assert found.errors == {ErrorKey("", "", "nvmlInit", "PROCESS_ENDED"): 2}
    assert found.failures[0] == "the NVML process ended by SIGABRT in nvmlInit"
    del bench.machine.system["crash.nvmlInit"]
    bench.change()
    assert ups(look(bench, 31)) == {uuid_of(0): True}


@pytest.mark.parametrize("garbage", [b"Segmentation fault\n", b"\xff\xfe\n", b"[1]\n", b"7\n"])
def test_a_child_that_answers_garbage_is_replaced(gpus: Callable[..., GpuBench], garbage: bytes) -> None:
    bench = gpus(2)
    look(bench)
    bench.gate._process._rest = garbage  # as if it had come through the pipe
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): True}
    assert (found.failures, found.restarts) == ((), 1)


def test_an_answer_that_breaks_the_reader_is_not_taken_for_the_next_one(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(answer: object, system: object) -> None:
        raise ZeroDivisionError

    bench = gpus(2)
    look(bench)
    with monkeypatch.context() as patch:
        patch.setattr("stoker.sources.nvml.live_gpu", broken)
        with pytest.raises(ZeroDivisionError):
            look(bench)
    bench.machine.devices[0].values["temperature"] = 77
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): True}
    assert found.gpus[0].values["temperature"] == 77


def test_a_child_that_cannot_be_started_says_nothing_about_gpus(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = gpus(1)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", str(bench.folder / "nothing"))
        with pytest.raises(SourceError, match="cannot start the NVML process: No such file or directory"):
            look(bench)
    found = look(bench)
    assert ups(found) == {uuid_of(0): True}
    assert found.errors == {}


def test_a_child_that_ends_before_it_speaks_to_nvml_says_nothing_about_gpus(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = gpus(1)
    with monkeypatch.context() as patch:
        patch.setattr("stoker.sources.nvml_process._PROGRAM", "raise SystemExit(3)")
        with pytest.raises(SourceError, match="ended with exit code 3"):
            look(bench)
    assert ups(look(bench)) == {uuid_of(0): True}


def test_a_look_may_be_shared(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    first = look(bench)
    assert bench.gate.snapshot(fresh=5) is first
    bench.clock.now += 6
    assert bench.gate.snapshot(fresh=5) is not first


def test_closing_ends_the_child_and_may_be_done_twice(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    look(bench)
    pid = bench.gate._process.pid
    bench.gate.close()
    bench.gate.close()
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


GPU = ("0x10de", "0x030200", "nvidia")


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


@pytest.mark.parametrize("hanging", [(1, 2, 5), range(8), (0,), (7,)])
def test_however_many_calls_hang_all_other_gpus_are_read_in_the_same_look(
    gpus: Callable[..., GpuBench], hanging: Iterable[int]
) -> None:
    """A look takes little longer than one call may: each call has its time while the others are read."""
    bench = gpus(8)
    before = look(bench)
    for index in hanging:
        bench.machine.devices[index].hangs("nvmlDeviceGetMemoryInfo")
    for device in bench.machine.devices:
        device.values["temperature"] = 77
    bench.change()
    begun = time.monotonic()
    found = look(bench)
    print(f"{time.monotonic() - begun:.1f} s")
    assert ups(found) == {uuid_of(index): index not in hanging for index in range(8)}
    assert all(gpu.values["temperature"] == 77 for gpu in found.gpus if gpu.up)
    assert {key.gpu for key, count in found.errors.items() if count == 1 and key.error == "TIMEOUT"} == {
        str(index) for index in hanging
    }
    assert (before.devices, found.devices, found.left) == (8, 8, 0)
    assert not bench.gate._aside.indices
    for device in bench.machine.devices:
        device.heal()
    bench.change()
    assert all(ups(look(bench, 61)).values())


def test_a_look_in_which_calls_hang_is_over_when_its_time_is(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(8, deadline=30, budget=2)
    look(bench)
    for device in bench.machine.devices[2:]:
        device.hangs("nvmlDeviceGetUUID")
    bench.change()
    found = look(bench)  # if each had its thirty seconds, the test's own limit would end it
    assert {uuid: up for uuid, up in ups(found).items() if uuid in (uuid_of(0), uuid_of(1))} == {
        uuid_of(0): True,
        uuid_of(1): True,
    }
    assert found.devices == 8
    assert sum(found.errors.values()) >= 1


@pytest.mark.parametrize("known", [False, True])
def test_many_calls_that_hang_from_the_start_take_several_looks_and_nobody_is_called_down_who_was_not_asked(
    gpus: Callable[..., GpuBench],
    known: bool,  # noqa: FBT001 - a parameter
) -> None:
    """Each device that hangs costs a quarter of a second at least, so that the time of a look is not enough for twelve of them."""
    bench = gpus(14, deadline=1.0, budget=1.7)
    if known:
        look(bench)
        bench.restart()
    hanging = {uuid_of(index) for index in range(12)}
    for device in bench.machine.devices[:12]:
        device.hangs("nvmlDeviceGetMemoryInfo")
    bench.change()
    found = look(bench)
    assert "GPU 13 was not read: calls of others took all the time" in found.failures
    asked = set(ups(found))
    assert not asked & {uuid_of(12), uuid_of(13)}
    for _ in range(40):
        down = {gpu.gpu for gpu in found.gpus if not gpu.up}
        assert {gpu.uuid or uuid_of(int(gpu.gpu)) for gpu in found.gpus if not gpu.up} <= hanging
        assert all(gpu.info["name"] for gpu in found.gpus if known)
        assert (found.devices, found.boot_max, found.left) == (14, 14, 0)
        assert {key.error for key in found.errors} == {"TIMEOUT"}
        if len(found.gpus) == 14:
            break
        found = look(bench, 1)
    assert down == {str(index) for index in range(12)}
    for device in bench.machine.devices:
        device.heal()
    bench.change()
    assert all(ups(look(bench, 61)).values())


def test_a_call_that_is_only_slow_costs_nothing_and_is_waited_for_from_then_on(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(3, deadline=4)
    look(bench)
    device = bench.machine.devices[1]
    device.values["slow.nvmlDeviceGetPowerUsage"] = 1300  # milliseconds; after 800 the others are read meanwhile
    device.values["temperature"] = 77
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(index): True for index in range(3)}
    assert (found.errors, found.failures, found.restarts) == ({}, (), 1)
    assert found.gpus[1].values["temperature"] == 77
    again = look(bench)
    assert (again.errors, again.restarts) == ({}, 1)


def test_a_mig_instance_that_is_destroyed_while_it_is_read_is_left_out_and_no_error(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    values |= {"mig": 1}
    for number in range(2):
        values |= {f"mig{number}.gpu_instance": number + 1, f"mig{number}.compute_instance": 0}
        values |= {f"mig{number}.memory_{kind}": 9 for kind in ("total", "used", "reserved")}
    values["mig0.stale"] = 3  # both its numbers are told, then its uuid
    bench.change()
    found = look(bench)
    assert (found.errors, found.failures) == ({}, ())
    assert [one.gpu_instance for one in found.gpus[0].instances] == ["2"]
    values["mig0.stale"] = 1
    bench.change()
    found = look(bench)
    assert (found.errors, found.failures) == ({}, ())
    assert [one.gpu_instance for one in found.gpus[0].instances] == ["2"]


def test_devices_that_are_not_reached_keep_what_they_said(gpus: Callable[..., GpuBench]) -> None:
    """As when the library does not even start again while a call hangs."""
    bench = gpus(3, deadline=30, budget=1.5)
    before = look(bench)
    bench.machine.devices[0].hangs("nvmlDeviceGetUUID")
    bench.machine.system["hang.nvmlInit"] = 1
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): False, uuid_of(1): True, uuid_of(2): True}
    assert found.gpus[1] is before.gpus[1]
    assert found.devices == 3
    del bench.machine.system["hang.nvmlInit"]
    bench.machine.devices[0].heal()
    bench.change()
    assert look(bench, 1).gpus[1] is not before.gpus[1]


@pytest.mark.parametrize("restarted", [True, False])
def test_no_gpu_counts_as_gone_because_others_hang_in_the_first_look_for_long(
    gpus: Callable[..., GpuBench], *, restarted: bool
) -> None:
    bench = gpus(4, deadline=0.3)
    look(bench)
    for index in (1, 2):
        bench.machine.devices[index].hangs("nvmlDeviceGetUUID")
    bench.change()
    if restarted:
        bench.restart()
    found = look(bench, 15 if restarted else 3600)
    assert ups(found) == {uuid_of(0): True, uuid_of(1): False, uuid_of(2): False, uuid_of(3): True}
    assert not [each for each in found.failures if "gone" in each]


def test_a_child_that_cannot_be_killed_is_left_behind_and_counted(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = gpus(1)
    look(bench)
    child = bench.gate._process._process
    assert child is not None
    monkeypatch.setattr(child, "kill", lambda: None)  # as for a process in uninterruptible sleep
    monkeypatch.setattr("stoker.sources.nvml_process._KILL_LIMIT", 0.0)
    stopped = child.stdin
    assert stopped is not None
    os.kill(child.pid, signal.SIGSTOP)
    (bench.folder / "proc/driver/nvidia/version").write_text("595.10\n")
    found = look(bench)
    assert found.left == 1
    assert ups(found) == {uuid_of(0): True}
    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert look(bench).left == 0


def test_gpus_that_hang_in_the_kernel_cost_a_child_each_and_no_other_gpu_anything(
    gpus: Callable[..., GpuBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = gpus(8, deadline=0.3)
    look(bench)
    hanging = range(2, 7)
    for index in hanging:
        bench.machine.devices[index].hangs("nvmlDeviceGetUUID")
    bench.change()
    others = {uuid_of(index): index not in hanging for index in range(8)}
    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "kill", lambda _: None)  # as for a process in uninterruptible sleep
        patch.setattr("stoker.sources.nvml_process._KILL_LIMIT", 0.0)
        found = look(bench)
        assert (ups(found), found.left) == (others, len(hanging))
        for _ in range(6):
            found = look(bench, 61)
            assert (ups(found), found.left) == (others, len(hanging))
        for index in hanging:
            bench.machine.devices[index].heal()
        bench.change()
    deadline = time.monotonic() + 20
    while look(bench, 61).left:  # they go on, and find that nobody listens to them any more
        assert time.monotonic() < deadline
    assert all(ups(look(bench, 901)).values())


def test_a_child_ends_when_its_parent_is_killed(nvml_library: Path, tmp_path: Path) -> None:
    file = tmp_path / "machine"
    machine(1).write(file)
    program = (
        "import os, sys\nfrom stoker.sources.nvml import NvmlGate\n"
        "gate = NvmlGate()\ngate.snapshot()\nprint(gate._process.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(nvml_library, file),
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    while _runs(int(done.stdout)):  # bounded by the test's own limit
        pass


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE  # where nobody reaps, it stays as one
    except psutil.NoSuchProcess:
        return False
