"""What each part of the GPU collector makes of NVML's numbers: base units, labels, and nothing where nothing was read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from gpus import NAMES, GpuBench
from machines import write

if TYPE_CHECKING:
    from collections.abc import Callable

G0 = NAMES[0]


def one(gpus: Callable[..., GpuBench], *without: str, **values: int | str) -> dict[str, float]:
    """The series of a machine with one GPU that has these values, and not those `without`, without the stoker_gpu_ before them."""
    bench = gpus(1)
    device = bench.machine.devices[0].values
    device |= values
    for key in without:
        del device[key]
    bench.change()
    found = bench.values()
    return {
        series.removeprefix("stoker_gpu_").replace(f"{G0},", "").replace(f"{{{G0}}}", ""): value
        for series, value in found.items()
    }


def test_info_says_what_it_is(gpus: Callable[..., GpuBench]) -> None:
    assert one(gpus)[
        'info{name="NVIDIA H200 (simulated)",pci_bus_id="0000:11:00.0",serial="1653000000000",vbios="96.00.BC.00.01",'
        'driver="590.48.01",cuda="13.1",architecture="Hopper",mig_mode="disabled"}'
    ] == (1)


def test_utilisation_is_a_ratio(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, "ofa", encoder=25)
    assert found["utilization_ratio"] == pytest.approx(0.97)
    assert found["memory_controller_utilization_ratio"] == pytest.approx(0.61)
    assert found['engine_utilization_ratio{engine="encoder"}'] == pytest.approx(0.25)
    assert 'engine_utilization_ratio{engine="ofa"}' not in found


def test_memory_is_in_bytes_and_reserved_is_no_use_of_programs(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, memory_total=1000, memory_used=300, memory_reserved=100)
    assert [found[f"memory_{name}_bytes"] for name in ("total", "used", "free", "reserved")] == [1000, 300, 600, 100]


def test_power_is_in_watts_and_energy_in_joules(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, power=626_500, power_limit=700_000, energy=1_234_567)
    assert found["power_watts"] == pytest.approx(626.5)
    assert found["power_limit_watts"] == 700
    assert found["energy_joules_total"] == pytest.approx(1234.567)


def test_temperatures_thresholds_and_margin(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, temperature=71, field82=66, margin=-2, threshold2=0)
    assert found['temperature_celsius{sensor="core"}'] == 71
    assert found['temperature_celsius{sensor="memory"}'] == 66
    assert found["temperature_margin_celsius"] == -2
    assert found['temperature_threshold_celsius{threshold="slowdown"}'] == 89
    assert 'temperature_threshold_celsius{threshold="memory_max"}' not in found  # 0: the board has none


def test_a_gpu_without_a_memory_sensor_has_no_memory_temperature(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, "field82", "margin")
    assert 'temperature_celsius{sensor="memory"}' not in found
    assert "temperature_margin_celsius" not in found
    assert 'temperature_celsius{sensor="core"}' in found


def test_clocks_are_in_hertz(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, clock1=1410, performance_state=2, fan=45)
    assert found['clock_hertz{clock="sm"}'] == 1.41e9
    assert found['clock_max_hertz{clock="sm"}'] == 1.98e9
    assert found["performance_state"] == 2
    assert found["fan_speed_ratio"] == pytest.approx(0.45)


def test_an_unknown_performance_state_and_a_missing_fan_are_left_out(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, performance_state=32)
    assert not {"performance_state", "fan_speed_ratio"} & set(found)


def test_throttling_now_and_in_seconds(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, reasons=0x20 | 0x04, reasons_supported=0x64, field269=2_500_000_000, field74=1_000_000)
    assert {series: value for series, value in found.items() if series.startswith("throttle_active")} == {
        'throttle_active{reason="sw_power_cap"}': 1,
        'throttle_active{reason="sw_thermal"}': 1,
        'throttle_active{reason="hw_thermal"}': 0,
    }
    assert found['throttle_seconds_total{reason="sw_thermal"}'] == pytest.approx(2.5)
    assert found['throttle_seconds_total{reason="sw_power_cap"}'] == pytest.approx(0.001)


def test_an_older_driver_tells_throttling_by_its_violations(gpus: Callable[..., GpuBench]) -> None:
    fields = ("field74", "field75", "field76", "field269", "field270", "field271")
    found = one(gpus, *fields, violation0=3_000_000_000, violation1=4_000_000_000)
    assert {series: value for series, value in found.items() if series.startswith("throttle_seconds")} == {
        'throttle_seconds_total{reason="sw_power_cap"}': 3,
        'throttle_seconds_total{reason="sw_thermal"}': 4,
    }


@pytest.mark.parametrize(
    ("driver", "seconds"),
    [("570.172.08", 2), ("575.51.03", 1), ("580.65.06", 1), ("580.82.07", 2), ("590.48.01", 2), ("no number", 2)],
)
def test_the_fields_of_throttling_have_the_numbers_of_the_driver(
    driver: str, seconds: float, gpus: Callable[..., GpuBench]
) -> None:
    bench = gpus(1)
    bench.machine.system["driver"] = driver
    bench.machine.devices[0].values |= {
        f"field{first + n}": 10**9 * s for first, s in ((251, 1), (269, 2)) for n in range(3)
    }
    bench.change()
    found = bench.values()
    for reason in ("sw_thermal", "hw_thermal", "hw_power_brake"):
        assert found[f'stoker_gpu_throttle_seconds_total{{{G0},reason="{reason}"}}'] == seconds


def test_ecc_errors_by_type_and_scope(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, ecc0=1, ecc1=2, ecc2=3, ecc3=4)
    assert found['ecc_errors_total{type="corrected",scope="volatile"}'] == 1
    assert found['ecc_errors_total{type="corrected",scope="aggregate"}'] == 2
    assert found['ecc_errors_total{type="uncorrected",scope="volatile"}'] == 3
    assert found['ecc_errors_total{type="uncorrected",scope="aggregate"}'] == 4


def test_rows_and_pages_taken_out_of_use(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, remapped0=1, remapped1=2, remapped2=1, retired0=3, retired1=0)
    assert found['remapped_rows_total{cause="corrected"}'] == 1
    assert found['remapped_rows_total{cause="uncorrected"}'] == 2
    assert (found["remap_pending"], found["remap_failed"]) == (1, 0)
    assert found['retired_pages_total{cause="corrected"}'] == 3
    assert found['retired_pages_total{cause="uncorrected"}'] == 0


def test_a_gpu_without_ecc_has_none_of_it(gpus: Callable[..., GpuBench]) -> None:
    without = [f"{key}{number}" for key in ("ecc", "remapped") for number in range(4)]
    without += [f"sram{number}" for number in range(11)] + [f"remap_banks{number}" for number in range(5)]
    found = one(gpus, *without, "field11", "field12", "field22", "field23", "ecc_mode")
    assert not [series for series in found if series.startswith(("ecc", "remap", "retired"))]


def test_numbers_that_mean_not_available_are_left_out_wherever_they_are(gpus: Callable[..., GpuBench]) -> None:
    """Also within an answer of several numbers."""
    found = one(
        gpus,
        utilization=0xFFFFFFFF,
        memory_used=-1,
        remapped0=0xFFFFFFFF,
        remapped2=0xFFFFFFFF,
        link_errors31=-1,
        samples1="1000:4294967295",
    )
    assert max(found.values()) < 1e12
    assert "utilization_ratio" not in found
    assert found["memory_controller_utilization_ratio"] == pytest.approx(0.61)
    assert "memory_used_bytes" not in found
    assert found["memory_total_bytes"] == 150754820096
    assert 'remapped_rows_total{cause="corrected"}' not in found
    assert found['remapped_rows_total{cause="uncorrected"}'] == 0
    assert "remap_pending" not in found
    assert found["remap_failed"] == 0
    assert 'nvlink_errors_total{link="3",type="recovery"}' not in found
    assert found['nvlink_errors_total{link="3",type="replay"}'] == 0
    assert "utilization_peak_ratio" not in found


def test_counters_that_go_back_with_a_new_driver_are_told_as_they_are(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0].values
    device |= {"ecc2": 7, "ecc3": 9, "energy": 5_000}
    bench.change()
    bench.values()
    device |= {"ecc2": 0, "energy": 100}
    (bench.folder / "proc/driver/nvidia/version").write_text("595.10\n")
    bench.change()
    found = bench.values()
    assert found[f'stoker_gpu_ecc_errors_total{{{G0},type="uncorrected",scope="volatile"}}'] == 0
    assert found[f'stoker_gpu_ecc_errors_total{{{G0},type="uncorrected",scope="aggregate"}}'] == 9
    assert found[f"stoker_gpu_energy_joules_total{{{G0}}}"] == pytest.approx(0.1)


def test_a_link_that_is_not_there_does_not_hide_those_after_it(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, "link0", "link5")
    assert sorted(int(series.partition('link="')[2][:-2]) for series in found if series.startswith("nvlink_up")) == [
        *range(1, 5),
        *range(6, 18),
    ]


def test_the_pcie_link(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, pcie_generation=1, pcie_width=8, pcie_replays=7, field197=11, field198=12)
    assert found['pcie_link_generation{state="current"}'] == 1
    assert found['pcie_link_generation{state="max"}'] == 5
    assert found['pcie_link_width{state="current"}'] == 8
    assert found["pcie_replays_total"] == 7
    assert found['pcie_bytes_total{direction="tx"}'] == 11
    assert found['pcie_bytes_total{direction="rx"}'] == 12


def test_nvlinks(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, link3=0, link_errors42=9, field138=2)
    assert found['nvlink_up{link="3"}'] == 0
    assert 'nvlink_errors_total{link="3",type="replay"}' not in found
    assert found['nvlink_errors_total{link="4",type="crc_flit"}'] == 9
    assert found['nvlink_bytes_total{direction="tx"}'] == 2048
    assert found["fabric_state"] == 3
    assert len([series for series in found if series.startswith("nvlink_up")]) == 18


def test_a_gpu_without_nvlink_has_none_and_that_is_no_error(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, *(f"link{number}" for number in range(18)), "field138", "field139", "fabric")
    assert not [series for series in found if series.startswith(("nvlink", "fabric", "errors"))]


@pytest.mark.parametrize("action", [0, 2])
def test_the_recovery_action_is_told(gpus: Callable[..., GpuBench], action: int) -> None:
    assert one(gpus, field230=action)["recovery_action"] == action


def test_processes_are_counted_by_type_also_when_there_are_none(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, compute="11:5 12:6", graphics="")
    assert found['processes{type="compute"}'] == 2
    assert found['processes{type="graphics"}'] == 0


def test_a_process_is_told_by_the_base_name_of_its_executable(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values |= {"compute": "11:500 12:600 13:700 14", "graphics": "11:400"}
    bench.change()
    bench.process(11, "python3.11 (deleted)")
    bench.process(12)
    write(bench.folder, {"proc/12/comm": "/opt/x/train --secret\n", "proc/11/comm": "other\n"})
    found = bench.values()
    memory = {series: value for series, value in found.items() if "process_memory" in series}
    assert memory == {
        f'stoker_gpu_process_memory_bytes{{{G0},pid="11",command="python3.11"}}': 500,
        f'stoker_gpu_process_memory_bytes{{{G0},pid="12",command="train"}}': 600,
        f'stoker_gpu_process_memory_bytes{{{G0},pid="13"}}': 700,
    }
    assert found[f'stoker_gpu_processes{{{G0},type="compute"}}'] == 4


@pytest.mark.parametrize(("wanted", "told"), [("off", ""), ("uid", str(os.getuid()))])
def test_a_user_is_told_only_when_asked_for(gpus: Callable[..., GpuBench], wanted: str, told: str) -> None:
    bench = gpus(1, process_user=wanted)
    bench.machine.devices[0].values["compute"] = "11:500"
    bench.change()
    bench.process(11, "train")
    user = f',user="{told}"' if told else ""
    assert f'stoker_gpu_process_memory_bytes{{{G0},pid="11",command="train"{user}}}' in bench.values()


def test_the_largest_processes_are_told_and_the_rest_is_counted(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    bench.machine.devices[0].values["compute"] = " ".join(f"{pid}:{pid}" for pid in range(1, 11))
    bench.change()
    found = bench.values(process_limit=3)
    assert [value for series, value in found.items() if "process_memory" in series] == [10, 9, 8]
    assert found[f"stoker_gpu_processes_over_limit{{{G0}}}"] == 7
    assert found[f'stoker_gpu_processes{{{G0},type="compute"}}'] == 10


def test_mig_instances_have_memory_and_processes_of_their_own(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0].values
    device |= {
        "mig": 1,
        "mig0.gpu_instance": 7,
        "mig0.compute_instance": 0,
        "mig0.memory_total": 1000,
        "mig0.memory_used": 400,
        "mig0.memory_reserved": 0,
        "mig3.gpu_instance": 9,
        "mig3.compute_instance": 1,
        "mig3.memory_total": 2000,
        "mig3.memory_used": 0,
        "mig3.memory_reserved": 0,
        "compute": "11:300:7:0 12:200:9:1",
    }
    del device["utilization"]  # not supported in this mode
    bench.change()
    found = bench.values()
    assert found[f'stoker_gpu_memory_total_bytes{{{G0},gpu_instance="7",compute_instance="0"}}'] == 1000
    assert found[f'stoker_gpu_memory_used_bytes{{{G0},gpu_instance="9",compute_instance="1"}}'] == 0
    assert found[f"stoker_gpu_memory_total_bytes{{{G0}}}"] == 150754820096
    assert found[f'stoker_gpu_process_memory_bytes{{{G0},gpu_instance="9",compute_instance="1",pid="12"}}'] == 200
    assert found[f'stoker_gpu_processes{{{G0},type="compute"}}'] == 2
    assert f"stoker_gpu_utilization_ratio{{{G0}}}" not in found
    # switched off again, everything is asked for again
    device |= {"mig": 0, "utilization": 50}
    bench.change()
    assert bench.values()[f"stoker_gpu_utilization_ratio{{{G0}}}"] == 0.5


def test_a_mig_instance_that_does_not_tell_its_number_is_not_taken_for_the_whole_gpu(
    gpus: Callable[..., GpuBench],
) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0]
    device.values |= {"mig": 1, "mig0.gpu_instance": 7, "mig0.memory_total": 1000, "mig0.memory_used": 400}
    device.fails("nvmlDeviceGetGpuInstanceId", 999)
    bench.change()
    assert bench.values()[f"stoker_gpu_memory_total_bytes{{{G0}}}"] == 150754820096


def test_peaks_between_two_looks_are_seen(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    device = bench.machine.devices[0].values
    device |= {"samples0": "1000:500000 2000:712500", "samples1": "1000:40 2000:99"}
    bench.change()
    bench.values()
    device |= {"samples0": "1000:900000 3000:600000", "samples1": "3000:12"}
    bench.change()
    found = bench.values()
    assert (
        found[f"stoker_gpu_power_peak_watts{{{G0}}}"] == 712.5
    )  # the sample of 1000 was seen before, whatever it says now
    assert found[f"stoker_gpu_utilization_peak_ratio{{{G0}}}"] == pytest.approx(0.99)
    assert found[f"stoker_gpu_utilization_min_ratio{{{G0}}}"] == pytest.approx(0.12)
    bench.change()
    assert (
        bench.values()[f"stoker_gpu_power_peak_watts{{{G0}}}"] == 712.5
    )  # none is newer: no error, and the peak stays
    assert not [series for series in bench.values() if "errors_total{" in series and "call=" in series]


def test_a_gpu_without_samples_has_no_peaks(gpus: Callable[..., GpuBench]) -> None:
    found = one(gpus, "samples0", "samples1")
    assert not [series for series in found if "peak" in series or "min_ratio" in series]
