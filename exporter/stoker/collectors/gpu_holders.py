"""Who holds a GPU: the processes on it with their owners, and the workloads that they and the kubelet's assignments make up.

A workload is the largest thing that is known of a process: the Slurm job, else the pod, else the container, else the command. A pod that was
given a GPU holds it without a process, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stoker.collectors.gpu_labels import WHOLE
from stoker.sources.pods import PodName

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.sources.nvml_running import Running
    from stoker.sources.nvml_values import Gpu
    from stoker.sources.owners import Owner, Owners
    from stoker.sources.pods import Pods

SHORT = 12
"""Digits by which a container is called."""
_NAMELESS = PodName("", "", "")


class Workload(NamedTuple):
    """What a GPU works for.

    Attributes:
        name: number of the job, `namespace/pod` or the pod's uid, beginning of the container's identifier, or command.
        kind: slurm, pod, container, command; `unknown` when nothing is known of its process.
        namespace: of a pod.
        user: when asked for.
    """

    name: str
    kind: str
    namespace: str = ""
    user: str = ""


UNKNOWN = Workload("unknown", "unknown")


class Process(NamedTuple):
    """A process on a GPU or on one of its MIG instances.

    Attributes:
        pid: its number.
        memory: bytes; None where that is not told.
        instance: values of the labels gpu_instance and compute_instance.
        owner: whose it is.
        pod: names of its pod and container.
        workload: what it is part of.
    """

    pid: int
    memory: int | None
    instance: tuple[str, str]
    owner: Owner
    pod: PodName
    workload: Workload


@dataclass(frozen=True, slots=True)
class Holders:
    """Those of one GPU.

    Attributes:
        listed: whether NVML told of processes at all.
        whole: whether it and /proc tell of all processes of the machine.
        processes: the one with the most memory first.
        pods: those that the kubelet gave the GPU, by the labels of the instance.
    """

    listed: bool
    whole: bool
    processes: tuple[Process, ...]
    pods: dict[tuple[str, str], list[PodName]] = field(default_factory=dict)

    def workloads(self) -> Iterator[tuple[tuple[str, str], Workload]]:
        """Each workload once for each instance that it holds."""
        seen = set()
        for process in self.processes:
            key = (process.instance, process.workload)
            if key not in seen:
                seen.add(key)
                yield key
        held = {(instance, workload.name) for instance, workload in seen}
        for instance, pods in self.pods.items():
            for name in dict.fromkeys(f"{pod.namespace}/{pod.pod}" for pod in pods):
                if (instance, name) not in held:
                    yield instance, Workload(name, "pod", name.partition("/")[0])


def holders(gpu: Gpu, listed: Mapping[str, tuple[Running, ...]], owners: Owners, pods: Pods) -> Holders:
    """Look up who holds a GPU, on which these processes are."""
    rows: dict[tuple[int, tuple[str, str]], int | None] = {}
    for pid, used, instance in (row for kind in listed.values() for row in kind):
        before = rows.get((pid, instance))
        rows[pid, instance] = used if before is None else max(before, used or 0)
    given = _given(gpu, pods)
    processes = []
    for (pid, labels), used in rows.items():
        owner = owners.owner(pid)
        pod = _pod(owner, given.get(labels, []), pods)
        processes.append(Process(pid, used, labels, owner, pod, _workload(owner, pod)))
    processes.sort(key=lambda process: (-(process.memory or 0), process.pid, process.instance))
    return Holders(bool(listed), owners.whole, tuple(processes), given)


def _given(gpu: Gpu, pods: Pods) -> dict[tuple[str, str], list[PodName]]:
    found: dict[tuple[str, str], list[PodName]] = {}
    for labels, device in _devices(gpu):
        names = [PodName(each.namespace, each.pod, each.container) for each in pods.given(device)]
        if names:
            found[labels] = found.get(labels, []) + names
    return found


def _devices(gpu: Gpu) -> Iterator[tuple[tuple[str, str], str]]:
    """The names that a GPU and its MIG instances have in the kubelet's list."""
    yield WHOLE, gpu.uuid
    for one in gpu.instances:
        labels = (one.gpu_instance, one.compute_instance)
        if uuid := one.values.get("uuid"):
            yield labels, str(uuid)
        yield labels, f"MIG-{gpu.uuid}/{one.gpu_instance}/{one.compute_instance}"  # as drivers before 470 named them


def _pod(owner: Owner, given: list[PodName], pods: Pods) -> PodName:
    """The names of a process's pod, as far as they are known."""
    if not owner.pod_uid:
        return _NAMELESS
    if found := pods.name(owner.container_id):
        return found
    # without the link to its log, the only pod that has this GPU must be it
    names = {(each.namespace, each.pod) for each in given}
    if len(names) == 1:
        containers = {each.container for each in given}
        return PodName(given[0].namespace, given[0].pod, containers.pop() if len(containers) == 1 else "")
    return PodName("", owner.pod_uid, "")


def _workload(owner: Owner, pod: PodName) -> Workload:
    if owner.slurm_job:
        return Workload(owner.slurm_job, "slurm", pod.namespace, owner.user)
    if pod.pod:
        name = f"{pod.namespace}/{pod.pod}" if pod.namespace else pod.pod
        return Workload(name, "pod", pod.namespace, owner.user)
    if owner.container_id:
        return Workload(owner.container_id[:SHORT], "container", "", owner.user)
    if owner.command:
        return Workload(owner.command, "command", "", owner.user)
    return UNKNOWN
