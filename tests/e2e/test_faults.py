"""Faults of a GPU and of its host: from the simulated machine to people, through the real Prometheus and Alertmanager."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from demo.ports import Ports
from demo.processes import free_ports
from demo.stack import Pace, Stack

import recordings
from machines import write
from simulator import nvml_simulator as simulator

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.timeout(240)
STATE = "max(gpu:stoker_gpu_up:state)"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, Ports(*free_ports(7)), Pace("1s", "12s", "1s"))
    try:
        yield made
    finally:
        made.processes.stop()


def told(stack: Stack, name: str, status: str) -> dict[str, Any] | None:
    """An alert as the webhook has got it."""
    hooks = [json.loads(file.read_text()) for file in stack.received("webhook")]
    alerts = [alert for hook in hooks for alert in hook["alerts"]]
    return next(
        (each for each in alerts if (each["labels"]["alertname"], each["status"]) == (name, status)),
        None,
    )


def start(stack: Stack, env: dict[str, str]) -> None:
    stack.start_mailbox()
    stack.start_exporter(env)
    stack.start_alertmanager()
    stack.start_prometheus()


def test_a_memory_error_reaches_people_and_its_end_does_too(stack: Stack, nvml_library: Path) -> None:
    machine, file = simulator.machine(2), stack.folder / "machine"
    machine.write(file)
    stack.write()
    start(stack, simulator.environment(nvml_library, file))
    stack.until("nothing is wrong", lambda: stack.value(STATE) == 0)
    assert told(stack, "GpuEccUncorrected", "firing") is None
    machine.devices[1].values |= {"ecc2": 1, "ecc3": 1}
    machine.write(file)
    found = stack.until("the webhook", lambda: told(stack, "GpuEccUncorrected", "firing"))
    assert found["labels"] == {
        "alertname": "GpuEccUncorrected",
        "severity": "critical",
        "cluster": "demo",
        "instance": f"127.0.0.1:{stack.ports.exporter}",
        "gpu": "1",
        "uuid": simulator.uuid_of(1),
    }
    assert "GPU 1" in found["annotations"]["summary"]
    assert "GPU 1" in found["annotations"]["summary_zh"]
    stack.until("the dashboard's row says it", lambda: stack.value(STATE) == 17)
    stack.until("its end", lambda: told(stack, "GpuEccUncorrected", "resolved"), 120)


def test_a_process_killed_for_want_of_memory_reaches_people_and_its_end_does_too(stack: Stack) -> None:
    host = recordings.tree(stack.folder / "host", 0)
    stack.write(f"host: {{proc: {host.proc}, sys: {host.sys}}}\ngpu: {{enabled: false}}\n")
    start(stack, {})
    stack.until("nothing is wrong", lambda: stack.value("stoker_host_oom_kills_total") == 1)
    assert told(stack, "HostOomKill", "firing") is None
    write(Path(host.proc), {"vmstat": recordings.PROC["vmstat"].replace("oom_kill 1", "oom_kill 2")})
    found = stack.until("the webhook", lambda: told(stack, "HostOomKill", "firing"))
    assert found["labels"] == {
        "alertname": "HostOomKill",
        "severity": "critical",
        "cluster": "demo",
        "instance": f"127.0.0.1:{stack.ports.exporter}",
    }
    assert "the kernel killed a process" in found["annotations"]["summary"]
    stack.until("its end", lambda: told(stack, "HostOomKill", "resolved"), 120)
