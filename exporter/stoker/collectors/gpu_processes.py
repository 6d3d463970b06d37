"""Programs on a GPU: how many, and the device memory of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_labels import INSTANCE, WHOLE, gauge
from stoker.metrics import Desc, Kind, Sample
from stoker.sources import nvml_users

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stoker.sources.nvml_values import Gpu

PROCESSES = gauge(
    "stoker_gpu_processes", "Processes on the GPU; one that computes and draws is in both", "type", base=INSTANCE
)
MEMORY = gauge(
    "stoker_gpu_process_memory_bytes",
    "Device memory of a process; command is its executable's base name, user is only told when asked for",
    "pid",
    "command",
    "user",
    "namespace",
    "pod",
    "container",
    "slurm_job",
    base=INSTANCE,
)
HIDDEN = gauge("stoker_gpu_processes_over_limit", "Processes whose memory is not told because there are too many")
WORKLOAD = Desc(
    "stoker_gpu_workload_info", Kind.GAUGE, "Always 1; what the GPU works for", ("gpu", "uuid", "workload", "kind")
)
DESCS = (PROCESSES, MEMORY, HIDDEN, WORKLOAD)

_TYPES = ("compute", "graphics")


class GpuProcesses:
    """Reads processes.

    Args:
        procfs: where a process's name is looked up.
        user: `off`, `uid` or `name`.
        limit: processes of one GPU whose memory is told, the largest first.
    """

    def __init__(self, procfs: Path, user: str, limit: int = 200) -> None:
        self._procfs = procfs
        self._user = user
        self._limit = limit

    def read(self, gpu: Gpu) -> Iterator[Sample]:
        """Of one GPU."""
        memory: dict[tuple[int, str, str], int] = {}
        listed = False
        for kind in _TYPES:
            if kind not in gpu.values:
                continue
            listed = True
            rows = gpu.values[kind]
            yield Sample(PROCESSES, (*gpu.labels, *WHOLE, kind), float(len({row[0] for row in rows})))
            for pid, used, instance, compute in rows:
                if pid is not None and used is not None:
                    key = (pid, *(("", "") if gpu.mig is not True else (_text(instance), _text(compute))))
                    memory[key] = max(used, memory.get(key, 0))
        largest = sorted(memory.items(), key=lambda item: (-item[1], item[0]))
        for (pid, instance, compute), used in largest[: self._limit]:
            command = nvml_users.command(self._procfs, pid)
            user = nvml_users.user(self._procfs, pid, self._user)
            labels = (*gpu.labels, instance, compute, str(pid), command, user, "", "", "", "")
            yield Sample(MEMORY, labels, float(used))
        if listed:
            yield Sample(HIDDEN, gpu.labels, float(max(0, len(largest) - self._limit)))


def _text(value: int | None) -> str:
    return "" if value is None else str(value)
