"""Every metric of GPUs that the reference names comes from a machine that has all of it, through a compiled library and the real binding."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from kubelet import Given, Kubelet, answer, listed
from simulator.nvml_simulator import b200, h200, uuid_of
from stoker.collectors.gpu import gpu_collectors
from stoker.server.exposition import Exposition

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench

REFERENCE = Path(__file__).resolve().parents[2] / "docs/reference/metrics.md"
OF_LOGS = {"stoker_gpu_xid_errors_total", "stoker_gpu_xid_last_timestamp_seconds"}
"""Counted by the log store: tests/logs/test_gpu_events.py, test_readers_kernel.py."""
UNKNOWN = 999


def named() -> set[str]:
    """The names that a user reads."""
    names = re.findall(r"^\| (stoker_gpu_\w+) \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(names) > 100
    return set(names)


def full(gpus: Callable[..., GpuBench]) -> GpuBench:
    """A Hopper with instances, a Blackwell whose links tell more, one before Ampere that retires pages, and a failing call."""
    bench = gpus(1)
    hopper, blackwell, old = h200(0), b200(1), h200(2)
    mig: dict[str, int | str] = {"gpu_instance": 7, "compute_instance": 0, "uuid": "MIG-1", "name": "MIG 1g.18gb"}
    mig |= {"multiprocessors": 16, "memory_total": 9, "memory_used": 4, "memory_reserved": 1, "compute": "12:3"}
    hopper.values |= {"mig": 1, "c2c": 1, "field170": 4, "protected_total": 9, "protected_used": 1, "numa_node": 0}
    hopper.values |= {f"mig0.{key}": value for key, value in mig.items()}
    blackwell.values |= {"fan": 40, "licensed": 1, "compute": "11:500", "process_use": "11:5000000:80:40:10:5"}
    blackwell.values |= {f"field{number}": 1 for number in (203, 205)}
    old.values |= {"retired0": 2, "retired1": 1, "retired_pending": 0, "field77": 1}
    old.fails("nvmlDeviceGetJpgUtilization", UNKNOWN)
    bench.machine.devices[:] = [hopper, blackwell, old]
    bench.machine.system |= {"confidential": 1, "confidential_ready": 1}
    bench.bus(("0000:11:00.0", "0x10de", "0x030200", "nvidia"))
    for pid, command in ((11, "train"), (12, "serve")):
        bench.process(pid, command)
    bench.change()
    return bench


def test_every_metric_of_the_reference_is_exposed_by_a_machine_that_has_it(gpus: Callable[..., GpuBench]) -> None:
    bench = full(gpus)
    kubelet = Kubelet(
        bench.folder / "kubelet.sock", lambda: answer(listed([Given("ml", "lab", "main", (uuid_of(2),))]))
    )
    (collector,) = gpu_collectors(bench.gate, pods=bench.pods)
    for _ in range(2):  # what is between two looks is told by the second one
        bench.clock.now += 15
        page = Exposition().render(collector.collect().samples).decode()
    kubelet.close()
    exposed = set(re.findall(r"^(stoker_gpu_\w+)[{ ]", page, re.MULTILINE))
    assert named() - OF_LOGS - exposed == set()
    assert exposed <= named()
