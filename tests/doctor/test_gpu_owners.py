"""What the doctor says of whose the GPUs are: processes that are hidden, and a kubelet that answers or does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubelet import Given, Kubelet, answer, listed
from stoker.config import GpuSettings, Settings
from stoker.doctor.finding import Finding, State
from stoker.doctor.gpu_owners import owners

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpus import GpuBench


def examined(bench: GpuBench) -> list[Finding]:
    settings = Settings(gpu=GpuSettings(kubelet_socket=str(bench.folder / "kubelet.sock")))
    return list(owners(settings, bench.folder / "proc"))


def test_a_plain_machine_has_nothing_to_do(gpus: Callable[..., GpuBench]) -> None:
    (found,) = examined(gpus(1))
    assert (found.topic, found.state, found.do) == ("gpu owners", State.OK, "")


def test_a_container_is_told_to_look_at_its_host(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    link = bench.folder / "proc/self/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532198]")
    (found,) = examined(bench)
    assert found.state is State.DEGRADED
    assert "hostPID: true" in found.do


def test_a_kubelet_is_asked(gpus: Callable[..., GpuBench]) -> None:
    bench = gpus(1)
    replies = [answer(listed([Given("ml", "a", "x", ("GPU-1", "GPU-2"))])), []]
    server = Kubelet(bench.folder / "kubelet.sock", lambda: replies.pop(0))
    _, found = examined(bench)
    assert (found.state, found.says) == (State.OK, "tells which pod has which GPU: 1 with 2")
    _, found = examined(bench)
    assert found.state is State.DEGRADED
    assert "closed before" in found.says
    server.close()
