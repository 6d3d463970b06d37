"""Whose GPU it is: workloads, pods with and without processes, what each process uses, and memory that nobody owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gpus import NAMES, GpuBench
from kubelet import Given, Kubelet, answer, listed
from machines import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

G0, G1 = NAMES[0], NAMES[1]
UUID0 = G0.rpartition('uuid="')[2].rstrip('"')
ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
OTHER = "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2"
POD = "22fd933a-ee61-46bd-93ae-ebace73c1160"
IN_POD = f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{ID}.scope\n"
SLURM = "0::/system.slice/slurmstepd.scope/job_812/step_0/user/task_0\n"
DOCKER = f"0::/system.slice/docker-{OTHER}.scope\n"


def series(found: dict[str, float], name: str, gpu: str = G0) -> dict[str, float]:
    """Of one metric and GPU, by the rest of their labels."""
    begin = f"stoker_gpu_{name}{{{gpu}"
    return {key[len(begin) :].strip(",}"): value for key, value in found.items() if key.startswith(begin)}


@pytest.fixture
def bench(gpus: Callable[..., GpuBench]) -> GpuBench:
    found = gpus(2)
    found.machine.devices[1].values["compute"] = ""
    return found


@pytest.fixture
def kubelet(bench: GpuBench) -> Iterator[list[Given]]:
    """What the kubelet gave to whom; the test changes it."""
    given: list[Given] = []
    server = Kubelet(bench.folder / "kubelet.sock", lambda: answer(listed(given)))
    yield given
    server.close()
    assert server.wrong == []


def have(bench: GpuBench, *processes: str, gpu: int = 0, **values: int | str) -> None:
    bench.machine.devices[gpu].values |= {"compute": " ".join(processes), "graphics": ""} | values
    bench.change()


def test_each_process_is_told_with_its_job_pod_or_container(bench: GpuBench) -> None:
    bench.process(11, "python3.11", group=SLURM)
    bench.process(12, "vllm", group=IN_POD)
    bench.process(13, "train", group=DOCKER)
    bench.process(14, "a.out")
    have(bench, "11:500", "12:400", "13:300", "14:200")
    found = bench.values()
    assert series(found, "process_memory_bytes") == {
        'pid="11",command="python3.11",slurm_job="812"': 500,
        f'pid="12",command="vllm",pod="{POD}",container="{ID[:12]}"': 400,
        f'pid="13",command="train",container="{OTHER[:12]}"': 300,
        'pid="14",command="a.out"': 200,
    }
    assert series(found, "workload_info") == {
        'workload="812",kind="slurm"': 1,
        f'workload="{POD}",kind="pod"': 1,
        f'workload="{OTHER[:12]}",kind="container"': 1,
        'workload="a.out",kind="command"': 1,
    }
    assert series(found, "workload_info", G1) == {}
    assert found["stoker_gpu_processes_visible"] == 1
    assert "stoker_gpu_kubelet_up" not in found


def test_many_processes_of_a_workload_are_one_series(bench: GpuBench) -> None:
    for pid in range(100, 140):
        bench.process(pid, "python3.11", group=SLURM)
    have(bench, *(f"{pid}:1" for pid in range(100, 140)))
    assert series(bench.values(), "workload_info") == {'workload="812",kind="slurm"': 1}


def test_a_pod_is_called_by_its_name_where_its_log_has_a_link(bench: GpuBench) -> None:
    bench.process(12, "vllm", group=IN_POD)
    write(bench.folder, {f"containers/chat-7d9_ml_server-{ID}.log": ""})
    have(bench, "12:400")
    found = bench.values()
    assert series(found, "process_memory_bytes") == {
        'pid="12",command="vllm",namespace="ml",pod="chat-7d9",container="server"': 400
    }
    assert series(found, "workload_info") == {'workload="ml/chat-7d9",kind="pod"': 1}


def test_the_kubelet_names_the_pod_of_a_process_and_one_without_any(bench: GpuBench, kubelet: list[Given]) -> None:
    uuid1 = bench.machine.devices[1].values["uuid"]
    kubelet += [Given("ml", "trainer-0", "main", (UUID0,)), Given("dev", "notebook", "lab", (str(uuid1),))]
    bench.process(12, "python3.11", group=IN_POD)
    have(bench, "12:400")
    found = bench.values()
    assert found["stoker_gpu_kubelet_up"] == 1
    assert series(found, "process_memory_bytes") == {
        'pid="12",command="python3.11",namespace="ml",pod="trainer-0",container="main"': 400
    }
    assert series(found, "workload_info") == {'workload="ml/trainer-0",kind="pod"': 1}
    assert series(found, "workload_info", G1) == {'workload="dev/notebook",kind="pod"': 1}
    assert series(found, "pod_info", G1) == {'namespace="dev",pod="notebook",container="lab"': 1}


def test_pods_that_share_a_gpu_are_told_apart_or_not_guessed(bench: GpuBench, kubelet: list[Given]) -> None:
    kubelet += [Given("ml", name, "main", (f"{UUID0}::{number}",)) for number, name in enumerate("ab")]
    bench.process(12, "x", group=IN_POD)
    have(bench, "12:400")
    assert series(bench.values(), "workload_info") == {
        f'workload="{POD}",kind="pod"': 1,
        'workload="ml/a",kind="pod"': 1,
        'workload="ml/b",kind="pod"': 1,
    }
    write(bench.folder, {f"containers/b_ml_main-{ID}.log": ""})
    assert series(bench.values(), "workload_info") == {
        'workload="ml/a",kind="pod"': 1,
        'workload="ml/b",kind="pod"': 1,
    }


def test_mig_instances_have_workloads_and_pods_of_their_own(bench: GpuBench, kubelet: list[Given]) -> None:
    mig: dict[str, int | str] = {"mig": 1}
    for number, instance in enumerate((7, 9)):
        mig |= {f"mig{number}.gpu_instance": instance, f"mig{number}.compute_instance": 0}
        mig |= {f"mig{number}.memory_{key}": size for key, size in (("total", 9), ("used", 4), ("reserved", 1))}
        mig[f"mig{number}.uuid"] = f"MIG-9a1c3b5e-0000-5000-8000-00000000000{number}"
    kubelet += [
        Given("ml", "new", "main", (str(mig["mig1.uuid"]),), "nvidia.com/mig-1g.10gb"),
        Given("ml", "old", "main", (f"MIG-{UUID0}/7/0",), "nvidia.com/mig-1g.10gb"),
    ]
    bench.process(11, "python3.11", group=SLURM)
    bench.machine.devices[0].values |= mig
    have(bench, "11:300:7:0")
    found = bench.values()
    assert series(found, "workload_info") == {
        'gpu_instance="7",compute_instance="0",workload="812",kind="slurm"': 1,
        'gpu_instance="7",compute_instance="0",workload="ml/old",kind="pod"': 1,
        'gpu_instance="9",compute_instance="0",workload="ml/new",kind="pod"': 1,
    }
    assert len(series(found, "pod_info")) == 2


def instances(bench: GpuBench, *lists: str, **whole: int | str) -> None:
    """Put the first GPU into MIG mode, with an instance for each of these lists of processes."""
    values = bench.machine.devices[0].values
    values |= {"mig": 1, "compute": "", "graphics": "", **whole}
    for number, processes in enumerate(lists):
        own: dict[str, int | str] = {"gpu_instance": 7 + number, "compute_instance": 0}
        own |= {"compute": processes, "graphics": ""}
        values |= {f"mig{number}.{key}": value for key, value in own.items()}
    bench.change()


@pytest.mark.parametrize(
    "whole",
    [
        {"compute": "11:500:7:0 12:600:8:0"},
        {"compute": "11:500 12:600"},  # without its instance, or with a half of it
        {"compute": "11:500:7 12:600:8"},
        {"compute": "11:1:7:0", "graphics": "12:2"},
        {"compute": ""},
        {"private": 1},
    ],
)
def test_a_process_of_an_instance_is_told_once_with_its_instance_whoever_lists_it(
    bench: GpuBench, whole: dict[str, int | str]
) -> None:
    for pid, command in ((11, "train"), (12, "serve")):
        bench.process(pid, command)
    instances(bench, "11:500:7:0", "12:600:8:0", **whole)
    found = bench.values()
    told = {series: value for series, value in found.items() if series.startswith("stoker_gpu_process_memory_bytes")}
    labels = 'gpu_instance="{}",compute_instance="0",pid="{}",command="{}"'
    assert told == {
        f"stoker_gpu_process_memory_bytes{{{G0},{labels.format(7, 11, 'train')}}}": 500,
        f"stoker_gpu_process_memory_bytes{{{G0},{labels.format(8, 12, 'serve')}}}": 600,
    }
    assert found[f'stoker_gpu_processes{{{G0},type="compute"}}'] == 2
    assert {series for series in found if series.startswith("stoker_gpu_workload_info")} == {
        f'stoker_gpu_workload_info{{{G0},gpu_instance="{number}",compute_instance="0",workload="{name}",kind="command"}}'
        for number, name in ((7, "train"), (8, "serve"))
    }
    assert bench.gate.processes() == frozenset({11, 12})
    assert not [series for series in found if series.startswith("stoker_gpu_errors_total")]


def test_where_an_instance_tells_nothing_of_processes_none_of_the_gpu_are_told_without_its_own_list(
    bench: GpuBench,
) -> None:
    instances(bench, "11:500:7:0", "12:600:8:0", private=1)
    del bench.machine.devices[0].values["mig1.compute"]
    bench.change()
    found = bench.values()
    assert f'stoker_gpu_processes{{{G0},type="compute"}}' not in found
    assert found[f'stoker_gpu_processes{{{G0},type="graphics"}}'] == 0


def test_what_each_process_uses_and_nothing_of_one_that_did_nothing(bench: GpuBench) -> None:
    have(bench, "11:500", "12:400", process_use="11:5000000:80:40:10:5 11:5100000:60:20:0:5 0:5100000:9:9:9:9")
    use = series(bench.values(), "process_utilization_ratio")
    assert use == {
        'pid="11",unit="sm"': pytest.approx(0.7),
        'pid="11",unit="memory"': pytest.approx(0.3),
        'pid="11",unit="encoder"': pytest.approx(0.05),
        'pid="11",unit="decoder"': pytest.approx(0.05),
        **{f'pid="12",unit="{unit}"': 0 for unit in ("sm", "memory", "encoder", "decoder")},
    }
    # a process of which there are fewer samples did nothing in the others
    have(bench, "11:500", "12:400", process_use="11:6000000:60:0:0:0 11:6100000:60:0:0:0 12:6100000:40:0:0:0")
    use = series(bench.values(), "process_utilization_ratio")
    assert (use['pid="11",unit="sm"'], use['pid="12",unit="sm"']) == pytest.approx((0.6, 0.2))
    # the driver still has the samples, and they are not new any more
    assert set(series(bench.values(), "process_utilization_ratio").values()) == {0}
    have(bench, "11:500", "12:400", process_use="11:6100000:60:20:0:5 12:6200000:30:1:0:0 13:6200000:4000000000:1:0:0")
    use = series(bench.values(), "process_utilization_ratio")
    assert use['pid="11",unit="sm"'] == 0
    assert use['pid="12",unit="sm"'] == pytest.approx(0.3)
    assert len(use) == 8


def test_the_use_of_processes_is_left_out_where_it_is_not_told(bench: GpuBench) -> None:
    have(bench, "11:500")
    found = bench.values()
    assert series(found, "process_utilization_ratio") == {}
    assert not [each for each in found if each.startswith("stoker_gpu_errors_total{")]
    have(bench, "11:500", process_use="11:5:80:40:10:5", **{"error.nvmlDeviceGetProcessUtilization": 4})
    found = bench.values()
    assert series(found, "process_utilization_ratio") == {}


def test_a_clock_that_was_set_back_does_not_silence_the_samples(bench: GpuBench) -> None:
    have(bench, "11:500", process_use="11:99999999999999999:80:40:10:5")
    assert series(bench.values(), "process_utilization_ratio")['pid="11",unit="sm"'] == pytest.approx(0.8)
    have(bench, "11:500", process_use="11:5000000:50:40:10:5")
    assert series(bench.values(), "process_utilization_ratio")['pid="11",unit="sm"'] == pytest.approx(0.5)


def test_a_process_that_is_no_longer_listed_leaves_nothing_behind(bench: GpuBench) -> None:
    bench.process(11, "train", group=SLURM)
    have(bench, "11:500", process_use="11:5000000:80:40:10:5")
    assert len([key for key in bench.values() if 'pid="11"' in key or '"812"' in key]) > 2
    have(bench, process_use="")
    charged = "stoker_gpu_workload_"  # what it has used stays
    assert not [key for key in bench.values() if ('pid="11"' in key or '"812"' in key) and not key.startswith(charged)]


def test_memory_of_processes_that_ended_and_without_any_process(bench: GpuBench) -> None:
    bench.process(11, "train")
    bench.process(12, "train", state="Z")
    have(bench, "11:500", "12:400", "13:300", memory_used=1_000_001_200)
    found = bench.values()
    assert series(found, "memory_unowned_bytes") == {
        'owner="ended"': 700,
        'owner="unseen"': 0,
        'owner="none"': 1_000_000_000,
    }
    have(bench, gpu=1, memory_used=5)
    assert series(bench.values(), "memory_unowned_bytes", G1) == {
        'owner="ended"': 0,
        'owner="unseen"': 0,
        'owner="none"': 5,
    }


def test_in_a_container_nobody_is_said_to_have_ended(bench: GpuBench) -> None:
    link = bench.folder / "proc/self/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532198]")
    bench.process(12, "train")
    have(bench, "12:400", "13:300", memory_used=1000)
    found = bench.values()
    assert found["stoker_gpu_processes_visible"] == 0
    assert series(found, "memory_unowned_bytes") == {'owner="ended"': 0, 'owner="unseen"': 1000}
    assert series(found, "workload_info") == {}
    assert set(series(found, "process_memory_bytes")) == {'pid="12"', 'pid="13"'}


def test_memory_that_is_not_told_is_not_called_unowned(bench: GpuBench) -> None:
    bench.process(11, "train")
    have(bench, "11", memory_used=1000)
    found = bench.values()
    assert 'owner="none"' not in series(found, "memory_unowned_bytes")
    assert series(found, "workload_info") == {'workload="train",kind="command"': 1}
    have(bench, "11:5")
    del bench.machine.devices[0].values["memory_reserved"]  # an older driver: what it keeps for itself counts as used
    bench.change()
    assert 'owner="none"' not in series(bench.values(), "memory_unowned_bytes")


def test_two_thousand_processes_cost_the_limit_and_no_more(bench: GpuBench) -> None:
    for pid in range(1000, 3000):
        bench.process(pid, f"program{pid}")
    have(bench, *(f"{pid}:{pid}" for pid in range(1000, 3000)), process_use="1000:5:1:1:1:1")
    found = bench.values()
    assert len(series(found, "process_memory_bytes")) == 200
    assert len(series(found, "process_utilization_ratio")) == 800
    assert len(series(found, "workload_info")) == 200
    assert found[f"stoker_gpu_processes_over_limit{{{G0}}}"] == 1800
    assert found[f'stoker_gpu_processes{{{G0},type="compute"}}'] == 2000
    assert 'pid="2999",command="program2999"' in series(found, "process_memory_bytes")
    seconds = {key for key in found if key.startswith("stoker_gpu_workload_seconds_total")}
    assert len(seconds) == 2 * 1001  # a thousand of their own, and the others


@pytest.mark.parametrize("name", ['evil"} 1\nup 0', "训练", "b\udcff"])
def test_odd_names_are_one_series_each(bench: GpuBench, name: str) -> None:
    bench.process(11, name)
    have(bench, "11:5")
    told = name.replace("\udcff", "\ufffd")
    assert series(bench.values(), "workload_info") == {f'workload="{told}",kind="command"': 1}
