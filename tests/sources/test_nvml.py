"""The gate to NVML: a child process that may hang, die or find no driver."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gpus import look, ups
from simulator.nvml_simulator import uuid_of
from stoker.errors import UnavailableError
from stoker.sources.nvml_values import ErrorKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench

UNKNOWN = 999


DRIVER_NOT_LOADED = 9


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
    assert again.failures == (f"GPU 3 is left out for a while: {found.failures[0]}",)
    assert again.stuck == 15
    # ... but later, and takes part again when it answers
    assert look(bench, 61).stuck == 76
    bench.machine.devices[3].heal()
    bench.change()
    healed = look(bench, 120)
    assert ups(healed)[uuid_of(3)] is True
    assert healed.stuck == 0


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
    assert look(bench).stuck == 0
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
    waiting = look(bench, 5)
    assert ups(waiting) == {uuid_of(0): False, uuid_of(1): False}
    assert waiting.stuck == 5
    again = look(bench, 60)
    assert ups(again) == {uuid_of(0): True, uuid_of(1): True}
    assert again.stuck == 0


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


@pytest.mark.parametrize("call", ["nvmlGpmSampleGet", "nvmlDeviceGetProcessUtilization"])
def test_that_only_administrators_may_profile_is_counted_and_no_failure(
    gpus: Callable[..., GpuBench], call: str
) -> None:
    bench = gpus(1)
    bench.machine.devices[0].fails(call, 4)
    bench.change()
    found = look(bench)
    assert ups(found) == {uuid_of(0): True}
    assert found.failures == ()
    [(key, count)] = found.errors.items()
    assert (key.call, key.error) == (call, "NO_PERMISSION")
    assert count >= 1


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
