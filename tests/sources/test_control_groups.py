"""Whose a process is, from the control groups that runtimes make: lines as they are found on machines."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from machines import write
from stoker.sources.control_groups import Groups, groups, parse

if TYPE_CHECKING:
    from pathlib import Path

ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
INNER = "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2"
POD = "22fd933a-ee61-46bd-93ae-ebace73c1160"
UNDER = POD.replace("-", "_")
STATIC = "c704ef4c297ab11032b83ce52cbfc87b"

LINES = {
    "docker, cgroupfs, version 1": (f"12:devices:/docker/{ID}\n1:name=systemd:/docker/{ID}\n", Groups("", "", ID)),
    "docker, systemd, version 2": (f"0::/system.slice/docker-{ID}.scope\n", Groups("", "", ID)),
    "docker without a root": (
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope",
        Groups("", "", ID),
    ),
    "an old docker": (f"9:perf_event:/{ID}\n", Groups("", "", ID)),
    "docker with init as its parent group": (f"0::/docker/buildkit/{ID}\n", Groups("", "", ID)),
    "podman": (f"0::/machine.slice/libpod-{ID}.scope/container\n", Groups("", "", ID)),
    "podman without a root": (
        f"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{ID}.scope/container\n",
        Groups("", "", ID),
    ),
    "a pod of podman's": (
        f"0::/machine.slice/machine-libpod_pod_{INNER}.slice/libpod-{ID}.scope\n",
        Groups("", "", ID),
    ),
    "podman, cgroupfs": (f"0::/libpod_parent/libpod-{ID}\n", Groups("", "", ID)),
    "containerd by itself": (f"0::/default/{ID}\n", Groups("", "", ID)),
    "nerdctl": (f"0::/system.slice/nerdctl-{ID}.scope\n", Groups("", "", ID)),
    "kubernetes, containerd, systemd": (
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UNDER}.slice/cri-containerd-{ID}.scope\n",
        Groups("", POD, ID),
    ),
    "kubernetes, guaranteed": (
        f"0::/kubepods.slice/kubepods-pod{UNDER}.slice/cri-containerd-{ID}.scope\n",
        Groups("", POD, ID),
    ),
    "kubernetes, CRI-O": (
        f"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{UNDER}.slice/crio-{ID}.scope/container\n",
        Groups("", POD, ID),
    ),
    "kubernetes, cgroupfs, version 1": (
        f"11:devices:/kubepods/besteffort/pod{POD}/{ID}\n10:perf_event:/kubepods/besteffort/pod{POD}/{ID}\n",
        Groups("", POD, ID),
    ),
    "kubernetes, docker": (
        f"4:memory:/kubepods.slice/kubepods-pod{UNDER}.slice/docker-{ID}.scope\n",
        Groups("", POD, ID),
    ),
    "containerd that does not know of the systemd driver": (
        f"0::/system.slice/kubepods-burstable-pod{UNDER}.slice:cri-containerd:{ID}\n",
        Groups("", POD, ID),
    ),
    "the same, version 1": (
        f"11:devices:/system.slice/containerd.service/kubepods-pod{UNDER}.slice:cri-containerd:{ID}\n",
        Groups("", POD, ID),
    ),
    "a static pod": (
        f"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{STATIC}.slice/cri-containerd-{ID}.scope\n",
        Groups("", STATIC, ID),
    ),
    "kind: kubernetes in docker": (
        f"0::/docker/{INNER}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod{UNDER}.slice/cri-containerd-{ID}.scope\n",
        Groups("", POD, ID),
    ),
    "docker in a pod": (f"0::/kubepods/burstable/pod{POD}/{ID}/docker/{INNER}\n", Groups("", POD, ID)),
    "seen from another container": (
        f"0::/../../kubepods-burstable-pod{UNDER}.slice/cri-containerd-{ID}.scope\n",
        Groups("", POD, ID),
    ),
    "a pod's own group": (f"0::/kubepods.slice/kubepods-pod{UNDER}.slice\n", Groups("", POD, "")),
    "slurm, version 2": ("0::/system.slice/slurmstepd.scope/job_1392969/step_0/user/task_0\n", Groups("1392969")),
    "slurm, several nodes on a machine": (
        "0::/system.slice/n1_slurmstepd.scope/job_7/step_batch/user/task_special\n",
        Groups("7"),
    ),
    "slurm, version 1": (
        "10:devices:/slurm/uid_2101171/job_280678/step_interactive/task_0\n1:name=systemd:/system.slice/slurmd.service\n",
        Groups("280678"),
    ),
    "slurm, the shell of ssh": ("0::/system.slice/slurmstepd.scope/job_42/step_extern/user\n", Groups("42")),
    "slurm's own": ("0::/system.slice/slurmstepd.scope/system\n", Groups()),
    "slurm in a pod": (
        f"0::/kubepods.slice/kubepods-pod{UNDER}.slice/cri-containerd-{ID}.scope/system.slice/slurmstepd.scope/job_5/step_0\n",
        Groups("5", POD, ID),
    ),
    "a session": ("0::/user.slice/user-1000.slice/session-3.scope\n", Groups()),
    "a service": ("0::/system.slice/docker.service\n", Groups()),
    "the root": ("0::/\n", Groups()),
    "a part of a kind that it is not": (f"0::/podcast/{ID[:40]}\n0::/job_x/job_12a\n", Groups()),
    "nothing": ("", Groups()),
    "nonsense": ("::\n\x00\n0\n" + "/" * 5000, Groups()),
}


@pytest.mark.parametrize(("text", "wanted"), LINES.values(), ids=LINES.keys())
def test_what_each_runtime_calls_its_groups(text: str, wanted: Groups) -> None:
    assert parse(text) == wanted


def test_the_unit_is_the_job_before_the_pod_before_the_container() -> None:
    assert Groups("5", POD, ID).unit == "5"
    assert Groups("", POD, ID).unit == POD
    assert Groups("", "", ID).unit == ID[:12]
    assert Groups().unit == ""


def test_a_process_that_is_gone_or_may_not_be_read_has_none(tmp_path: Path) -> None:
    write(tmp_path, {"7/cgroup": "0::/system.slice/slurmstepd.scope/job_7/step_0\n"})
    assert groups(7, str(tmp_path)) == Groups("7")
    assert groups(8, str(tmp_path)) == Groups()
    (tmp_path / "9/cgroup").mkdir(parents=True)  # reading it fails
    assert groups(9, str(tmp_path)) == Groups()


def test_a_process_of_this_machine() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert isinstance(groups(child.pid), Groups)
        child.communicate(b"\n")
    assert groups(child.pid) == Groups()
