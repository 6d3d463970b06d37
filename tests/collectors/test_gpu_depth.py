"""What the driver says of a GPU beyond its daily figures: limits, places of errors, settings, links and what it is made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpus import NAMES, GpuBench
from simulator.nvml_simulator import b200, h200
from stoker.collectors.gpu_nvlink import bit_error_ratio

if TYPE_CHECKING:
    from collections.abc import Callable

G0 = NAMES[0]
UNKNOWN = 999


def told(bench: GpuBench, *starts: str) -> dict[str, float]:
    """The series that start so, without the stoker_gpu_ and the GPU's labels."""
    found = {
        series.removeprefix("stoker_gpu_").replace(f"{G0},", "").replace(f"{{{G0}}}", ""): value
        for series, value in bench.values().items()
    }
    return {series: value for series, value in found.items() if series.startswith(starts)}


def with_values(gpus: Callable[..., GpuBench], *without: str, **values: int | str) -> GpuBench:
    bench = gpus(1)
    device = bench.machine.devices[0].values
    device |= values
    for key in without:
        del device[key]
    bench.change()
    return bench


def test_what_the_power_limit_may_be_and_is_set_to(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, power_limit_set=650_000, power_limit_default=700_000)
    assert told(bench, "power_limit_range_watts") == {
        'power_limit_range_watts{limit="min"}': 200,
        'power_limit_range_watts{limit="max"}': 700,
        'power_limit_range_watts{limit="default"}': 700,
        'power_limit_range_watts{limit="set"}': 650,
    }


def test_average_and_instant_power_by_part(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, **{"field185": 500_000, "field186": 600_500, "field186.1": 900_000, "field186.2": -1})
    assert told(bench, "power_average", "power_instant") == {
        'power_average_watts{part="gpu"}': 500,
        'power_instant_watts{part="gpu"}': 600.5,
        'power_instant_watts{part="module"}': 900,
    }


def test_margins_at_which_the_driver_steps_in_may_be_negative(gpus: Callable[..., GpuBench]) -> None:
    assert told(with_values(gpus, field193=-8), "temperature_margin_threshold") == {
        'temperature_margin_threshold_celsius{threshold="shutdown"}': -8,
        'temperature_margin_threshold_celsius{threshold="slowdown"}': -2,
        'temperature_margin_threshold_celsius{threshold="memory_max"}': -11,
        'temperature_margin_threshold_celsius{threshold="gpu_max"}': 0,
    }


def test_memory_errors_by_where_they_were(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, field12=3, field9=4, field28=5, sram0=1, sram1=2, sram5=7, sram7=8, sram_exceeded=1)
    found = told(bench, "ecc_location", "sram")
    assert found['ecc_location_errors_total{location="dram",type="uncorrected",scope="volatile"}'] == 3
    assert found['ecc_location_errors_total{location="l2",type="corrected",scope="volatile"}'] == 4
    assert found['ecc_location_errors_total{location="cbu",type="uncorrected",scope="aggregate"}'] == 5
    assert found['ecc_location_errors_total{location="sram",type="uncorrected",scope="aggregate"}'] == 3
    assert found['ecc_location_errors_total{location="sram",type="corrected",scope="volatile"}'] == 7
    assert found['sram_uncorrected_errors_total{check="sec_ded",scope="aggregate"}'] == 2
    assert found['sram_uncorrected_unit_errors_total{unit="sm"}'] == 8
    assert found["sram_threshold_exceeded"] == 1


def test_a_driver_without_these_fields_is_asked_by_calls(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, "field11", "field12", "field22", "field23", ecc_at2=1, ecc_at112=9)
    assert {series for series in told(bench, "ecc_location") if "dram" in series} == {
        'ecc_location_errors_total{location="dram",type="corrected",scope="volatile"}',
        'ecc_location_errors_total{location="dram",type="uncorrected",scope="aggregate"}',
    }


def test_spare_rows_and_pages_that_wait(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, remap_banks0=3070, remap_banks4=2, retired_pending=1)
    found = told(bench, "remap_banks", "retired_pages_pending")
    assert found['remap_banks{spare="max"}'] == 3070
    assert found['remap_banks{spare="none"}'] == 2
    assert found["retired_pages_pending"] == 1


def test_settings(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, ecc_mode_pending=0, compute_mode=3, persistence=0, gsp=0, mig_pending=1, licensed=0)
    assert told(
        bench, "ecc_enabled", "compute_mode", "persistence_mode", "gsp_enabled", "mig_enabled", "vgpu_licensed"
    ) == {
        'ecc_enabled{when="current"}': 1,
        'ecc_enabled{when="pending"}': 0,
        "compute_mode": 3,
        "persistence_mode": 0,
        'gsp_enabled{when="current"}': 0,
        'gsp_enabled{when="default"}': 1,
        'mig_enabled{when="current"}': 0,
        'mig_enabled{when="pending"}': 1,
        "vgpu_licensed": 0,
    }


