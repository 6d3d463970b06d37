"""Programs on a GPU: how many, whose, the device memory of each and what it uses, and memory that nobody owns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.gpu_holders import SHORT, UNKNOWN, Holders, Process, holders
from stoker.collectors.gpu_labels import INSTANCE, MOST_RATIO, WHOLE, gauge
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.nvml_running import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from stoker.sources.nvml_values import Gpu
    from stoker.sources.owners import Owners
    from stoker.sources.pods import Pods

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
USE = gauge(
    "stoker_gpu_process_utilization_ratio",
    "Share of the GPU's multiprocessors, memory bandwidth, encoder and decoder that a process used since the last look",
    "pid",
    "unit",
)
HIDDEN = gauge("stoker_gpu_processes_over_limit", "Processes whose memory is not told because there are too many")
UNOWNED = gauge(
    "stoker_gpu_memory_unowned_bytes",
    "Device memory that no living process is seen to hold: of processes that ended, of those that cannot be seen from"
    " here (unseen), and used without any process (none)",
    "owner",
)
WORKLOAD = gauge("stoker_gpu_workload_info", "Always 1; what the GPU works for", "workload", "kind", base=INSTANCE)
POD = gauge(
    "stoker_gpu_pod_info",
    "Always 1; the container that the kubelet gave the GPU, with or without a process",
    "namespace",
    "pod",
    "container",
    base=INSTANCE,
)
VISIBLE = Desc(
    "stoker_gpu_processes_visible",
    Kind.GAUGE,
    "Whether all processes of the machine can be seen; 0 in a PID namespace of the exporter's own and where /proc hides other users'",
)
KUBELET = Desc(
    "stoker_gpu_kubelet_up", Kind.GAUGE, "Whether the kubelet says which pod has which GPU; absent where there is none"
)
DESCS = (PROCESSES, MEMORY, USE, HIDDEN, UNOWNED, WORKLOAD, POD)
ALL_DESCS = (*DESCS, VISIBLE, KUBELET)
"""With those of the machine."""

_UNITS = ("sm", "memory", "encoder", "decoder")


class GpuProcesses:
    """Reads processes.

    Args:
        owners: looks up whose a process is.
        pods: knows the names of pods.
        limit: processes of one GPU that are told, those with the most memory first.
        note: is given what was found of each GPU.
    """

    def __init__(
        self, owners: Owners, pods: Pods, limit: int = 200, note: Callable[[Gpu, Holders], None] | None = None
    ) -> None:
        self._owners = owners
        self._pods = pods
        self._limit = limit
        self._note = note

    def begin(self) -> None:
        """A new look at all GPUs."""
        self._owners.begin()
        self._pods.begin()

    def machine(self) -> Iterator[Sample]:
        """What is not of one GPU."""
        yield Sample(VISIBLE, (), float(self._owners.whole))
        if self._pods.kubelet_up is not None:
            yield Sample(KUBELET, (), float(self._pods.kubelet_up))

    def read(self, gpu: Gpu) -> Iterator[Sample]:
        """Of one GPU."""
        listed = running(gpu)
        for kind, rows in listed.items():
            yield Sample(PROCESSES, (*gpu.labels, *WHOLE, kind), float(len({row.pid for row in rows})))
        found = holders(gpu, listed, self._owners, self._pods)
        if self._note is not None:
            self._note(gpu, found)
        yield from self._processes(gpu, found)
        yield from self._unowned(gpu, found)
        yield from self._workloads(gpu, found)

    def _processes(self, gpu: Gpu, found: Holders) -> Iterator[Sample]:
        sized = [process for process in found.processes if process.memory is not None]
        for process in sized[: self._limit]:
            yield Sample(MEMORY, _labels(gpu, process), float(process.memory or 0))
        if found.listed:
            yield Sample(HIDDEN, gpu.labels, float(max(0, len(sized) - self._limit)))
        if "process_use" in gpu.values:
            use = {row[0]: row[1:] for row in gpu.values["process_use"]}
            for pid in dict.fromkeys(process.pid for process in found.processes[: self._limit]):
                parts = use.get(pid, (0.0,) * len(_UNITS))  # NVML has no sample of one that did nothing
                for unit, part in zip(_UNITS, parts, strict=True):
                    yield Sample(USE, (*gpu.labels, str(pid), unit), part / MOST_RATIO)

    def _unowned(self, gpu: Gpu, found: Holders) -> Iterator[Sample]:
        if not found.listed:
            return
        held = {"living": 0, "ended": 0, "unseen": 0}
        for process in found.processes:
            held[process.owner.state] += process.memory or 0
        rest = _rest(gpu, found)
        if rest is not None and not found.whole:
            held["unseen"] += rest  # NVML may list only what this PID namespace has
            rest = None
        yield Sample(UNOWNED, (*gpu.labels, "ended"), float(held["ended"]))
        yield Sample(UNOWNED, (*gpu.labels, "unseen"), float(held["unseen"]))
        if rest is not None:
            yield Sample(UNOWNED, (*gpu.labels, "none"), float(rest))

    def _workloads(self, gpu: Gpu, found: Holders) -> Iterator[Sample]:
        # users do not multiply it: a job of two of them is one job
        told = dict.fromkeys(
            (instance, workload.name, workload.kind)
            for instance, workload in found.workloads()
            if workload is not UNKNOWN
        )
        for instance, name, kind in list(told)[: self._limit]:
            yield Sample(WORKLOAD, (*gpu.labels, *instance, name, kind), 1.0)
        for instance, pods in found.pods.items():
            for pod in dict.fromkeys(pods):
                yield Sample(POD, (*gpu.labels, *instance, *pod), 1.0)


def _labels(gpu: Gpu, process: Process) -> tuple[str, ...]:
    owner, pod = process.owner, process.pod
    return (
        *gpu.labels,
        *process.instance,
        str(process.pid),
        owner.command,
        owner.user,
        pod.namespace,
        pod.pod,
        pod.container or owner.container_id[:SHORT],
        owner.slurm_job,
    )


def _rest(gpu: Gpu, found: Holders) -> int | None:
    """Bytes in use that no listed process accounts for; None when that cannot be told."""
    # [total, used, free, reserved]: without the last one, what the driver keeps for itself counts as used
    memory = gpu.values.get("memory")
    if memory is None or memory[1] is None or memory[3] is None:
        return None
    sizes = [process.memory for process in found.processes]
    known = [size for size in sizes if size is not None]
    return max(0, memory[1] - sum(known)) if len(known) == len(sizes) else None
