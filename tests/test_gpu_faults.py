"""Every fault of a GPU that the simulated library can play, from the library through the collector and the page to the shipped rule."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest

import played
from simulator import nvml_simulator as simulator
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.schedule import Schedule
from stoker.server.exposition import Exposition
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gpus import GpuBench

GIB = 1 << 30
RULES = played.rules("gpu")
FIRST = {"gpu": "0", "uuid": simulator.uuid_of(0)}


@cache
def _words() -> dict[str, str]:
    """The dashboard's words for the states."""
    board = load_pack().domains["gpu"].dashboard
    assert board is not None
    return dict(
        next(panel for row in board.rows for panel in row.panels if panel.title == "State of each GPU").mappings
    )


def page(bench: GpuBench) -> str:
    """What /metrics says of GPUs after one more look, without the settings that no rule looks at."""
    bench.clock.now += 15
    (collector,) = gpu_collectors(bench.gate)
    return Exposition().render(collector.collect().samples).decode()


def _set(**values: int | str) -> Callable[[simulator.Machine, int], None]:
    """The first GPU has these values from the fault on."""

    def play(machine: simulator.Machine, _minute: int) -> None:
        machine.devices[0].values |= values

    return play


def _grow(**steps: int) -> Callable[[simulator.Machine, int], None]:
    """Counters of the first GPU grow by so much a minute."""

    def play(machine: simulator.Machine, _minute: int) -> None:
        values = machine.devices[0].values
        values |= {key: int(values.get(key, 0)) + step for key, step in steps.items()}

    return play


def _slowed(reason: int, counter: str) -> Callable[[simulator.Machine, int], None]:
    """The first GPU is slowed down for this reason half of the time, and its driver counts that time."""
    grow, hold = _grow(**{counter: 30_000_000_000}), _set(reasons=reason)

    def play(machine: simulator.Machine, minute: int) -> None:
        grow(machine, minute)
        hold(machine, minute)

    return play


def _lose(machine: simulator.Machine, _minute: int) -> None:
    machine.devices[0].lose()


def _vanish(machine: simulator.Machine, minute: int) -> None:
    if not minute:
        del machine.devices[3]


_IDLE = {"utilization": 1, **{f"gpm{number}": 0 for number in (1, 2, 3, 4, 5, 10, 11, 12, 13)}}
_FAULTS: dict[str, tuple[int, Callable[[simulator.Machine, int], None], dict[str, str]]] = {
    "GpuDown": (4, _lose, FIRST),
    "GpuMissing": (4, _vanish, {}),
    "GpuRecoveryActionNeeded": (4, _set(field230=1), FIRST),
    "GpuEccUncorrected": (4, _set(ecc2=1, ecc3=1), FIRST),
    "GpuEccCorrectedStorm": (30, _grow(ecc0=20, ecc1=20), FIRST),
    "GpuRowRemapPending": (2, _set(remapped2=1), FIRST),
    "GpuRowRemapFailed": (2, _set(remapped3=1), FIRST),
    "GpuTemperatureHigh": (8, _set(temperature=87, margin=3), FIRST),
    "GpuThermalThrottling": (20, _slowed(0x20, "field269"), FIRST),
    "GpuPowerBrake": (20, _slowed(0x80, "field271"), FIRST),
    "GpuPowerThrottling": (20, _grow(field74=40_000_000_000), FIRST),
    "GpuUtilizationHigh": (35, _set(utilization=99), FIRST),
    "GpuMemoryHigh": (13, _set(memory_used=150754820096 - GIB), FIRST),
    "GpuIdle": (40, _set(**_IDLE), FIRST),
    "GpuMemoryLeaked": (13, _set(compute="", graphics="", memory_used=2 * GIB), FIRST),
    "GpuPcieLinkDegraded": (13, _set(pcie_width=8), FIRST),
    "GpuPcieReplays": (10, _grow(pcie_replays=50), FIRST),
    "GpuNvlinkErrors": (10, _grow(link_errors50=5), FIRST),
    "GpuNvlinkDown": (8, _set(link5=0), FIRST),
    "GpuSlowerThanPeers": (13, _set(clock1=1300), FIRST),
}
"""Alert to: minutes for which the fault holds, what it is, and what the alert says of whose it is."""
_STATES = {
    "GpuDown": "sick: does not answer",
    "GpuRecoveryActionNeeded": "sick: recovery asked for",
    "GpuEccUncorrected": "sick: uncorrected ECC",
    "GpuEccCorrectedStorm": "sick: storm of corrected ECC",
    "GpuRowRemapPending": "sick: rows wait for a reset",
    "GpuRowRemapFailed": "sick: rows not replaced",
    "GpuTemperatureHigh": "slow soon: temperature",
    "GpuThermalThrottling": "slow: heat",
    "GpuPowerBrake": "slow: power brake",
    "GpuIdle": "idle: held",
    "GpuMemoryLeaked": "sick: memory without a process",
    "GpuPcieLinkDegraded": "slow: PCIe link",
    "GpuPcieReplays": "slow: PCIe link",
    "GpuNvlinkErrors": "sick: NVLink",
    "GpuNvlinkDown": "sick: NVLink",
    "GpuSlowerThanPeers": "slow: behind its peers",
}
"""What the dashboard says of the GPU then; of what is no fault it says nothing."""
_KERNEL = {
    "GpuXidCritical": ("NVRM: Xid (PCI:0000:11:00): 48, pid=4711, name=python3, DBE (double bit error)", "xid", "48"),
    "GpuXidWarning": ("NVRM: Xid (PCI:0000:11:00): 31, pid=4711, name=python3, Ch 00000008, MMU Fault", "xid", "31"),
    "GpuNvswitchError": (
        "nvidia-nvswitch0: SXid (PCI:0000:c1:00.0): 20034, Fatal, Link 28 LTSSM Fault Up",
        "sxid",
        "20034",
    ),
}
"""Alert to: what the kernel says, and how the alert names it."""