@pytest.mark.parametrize("on", [0, 1])
def test_links_between_chips_and_confidential_computing(gpus: Callable[..., GpuBench], on: int) -> None:
    bench = gpus(1)
    assert told(bench, "c2c", "confidential") == {}
    bench.machine.devices[0].values["c2c"] = on
    bench.machine.system |= {"confidential": on, "confidential_ready": on}
    bench.change()
    bench.restart()
    assert told(bench, "c2c", "confidential", "errors") == {
        "c2c_enabled": on,
        "confidential_computing_enabled": on,
        "confidential_computing_ready": on,
    }


def test_a_gpu_that_needs_no_licence_says_nothing_of_one(gpus: Callable[..., GpuBench]) -> None:
    assert told(gpus(1), "vgpu_licensed", "errors_total") == {}


def test_errors_of_the_bus(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, field95=1, field169=2, field173=3, field180=4, field183=5)
    found = told(bench, "pcie_replay_rollovers", "pcie_recoveries", "pcie_errors")
    assert len(found) == 13
    assert found["pcie_replay_rollovers_total"] == 1
    assert found["pcie_recoveries_total"] == 2
    assert found['pcie_errors_total{type="correctable"}'] == 3
    assert found['pcie_errors_total{type="fatal"}'] == 4
    assert found['pcie_errors_total{type="lane"}'] == 5


def test_clocks_that_are_low_for_what_is_no_throttling(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, field77=1_000_000_000, field81=2_500_000_000)
    assert told(bench, "clock_limited_seconds_total") == {
        'clock_limited_seconds_total{policy="board_limit"}': 1,
        'clock_limited_seconds_total{policy="base_clocks"}': 2.5,
    }


def test_memory_that_is_shown_on_the_bus_and_memory_for_confidential_computing(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, bar1_total=900, bar1_used=20, protected_total=1000, protected_used=7)
    assert told(bench, "bar1", "protected") == {
        "bar1_memory_total_bytes": 900,
        "bar1_memory_used_bytes": 20,
        "protected_memory_total_bytes": 1000,
        "protected_memory_used_bytes": 7,
    }


def test_what_the_board_is(gpus: Callable[..., GpuBench]) -> None:
    assert told(with_values(gpus, virtualization=1, numa_node=1), "board_info", "cores", "memory_bus") == {
        'board_info{part_number="900-21010-0040-000",compute_capability="9.0",gsp_firmware="590.48.01",'
        'virtualization="passthrough",numa_node="1"}': 1,
        "cores": 16896,
        "memory_bus_width_bytes": 768,
    }


def test_the_fabric_and_what_is_wrong_with_it(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, fabric_health=0b0101_00_01_10_01, fabric_clique=2, field170=4)
    assert told(bench, "fabric", "c2c") == {
        "fabric_state": 3,
        'fabric_info{fabric="ab000000-0000-0000-0000-000000000000",clique="2"}': 1,
        'fabric_degraded{condition="degraded_bandwidth"}': 1,
        'fabric_degraded{condition="route_recovery"}': 0,
        'fabric_degraded{condition="route_unhealthy"}': 1,
        'fabric_degraded{condition="incorrect_configuration"}': 1,
        "c2c_links": 4,
    }


def test_an_older_driver_tells_only_the_state_of_the_fabric(gpus: Callable[..., GpuBench]) -> None:
    assert told(with_values(gpus, "fabric_health", fabric=2), "fabric") == {"fabric_state": 2}


def test_what_the_links_are_and_how_fast(gpus: Callable[..., GpuBench]) -> None:
    found = told(with_values(gpus, link_remote1=0), "nvlink_info", "nvlink_speed")
    assert found['nvlink_info{link="0",version="7",remote="switch"}'] == 1
    assert found['nvlink_info{link="1",version="7",remote="gpu"}'] == 1
    assert found['nvlink_speed_bytes_per_second{link="17"}'] == 26562e6 / 8
    assert len(found) == 36


def test_link_errors_come_from_fields_where_the_driver_has_them(gpus: Callable[..., GpuBench]) -> None:
    fields = {f"field{number}.4": number for number in (161, 162, 163)}
    found = told(with_values(gpus, **fields, link_errors43=1, link_errors40=99), "nvlink_errors")
    assert {series: value for series, value in found.items() if 'link="4"' in series} == {
        'nvlink_errors_total{link="4",type="replay"}': 161,
        'nvlink_errors_total{link="4",type="recovery"}': 162,
        'nvlink_errors_total{link="4",type="crc_flit"}': 163,
        'nvlink_errors_total{link="4",type="crc_data"}': 1,
    }


def blackwell(gpus: Callable[..., GpuBench], **values: int) -> GpuBench:
    bench = gpus(1)
    bench.machine.devices[:] = [b200(0)]
    bench.machine.devices[0].values |= values
    bench.change()
    return bench


