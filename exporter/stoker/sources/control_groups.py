"""Which Slurm job, pod and container a process belongs to, as its control groups are called in /proc/PID/cgroup (version 1 and 2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from stoker.sources.pseudofile import read_raw

# /slurm/uid_1000/job_812/step_0/task_0, /system.slice/slurmstepd.scope/job_812/step_0/user/task_0
_JOB = re.compile(r"/job_(\d+)(?=/|\Z)")
# …/kubepods-burstable-pod0f1c5d3e_8a2b_4c7d_9e10_112233445566.slice/cri-containerd-<64 hex>.scope, …/pod0f1c5d3e-8a2b-…/<64 hex>;
# a static pod's is the hash of its file, 32 digits without dashes
_POD = re.compile(r"pod([0-9a-f]{8}[-_](?:[0-9a-f]{4}[-_]){3}[0-9a-f]{12}|[0-9a-f]{32})(?=[./:]|\Z)")
# /system.slice/docker-<64 hex>.scope, /docker/<64 hex>, /machine.slice/libpod-<64 hex>.scope/container, ….slice:cri-containerd:<64 hex>
_CONTAINER = re.compile(r"[/:-]([0-9a-f]{64})(?=\.scope|/|\Z)")
_SHORT = 12
"""Digits by which a container is called."""


class Groups(NamedTuple):
    """Whose a process is; an empty one is not known.

    Attributes:
        slurm_job: its number.
        pod: uid of the Kubernetes pod.
        container: the container's whole identifier, 64 hexadecimal digits.
    """

    slurm_job: str = ""
    pod: str = ""
    container: str = ""

    @property
    def unit(self) -> str:
        """One name for all of it: the job, else the pod, else the beginning of the container's identifier."""
        return self.slurm_job or self.pod or self.container[:_SHORT]


def parse(text: str) -> Groups:
    """Read the content of /proc/PID/cgroup, `NUMBER:CONTROLLERS:PATH` a line."""
    job = pod = container = ""
    for line in text.splitlines():
        path = line.split(":", 2)[-1]  # a path may hold colons itself
        if found := _JOB.search(path):
            job = job or found[1]
        inside = 0
        if found := _POD.search(path):
            pod = pod or found[1].replace("_", "-")
            inside = found.end()
        # within a pod, its own container and not one that runs inside of that, or around the whole of Kubernetes
        if (found := _CONTAINER.search(path, inside)) and (inside or not pod):
            container = container or found[1]
    return Groups(job, pod, container)


def written(found: Groups) -> str:
    """The shortest content of /proc/PID/cgroup that says so much and no more."""
    parts = (("job_", found.slurm_job), ("pod", found.pod), ("", found.container))
    return f"0::/{'/'.join(before + name for before, name in parts if name)}\n"


def groups(pid: int, procfs: str = "/proc") -> Groups:
    """Those of a process; empty ones when it has ended or may not be looked at."""
    try:
        return parse(read_raw(f"{procfs}/{pid}/cgroup").decode(errors="replace"))
    except OSError:
        return Groups()