def _at_work(gpus: Callable[..., GpuBench]) -> GpuBench:
    """Four GPUs, each with a program on it."""
    bench = gpus(4)
    for index, device in enumerate(bench.machine.devices):
        device.values |= {"utilization": 60, "field74": 0, "reasons": 0}
        bench.process(4_000_000 + index, "python3")
    bench.change()
    return bench


@pytest.mark.parametrize("alert", _FAULTS)
def test_a_played_fault_raises_its_alert_and_nothing_did_before(
    alert: str, gpus: Callable[..., GpuBench], tmp_path: Path
) -> None:
    minutes, play, labels = _FAULTS[alert]
    bench = _at_work(gpus)
    pages = [page(bench)]
    before = [pages[0]] * 15
    assert played.firing(tmp_path, RULES, before, 60) == []
    for minute in range(minutes):
        play(bench.machine, minute)
        bench.change()
        pages.append(page(bench))
    fires, states = played.ask(tmp_path, RULES, [*before, *pages[1:]], 60, played.FIRING, "gpu:stoker_gpu_up:state")
    found = [each for each, _ in fires]
    named = [each for each in found if each["alertname"] == alert]
    assert [{label: each.get(label) for label in labels} for each in named] == [labels], found
    if labels:
        assert {each["gpu"] for each in found} == {"0"}, found
        assert {each["gpu"]: _words()[f"{value:g}"] for each, value in states} == {
            **dict.fromkeys("123", "ok"),
            "0": _STATES.get(alert, "ok"),
        }


def test_memory_of_a_program_that_died_beside_one_that_lives_raises_the_alert(
    gpus: Callable[..., GpuBench], tmp_path: Path
) -> None:
    bench = _at_work(gpus)
    bench.machine.devices[0].values["compute"] = f"4000000:{20 * GIB} 4000009:{30 * GIB}"
    bench.change()
    fires = played.firing(tmp_path, RULES, [page(bench)] * 12, 60)
    assert [(each["alertname"], each["gpu"]) for each in fires] == [("GpuMemoryLeaked", "0")]


