"""XIDs as NVML tells them: a child registers each device, and every event reaches the parent once."""

from __future__ import annotations

import os
import signal
import threading
from typing import TYPE_CHECKING

import psutil

from running import wait_for
from simulator.nvml_simulator import Machine, h200, uuid_of
from stoker.sources.nvml_values import ErrorKey

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench
    from stoker.sources.nvml_events import XidEvent

NOT_SUPPORTED, UNKNOWN = 3, 999
PATIENT = 4.0
"""Seconds of a deadline by which no call of a busy machine is set aside that does not hang."""


def happen(bench: GpuBench, index: int, *codes: int) -> None:
    bench.machine.devices[index].xid(*codes)
    bench.change()


def told(bench: GpuBench, count: int) -> list[XidEvent]:
    """The events that come without anybody looking at the GPUs."""
    found: list[XidEvent] = []

    def enough() -> bool:
        found.extend(bench.gate.events())
        return len(found) >= count

    wait_for(enough)
    return found


def test_each_event_is_told_once_with_its_gpu_and_the_times_between_which_it_happened(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(2)
    happen(bench, 0, 31)  # before anybody had registered
    bench.gate.snapshot()
    happen(bench, 1, 79, 79)
    happen(bench, 0, 94)
    found = told(bench, 3)
    assert sorted((event.gpu, event.uuid, event.xid, event.lost) for event in found) == [
        ("0", uuid_of(0), "94", 0),
        ("1", uuid_of(1), "79", 0),
        ("1", uuid_of(1), "79", 0),
    ]
    assert all(0 <= event.when - event.since < 60 for event in found)
    bench.gate.snapshot()
    assert bench.gate.events() == []


def test_events_found_before_a_child_is_lost_are_not_lost(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.3)
    bench.gate.snapshot()
    happen(bench, 1, 119)
    bench.machine.devices[1].hangs("nvmlDeviceGetPowerUsage")
    bench.change()
    bench.gate.snapshot()  # looks for events first, and then hangs
    assert [event.xid for event in told(bench, 1)] == ["119"]


def test_a_new_child_registers_anew(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.gate.snapshot()
    pid = bench.gate._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    bench.gate.snapshot()
    happen(bench, 0, 48)
    assert [event.xid for event in told(bench, 1)] == ["48"]


def test_a_device_that_came_later_is_registered(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.gate.snapshot()
    bench.machine = Machine([*bench.machine.devices, h200(5)])
    bench.change()
    bench.gate.snapshot()
    happen(bench, 1, 62)
    assert [(event.gpu, event.uuid) for event in told(bench, 1)] == [("1", uuid_of(5))]


def test_a_device_without_events_is_asked_once_and_costs_nothing_else(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=PATIENT)
    bench.machine.devices[0].fails("nvmlDeviceRegisterEvents", NOT_SUPPORTED)
    bench.change()
    found = bench.gate.snapshot()
    assert (found.errors, found.failures) == ({}, ())
    bench.machine.devices[0].heal()
    bench.change()
    bench.gate.snapshot()
    happen(bench, 0, 62)
    happen(bench, 1, 79)
    assert [event.xid for event in told(bench, 1)] == ["79"]


def test_a_library_without_events_costs_nothing_else(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.system["error.nvmlEventSetCreate"] = NOT_SUPPORTED
    bench.change()
    for _ in range(2):
        found = bench.gate.snapshot()
        assert (found.errors, found.failures, found.gpus[0].up) == ({}, (), True)


def test_errors_of_the_calls_are_counted(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].fails("nvmlDeviceRegisterEvents", UNKNOWN)
    bench.change()
    key = ErrorKey("0", uuid_of(0), "nvmlDeviceRegisterEvents", "UNKNOWN")
    assert bench.gate.snapshot().errors == {key: 1}
    bench.machine.system["error.nvmlEventSetWait_v2"] = UNKNOWN
    bench.change()
    bench.gate.snapshot()
    errors = bench.gate.snapshot().errors
    assert errors[ErrorKey("", "", "nvmlEventSetWait_v2", "UNKNOWN")] >= 1
    bench.machine.system.pop("error.nvmlEventSetWait_v2")
    bench.machine.devices[0].heal()
    bench.change()
    bench.gate.snapshot()
    happen(bench, 0, 13)
    assert [event.xid for event in told(bench, 1)] == ["13"]


def test_a_look_for_events_that_hangs_is_named_and_costs_only_the_events(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.3)
    bench.gate.snapshot()
    before = bench.gate._process.pid
    assert before is not None
    bench.machine.system["hang.nvmlEventSetWait_v2"] = 1
    bench.change()
    shared = bench.gate._process
    wait_for(lambda: shared._announced()[2] == "nvmlEventSetWait_v2")
    found = bench.gate.snapshot()
    assert found.errors == {ErrorKey("", "", "nvmlEventSetWait_v2", "TIMEOUT"): 1}
    assert [gpu.up for gpu in found.gpus] == [True, True]
    assert "nvmlEventSetWait_v2 did not return" in found.failures
    assert not psutil.pid_exists(before) or psutil.Process(before).status() == psutil.STATUS_ZOMBIE
    assert bench.gate.snapshot().failures == ()  # no events for a while, and nothing else is missing
    del bench.machine.system["hang.nvmlEventSetWait_v2"]
    bench.change()
    bench.clock.now += 1000
    bench.gate.snapshot()
    happen(bench, 0, 45)
    assert [event.xid for event in told(bench, 1)] == ["45"]


def test_registering_that_hangs_costs_only_the_events(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.3)
    bench.machine.devices[1].hangs("nvmlDeviceRegisterEvents")
    bench.change()
    found = bench.gate.snapshot()
    assert [gpu.up for gpu in found.gpus] == [True, True]
    assert found.errors == {ErrorKey("1", "", "nvmlDeviceRegisterEvents", "TIMEOUT"): 1}


def test_a_child_that_was_set_aside_tells_no_event_again(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(3, deadline=3.0)
    bench.gate.snapshot()
    first, second, third = bench.machine.devices
    first.hangs("nvmlDeviceGetPowerUsage")
    second.values["slow.nvmlDeviceGetPowerUsage"] = 1000
    bench.change()
    look = threading.Thread(target=bench.gate.snapshot)
    look.start()
    code = 0
    # the first device's child hangs, the second one's has its answer soon, another one reads the third
    while look.is_alive():
        code += 1
        third.xid(code)
        bench.change()
        look.join(0.05)
    third.xid(code + 1)
    bench.change()
    codes: list[int] = []

    def last() -> bool:
        codes.extend(int(event.xid) for event in bench.gate.events())
        return code + 1 in codes

    wait_for(last)
    assert codes == sorted(set(codes))


def test_a_storm_that_nobody_reads_is_bounded_and_what_had_no_room_is_told(gpus: Callable[..., GpuBench]) -> None:
    # long: a child that is replaced, since the machine is busy, takes what it has counted with it
    bench = gpus(4, deadline=10.0)
    bench.gate.snapshot()
    for index in range(4):
        happen(bench, index, *[31] * 180)
    for _ in range(5):
        bench.gate.snapshot()
    kept = bench.gate.events()
    happen(bench, 0, 79)
    last = told(bench, 1)[-1]
    assert 0 < len(kept) < 4 * 180
    assert (last.xid, last.lost) == ("79", 4 * 180 - len(kept))


def test_what_had_come_before_the_end_is_not_lost(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.gate.snapshot()
    happen(bench, 0, 62)
    bench.gate.snapshot()  # the child has looked for events when it answers
    bench.gate.close()
    assert [event.xid for event in bench.gate.events()] == ["62"]
    assert bench.gate.events() == []


def unwatched(bench: GpuBench) -> list[float]:
    """Seconds of each GPU, an interval later."""
    bench.clock.now += 15
    found = bench.gate.snapshot().unwatched
    return [found[uuid_of(index)] for index in range(len(bench.machine.devices))]


def test_gpus_that_are_watched_all_the_time_say_so(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=PATIENT)
    assert unwatched(bench) == unwatched(bench) == [0, 0]


def test_the_time_in_which_a_child_is_replaced_is_told(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=PATIENT)
    bench.gate.snapshot()
    pid = bench.gate._process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    first, second = unwatched(bench)
    assert first > 0
    assert second >= first  # which is registered after it
    assert unwatched(bench) == [first, second]


def test_while_a_child_is_set_aside_its_successor_has_to_register_first(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=PATIENT)
    bench.gate.snapshot()
    bench.machine.devices[1].values["slow.nvmlDeviceGetPowerUsage"] = 1500
    bench.change()
    first, slow = unwatched(bench)
    assert 0 < first < slow  # which is registered by the next look
    again = unwatched(bench)
    assert (again[0], again[1] > slow) == (first, True)
    assert unwatched(bench) == again


def test_a_successor_registers_what_its_predecessor_has_read(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=0.3)
    bench.gate.snapshot()
    bench.machine.devices[1].hangs("nvmlDeviceGetPowerUsage")
    bench.change()
    bench.gate.snapshot()
    happen(bench, 0, 31)
    assert [(event.gpu, event.xid) for event in told(bench, 1)] == [("0", "31")]


def test_a_gpu_whose_call_hangs_is_not_watched_until_it_answers(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2, deadline=PATIENT)
    bench.gate.snapshot()
    bench.machine.devices[1].hangs("nvmlDeviceGetPowerUsage")
    bench.change()
    found = [unwatched(bench) for _ in range(3)]
    assert found[0][0] == found[1][0] == found[2][0]
    assert 0 < found[0][1] < found[1][1] < found[2][1]
    bench.machine.devices[1].heal()
    bench.change()
    bench.clock.now += 60
    healed = unwatched(bench)
    assert unwatched(bench) == healed


def test_a_gpu_without_events_and_calls_for_them_that_hang_leave_gpus_unwatched(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(2, deadline=PATIENT)
    bench.machine.devices[0].fails("nvmlDeviceRegisterEvents", NOT_SUPPORTED)
    bench.change()
    before, _ = unwatched(bench)
    first, second = unwatched(bench)
    assert (first > before, second) == (True, 0)
    bench.machine.system["hang.nvmlEventSetWait_v2"] = 1
    bench.change()
    assert 0 < unwatched(bench)[1] < unwatched(bench)[1]


def test_a_gpu_that_is_gone_for_good_is_not_told_any_more(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.gate.snapshot()
    bench.remove(1)
    assert len(bench.gate.snapshot().unwatched) == 2
    bench.gate.forget(uuid_of(1))
    assert list(bench.gate.snapshot().unwatched) == [uuid_of(0)]


def test_events_are_waited_for_until_a_new_child_asks_for_a_gpu_that_is_down(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.gate.snapshot()
    bench.machine.devices[1].lose()
    bench.change()
    bench.gate.snapshot()
    happen(bench, 0, 31)
    assert [(event.gpu, event.xid) for event in told(bench, 1)] == [("0", "31")]
    assert bench.gate.snapshot().restarts == 1