def test_links_of_blackwell_are_told_each_by_itself(gpus: Callable[..., GpuBench]) -> None:
    bench = blackwell(
        gpus, **{"field202.3": 77, "field214.3": 2, "field213.3": 5, "field221.3": 9, "field222.3": 0x0F0C}
    )
    found = told(bench, "nvlink")
    assert found['nvlink_link_bytes_total{link="3",direction="tx"}'] == 77
    assert found['nvlink_recoveries_total{link="3",result="failed"}'] == 2
    assert found['nvlink_recoveries_total{link="3",result="successful"}'] == 5
    assert found['nvlink_port_errors_total{link="3",type="symbol"}'] == 9
    assert found['nvlink_bit_error_ratio{link="3",type="symbol"}'] == pytest.approx(15e-12)
    assert found['nvlink_corrected_blocks_total{symbols="0"}'] == 18 << 40
    assert found['nvlink_corrected_blocks_total{symbols="15"}'] == 18
    assert not [series for series in found if series.startswith("nvlink_errors_total")]


def test_corrections_do_not_go_back_when_a_link_goes_down(gpus: Callable[..., GpuBench]) -> None:
    bench = blackwell(gpus)
    before = told(bench, "nvlink_corrected")
    bench.machine.devices[0].values["link5"] = 0
    bench.change()
    assert told(bench, "nvlink_corrected") == before
    assert told(bench, 'nvlink_link_bytes_total{link="5"') == {}


def test_a_link_that_comes_up_late_tells_all_that_the_others_tell(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    whole = b200(0)
    device = b200(0)
    device.values = {key: value for key, value in device.values.items() if not key.endswith(".5")} | {"link5": 0}
    bench.machine.devices[:] = [device]
    bench.change()
    assert told(bench, 'nvlink_link_bytes_total{link="5"') == {}
    bench.machine.devices[:] = [whole]
    bench.change()
    assert len(told(bench, 'nvlink_link_bytes_total{link="5"')) == 2


@pytest.mark.parametrize(("packed", "ratio"), [(0, 0.0), (0x0105, 1e-5), (0x0F0F, 15e-15), (0x0CFF, 12e-255)])
def test_a_bit_error_ratio_is_unpacked(packed: int, ratio: float) -> None:
    assert bit_error_ratio(packed) == pytest.approx(ratio)


def test_a_field_that_cannot_be_read_is_left_out_counted_and_asked_again(gpus: Callable[..., GpuBench]) -> None:
    bench = with_values(gpus, field_error95=UNKNOWN)
    assert told(bench, "pcie_replay_rollovers", "errors_total") == {
        'errors_total{call="nvmlDeviceGetFieldValues",error="UNKNOWN"}': 1
    }
    del bench.machine.devices[0].values["field_error95"]
    bench.change()
    assert told(bench, "pcie_replay_rollovers") == {"pcie_replay_rollovers_total": 0}


def test_a_mig_instance_says_what_it_is_and_what_failed_in_it(gpus: Callable[..., GpuBench]) -> None:
    values: dict[str, int | str] = {
        "gpu_instance": 7,
        "compute_instance": 0,
        "uuid": "MIG-1",
        "name": "NVIDIA H200 MIG 1g.18gb",
        "multiprocessors": 16,
        "ecc_at107": 3,
        "compute": "11:500:7:0 12:6:7:0",
    }
    bench = with_values(gpus, mig=1, **{f"mig2.{key}": value for key, value in values.items()})
    instance = 'gpu_instance="7",compute_instance="0"'
    found = told(bench, "instance", "ecc_errors", "errors_total", "processes{")
    assert found[f'instance_info{{{instance},instance_uuid="MIG-1",name="NVIDIA H200 MIG 1g.18gb"}}'] == 1
    assert found[f"instance_multiprocessors{{{instance}}}"] == 16
    assert found[f'ecc_errors_total{{{instance},type="uncorrected",scope="volatile"}}'] == 3
    assert found['ecc_errors_total{type="uncorrected",scope="volatile"}'] == 0
    assert found[f'processes{{{instance},type="compute"}}'] == 2
    assert found['processes{type="compute"}'] == 3  # and one of which only the GPU tells
    assert not [series for series in found if series.startswith("errors_total")]


def test_a_gpu_that_has_nothing_of_it_fails_at_nothing(gpus: Callable[..., GpuBench]) -> None:
    """As a virtual machine of Windows shows it to Linux, or an old board: identity, memory, use and little more."""
    bench = gpus(1)
    kept = ("name", "uuid", "pci", "memory_total", "memory_used", "utilization", "memory_utilization", "temperature")
    bench.machine.devices[0].values = {key: h200(0).values[key] for key in kept}
    bench.change()
    reading = bench.collect()
    assert reading.failures == []
    assert {sample.desc.name for sample in reading.samples if sample.desc.labels[:1] == ("gpu",)} == {
        "stoker_gpu_up",
        "stoker_gpu_info",
        "stoker_gpu_utilization_ratio",
        "stoker_gpu_memory_controller_utilization_ratio",
        "stoker_gpu_memory_total_bytes",
        "stoker_gpu_memory_used_bytes",
        "stoker_gpu_memory_free_bytes",
        "stoker_gpu_temperature_celsius",
        "stoker_gpu_xid_unwatched_seconds_total",
    }
