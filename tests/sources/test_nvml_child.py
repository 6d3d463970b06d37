"""The gate to NVML: a child whose calls hang, that dies, answers garbage or cannot be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from gpus import look, ups
from simulator.nvml_simulator import environment, machine, uuid_of
from stoker.errors import SourceError
from stoker.sources.nvml_values import ErrorKey

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from gpus import GpuBench


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
        patch.setattr("stoker.sources.nvml_known.live_gpu", broken)
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
