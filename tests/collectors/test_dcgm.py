"""GPUs under the names of dcgm-exporter: its labels and units, from what is exposed anyway."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator import nvml_simulator as simulator
from stoker.collectors import gpu_processes, gpu_xid
from stoker.collectors.dcgm import Dcgm
from stoker.collectors.dcgm_names import FIELDS, LABELS, XID
from stoker.metrics import Kind, Sample
from stoker.server.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gpus import GpuBench

UUID = simulator.uuid_of(0)
ABOUT = (
    f'gpu="0",UUID="{UUID}",pci_bus_id="00000000:11:00.0",device="nvidia0",modelName="NVIDIA H200 (simulated)",'
    'Hostname="node-1",DCGM_FI_DRIVER_VERSION="590.48.01"'
)
DEFAULT = [
    "SM_CLOCK",
    "MEM_CLOCK",
    "MEMORY_TEMP",
    "GPU_TEMP",
    "POWER_USAGE",
    "TOTAL_ENERGY_CONSUMPTION",
    "PCIE_REPLAY_COUNTER",
    "GPU_UTIL",
    "MEM_COPY_UTIL",
    "ENC_UTIL",
    "DEC_UTIL",
    "XID_ERRORS",
    "FB_FREE",
    "FB_USED",
    "FB_RESERVED",
    "NVLINK_BANDWIDTH_TOTAL",
    "UNCORRECTABLE_REMAPPED_ROWS",
    "CORRECTABLE_REMAPPED_ROWS",
    "ROW_REMAP_FAILURE",
]
PROFILING = ["GR_ENGINE_ACTIVE", "PIPE_TENSOR_ACTIVE", "DRAM_ACTIVE", "PCIE_TX_BYTES", "PCIE_RX_BYTES"]


def page(samples: Sequence[Sample], *, openmetrics: bool = False) -> dict[str, str]:
    lines = Exposition().render(samples, openmetrics=openmetrics).decode().splitlines()
    return dict(line.rpartition(" ")[::2] for line in lines if not line.startswith("# EOF"))


class Twice:
    """A machine that was looked at twice, ten seconds apart."""

    def __init__(self, bench: GpuBench, change: dict[str, Any], more: Sequence[Sample] = ()) -> None:
        view = Dcgm("node-1")
        view.read(bench.collect().samples, 100.0)
        bench.machine.devices[0].values |= change
        bench.change()
        self.samples = view.read([*bench.collect().samples, *more], 110.0)
        self.page = page(self.samples)


def test_what_dcgm_exporter_shows_by_default_has_its_names_labels_and_units(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    found = Twice(bench, {"field197": 1_000_000_050, "field138": 5_000_000 + 10_240_000}).page
    names = [f"DCGM_FI_DEV_{name}" for name in DEFAULT] + [f"DCGM_FI_PROF_{name}" for name in PROFILING]
    shown = {series.removesuffix(f"{{{ABOUT}}}"): value for series, value in found.items() if series[0] != "#"}
    assert [name for name in names if name not in shown] == []
    wanted = {
        "DEV_SM_CLOCK": "1980",
        "DEV_MEM_CLOCK": "3201",
        "DEV_GPU_TEMP": "52",
        "DEV_MEMORY_TEMP": "40",
        "DEV_POWER_USAGE": "626",
        "DEV_TOTAL_ENERGY_CONSUMPTION": "12345678900",
        "DEV_GPU_UTIL": "97",
        "DEV_MEM_COPY_UTIL": "61",
        "DEV_FB_USED": "92160",
        "DEV_FB_RESERVED": "614",
        "DEV_XID_ERRORS": "0",
        "DEV_ROW_REMAP_FAILURE": "0",
        "DEV_POWER_VIOLATION": "7500000000",
        "DEV_CLOCKS_EVENT_REASONS": "4",
        "DEV_NVLINK_BANDWIDTH_TOTAL": "1024",  # 10,240,000 KiB in 10 s: 1,024,000 KiB a second
        "PROF_PCIE_TX_BYTES": "5",
        "PROF_GR_ENGINE_ACTIVE": "0.96",
    }
    assert {name: shown[f"DCGM_FI_{name}"] for name in wanted} == wanted
    assert found["# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"] == "counter"
    assert found["# TYPE DCGM_FI_DEV_GPU_TEMP"] == "gauge"


def test_an_instance_takes_the_place_of_its_gpu_where_it_tells_the_value_itself(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    values = bench.machine.devices[0].values
    values["mig"] = 1
    for number, (instance, compute) in enumerate(((1, 0), (1, 1), (7, 0))):
        values |= {f"mig{number}.gpu_instance": instance, f"mig{number}.compute_instance": compute}
        values |= {
            f"mig{number}.memory_{key}": each << 20 for key, each in (("total", 9), ("used", 4), ("reserved", 1))
        }
        values |= {f"mig{number}.uuid": f"MIG-{number}", f"mig{number}.name": "NVIDIA H200 MIG 1c.3g.71gb"}
    bench.change()
    found = Twice(bench, {}).page
    used = sorted(series for series in found if series.startswith("DCGM_FI_DEV_FB_USED"))
    profile = 'GPU_I_PROFILE="3g.71gb",GPU_I_ID="{}"'
    assert used == [
        f"DCGM_FI_DEV_FB_USED{{{ABOUT.replace('Hostname', profile.format(number) + ',Hostname')}}}" for number in (1, 7)
    ]
    assert found[used[0]] == "4"
    assert f"DCGM_FI_DEV_POWER_USAGE{{{ABOUT}}}" in found


def test_the_last_xid_is_told_by_its_code(gpus: Callable[..., GpuBench]) -> None:
    when = [(1000.0, "94"), (3000.0, "79"), (2000.0, "31")]
    more = [Sample(gpu_xid.XID_LAST, ("0", UUID, code, ""), at) for at, code in when]
    assert Twice(gpus(1), {}, more).page[f"DCGM_FI_DEV_XID_ERRORS{{{ABOUT}}}"] == "79"


def test_a_pod_is_told_where_it_has_the_gpu_alone(gpus: Callable[..., GpuBench]) -> None:
    def process(pid: str, pod: str) -> Sample:
        told = {"gpu": "0", "uuid": UUID, "pid": pid, "namespace": "ml", "pod": pod, "container": "main"}
        labels = gpu_processes.MEMORY.labels
        return Sample(gpu_processes.MEMORY, tuple(told.get(label, "") for label in labels), 1.0)

    alone = Twice(gpus(1), {}, [process("1", "a"), process("2", "a")]).page
    assert f'DCGM_FI_DEV_GPU_UTIL{{{ABOUT},container="main",namespace="ml",pod="a"}}' in alone
    shared = Twice(gpus(1), {}, [process("1", "a"), process("2", "b")]).page
    assert f"DCGM_FI_DEV_GPU_UTIL{{{ABOUT}}}" in shared


def test_a_rate_needs_two_readings_and_a_counter_that_did_not_begin_again(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    view = Dcgm("node-1")
    sent = f"DCGM_FI_PROF_PCIE_TX_BYTES{{{ABOUT}}}"
    assert sent not in page(view.read(bench.collect().samples, 100.0))
    bench.machine.devices[0].values["field197"] = 1_000_002_000
    bench.change()
    second = bench.collect().samples
    assert sent not in page(view.read(second, 0.0))  # when it was read is not known
    for _ in range(2):  # a second scrape of the same reading says the same
        assert page(view.read(second, 120.0))[sent] == "100"
    bench.machine.devices[0].values["field197"] = 5
    bench.change()
    assert sent not in page(view.read(bench.collect().samples, 130.0))


def test_a_gpu_that_is_lost_has_no_values(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(2)
    bench.collect()
    bench.machine.devices[0].lose()
    bench.change()
    found = page(Dcgm("node-1").read(bench.collect().samples, 1.0))
    assert [name for name in found if UUID in name] == [f"DCGM_FI_DEV_XID_ERRORS{{{ABOUT}}}"]


def test_openmetrics_has_no_counter_that_does_not_end_in_total(gpus: Callable[..., GpuBench]) -> None:
    found = page(Twice(gpus(1), {}).samples, openmetrics=True)
    assert found["# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"] == "unknown"


def test_the_table_is_sound() -> None:
    names = [field.desc.name for field in FIELDS] + [XID.name]
    assert len(set(names)) == len(names)
    for field in FIELDS:
        assert set(field.match) <= set(field.source.labels), field.desc.name
        assert field.desc.labels == LABELS
        rises = field.source.kind is Kind.COUNTER and not field.rate
        if not field.desc.name.endswith(("RETIRED_PENDING", "NVLINK_BANDWIDTH_TOTAL")):  # called so by dcgm-exporter
            assert (field.desc.kind is Kind.COUNTER) == rises, field.desc.name
