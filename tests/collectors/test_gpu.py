"""The GPU collector as a whole: what it declares, what it leaves out, and what one bad part costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpus import NAMES, GpuBench
from simulator.nvml_simulator import uuid_of
from stoker.collectors.gpu import GPU_DESCS, Gpus, Part, gpu_collectors
from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stoker.collectors.collector import Reading
    from stoker.metrics import Sample
    from stoker.sources.nvml_values import Gpu


@pytest.mark.parametrize("count", [2, 8])
def test_each_healthy_gpu_has_the_same_series_all_declared_and_none_twice(
    gpus: Callable[..., GpuBench], count: int
) -> None:
    bench = gpus(count)
    reading = bench.collect()
    assert reading.failures == []
    shapes: dict[str, set[tuple[str, tuple[str, ...]]]] = {}
    for sample in reading.samples:
        assert sample.desc in GPU_DESCS
        assert len(sample.labels) == len(sample.desc.labels)
        if sample.desc.labels[:2] == ("gpu", "uuid") and sample.desc.name not in (
            "stoker_gpu_info",
            "stoker_gpu_process_memory_bytes",
            "stoker_gpu_process_utilization_ratio",
        ):
            shapes.setdefault(sample.labels[1], set()).add((sample.desc.name, sample.labels[2:]))
    assert set(shapes) == {uuid_of(index) for index in range(count)}
    first, *others = shapes.values()
    assert len(first) > 100
    assert all(other == first for other in others)


def test_gpu_and_uuid_come_first_wherever_a_metric_has_them() -> None:
    for desc in GPU_DESCS:
        if "uuid" in desc.labels:
            assert desc.labels[:2] == ("gpu", "uuid"), desc.name
        if "gpu_instance" in desc.labels:
            assert desc.labels[2:4] == ("gpu_instance", "compute_instance"), desc.name


def test_how_many_gpus_there_are_is_told_three_times(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(3)
    bench.bus(*((f"0000:{bus}:00.0", "0x10de", "0x030200", "nvidia") for bus in ("11", "21", "31", "41")))
    bench.collect()
    bench.remove(2)
    found = bench.values()
    assert found["stoker_gpu_devices"] == 2
    assert found["stoker_gpu_pci_devices"] == 4
    assert found["stoker_gpu_devices_boot_max"] == 3
    assert found[f"stoker_gpu_up{{{NAMES[0]}}}"] == 1
    assert found[f"stoker_gpu_up{{{NAMES[2]}}}"] == 0


def test_a_gpu_that_is_down_has_its_name_and_nothing_else(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.values()  # activity is known from the second look on
    before = bench.values()
    bench.machine.devices[1].lose()
    bench.change()
    found = bench.values()
    of_it = [series for series in found if uuid_of(1) in series]
    lost = f'stoker_gpu_errors_total{{{NAMES[1]},call="nvmlDeviceGetHandleByIndex",error="GPU_IS_LOST"}}'
    assert sorted(series.partition("{")[0] for series in of_it) == [
        "stoker_gpu_errors_total",
        "stoker_gpu_info",
        "stoker_gpu_up",
        "stoker_gpu_xid_unwatched_seconds_total",
    ]
    assert found[lost] == 1
    of_other = [series for series in found if uuid_of(0) in series]
    assert of_other == [series for series in before if uuid_of(0) in series]


def test_without_a_driver_nothing_is_said_unless_gpus_are_required(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    (bench.folder / "proc/driver/nvidia/version").unlink()
    bench.machine.system["error.nvmlInit"] = 9
    bench.change()
    with pytest.raises(UnavailableError):
        bench.collect()
    with pytest.raises(SourceError) as raised:
        bench.collect(required=True)
    assert not isinstance(raised.value, UnavailableError)


def test_a_part_that_breaks_costs_only_its_own_series(
    gpus: Callable[..., GpuBench], caplog: pytest.LogCaptureFixture
) -> None:
    def broken(gpu: Gpu) -> Iterator[Sample]:
        raise KeyError(gpu.gpu)

    bench = gpus(2)
    (whole,) = gpu_collectors(bench.gate)
    assert isinstance(whole, Gpus)
    whole.collect()
    collector = Gpus(bench.gate, (Part("broken", (), broken), *whole._parts), wholes=whole._wholes)
    reading: Reading = collector.collect()
    assert reading.failures == ["GPU 0: broken: KeyError: '0'", "GPU 1: broken: KeyError: '1'"]
    assert len(reading.samples) == len(whole.collect().samples)
    collector.collect()
    assert [record.message for record in caplog.records] == ["collector=gpu part=broken of=GPU 0"]  # once
