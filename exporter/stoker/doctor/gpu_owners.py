"""Looks at whether the exporter can tell whose the GPUs are: processes of the whole machine, and the kubelet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError, UnavailableError
from stoker.sources.owners import Owners
from stoker.sources.pod_resources import assignments

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stoker.config import Settings

_VISIBLE = (
    "run the container with `hostPID: true` (Docker: `--pid=host`); where /proc is mounted with hidepid, let the"
    " exporter's user be in the group that its option gid names, or run it as root"
)
_SOCKET = (
    "run the exporter as root, or set `gpu: {kubelet_socket: …}` to where the folder /var/lib/kubelet/pod-resources is"
    " mounted"
)


def owners(settings: Settings, procfs: Path) -> Iterator[Finding]:
    """On a machine with a GPU that answers.

    Args:
        settings: where the kubelet's socket is.
        procfs: where processes are looked up.
    """
    here = Owners(procfs)
    here.begin()
    if here.whole:
        yield Finding("gpu owners", State.OK, "all processes of this machine can be seen")
    else:
        says = "not all processes of this machine can be seen: whose GPUs are is told in part"
        yield Finding("gpu owners", State.DEGRADED, says, _VISIBLE)
    try:
        given = assignments(settings.gpu.kubelet_socket)
    except UnavailableError:
        return
    except SourceError as error:
        yield Finding("kubelet", State.DEGRADED, f"{error}: pods without a process on their GPU are not known", _SOCKET)
    else:
        pods = len({(each.namespace, each.pod) for each in given})
        yield Finding("kubelet", State.OK, f"tells which pod has which GPU: {pods} with {len(given)}")