def test_a_small_gpu_is_full_though_its_driver_reserves_more_than_the_bound_leaves(
    gpus: Callable[..., GpuBench], tmp_path: Path
) -> None:
    """A T4: of 15 GiB the driver keeps 440 MiB, so that programs never get 98 % of the whole."""
    bench = _at_work(gpus)
    total, reserved = 15 * GIB, 440 << 20
    bench.machine.devices[0].values |= {"memory_total": total, "memory_reserved": reserved}
    bench.machine.devices[0].values["memory_used"] = total - reserved - (50 << 20)
    bench.change()
    fires = played.firing(tmp_path, RULES, [page(bench)] * 12, 60)
    assert [(each["alertname"], each["gpu"]) for each in fires] == [("GpuMemoryHigh", "0")]


def test_every_gpu_that_hangs_raises_its_alert_and_no_other_gpu_does(
    gpus: Callable[..., GpuBench], tmp_path: Path
) -> None:
    bench = gpus(4, deadline=1.0)
    pages = [page(bench)]
    for device in bench.machine.devices[1:]:
        device.hangs("nvmlDeviceGetMemoryInfo")
    bench.change()
    pages += [page(bench) for _ in range(4)]
    found = [each for each in played.firing(tmp_path, RULES, pages, 60) if each["alertname"] == "GpuDown"]
    assert sorted((each["gpu"], each["uuid"]) for each in found) == [
        (str(index), simulator.uuid_of(index)) for index in (1, 2, 3)
    ]


def test_a_call_that_does_not_return_raises_the_alert_of_the_collector_that_goes_on(
    gpus: Callable[..., GpuBench], tmp_path: Path
) -> None:
    bench = gpus(2, deadline=0.3)
    schedule = Schedule(gpu_collectors(bench.gate), interval=15, deadline=10)
    pages = []
    for number in range(8):
        if number == 2:
            bench.machine.devices[1].hangs("nvmlDeviceGetPowerUsage")
            bench.change()
        bench.clock.now += 15
        schedule.run_once()
        pages.append(Exposition().render(schedule.samples()).decode())
    assert 'stoker_collector_success{collector="gpu"} 0' in pages[-1]
    found = played.firing(tmp_path, played.rules("stoker"), pages, 15)
    told = [(each["alertname"], each["severity"], each.get("collector")) for each in found]
    assert ("StokerCollectorStuck", "critical", "gpu") in told
    stuck = [each for each in told if each[0] == "StokerCollectorStuck"]
    assert len(stuck) == 1
    assert not [each for each in played.firing(tmp_path, played.rules("stoker"), pages[:6], 15) if "collector" in each]


def _counted(folder: Path, *texts: tuple[int, str]) -> list[str]:
    """What `played.parsed` gives, without the times of the events: what the rules see of the counters alone."""
    pages = played.parsed(folder, *texts)
    return ["\n".join(row for row in page.splitlines() if "_last_timestamp_seconds" not in row) for page in pages]


@pytest.mark.parametrize("alert", _KERNEL)
def test_a_line_of_the_kernel_raises_its_alert(alert: str, tmp_path: Path) -> None:
    line, label, code = _KERNEL[alert]
    pages = _counted(tmp_path, (7, line), (18, line))
    before = [pages[0]] * 5
    assert played.firing(tmp_path, RULES, before, 60) == []
    found = played.firing(tmp_path, RULES, [*before, pages[1], pages[1]], 60)
    assert [(each["alertname"], each[label]) for each in found] == [(alert, code)]


@pytest.mark.parametrize("again", ["GPU 0000:11:00.0: GPU", "Xid (PCI:0000:11:00): 79, pid=1, GPU"])
def test_a_gpu_that_falls_off_the_bus_again_raises_the_alert_again(again: str, tmp_path: Path) -> None:
    """Eleven minutes later, when the alert of the first time has ended, with few lines of the kernel between."""
    words = "has fallen off the bus."
    pages = _counted(tmp_path, (7, f"NVRM: GPU 0000:11:00.0: GPU {words}"), (18, f"NVRM: {again} {words}"))
    before = [pages[0]] * 11
    assert played.firing(tmp_path, RULES, before, 60) == []
    found = played.firing(tmp_path, RULES, [*before, pages[1]], 60)
    assert [(each["alertname"], each["uuid"]) for each in found] == [("GpuXidCritical", "pci:0000:11:00")]


def test_every_alert_of_gpus_is_played() -> None:
    names = [name for name in load_pack().alerts if name.startswith("Gpu")]
    assert sorted(names) == sorted([*_FAULTS, *_KERNEL])
