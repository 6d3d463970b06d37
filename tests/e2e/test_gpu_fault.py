"""A GPU that gives wrong values: from the simulated library to people, through the real Prometheus and Alertmanager."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from demo.ports import Ports
from demo.processes import free_ports
from demo.stack import Pace, Stack

from simulator import nvml_simulator as simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)
STATE = "max(gpu:stoker_gpu_up:state)"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, Ports(*free_ports(7)), Pace("1s", "12s", "1s"))
    made.write()
    try:
        yield made
    finally:
        made.processes.stop()


def told(stack: Stack, status: str) -> dict[str, Any] | None:
    """The alert as the webhook has got it."""
    hooks = [json.loads(file.read_text()) for file in stack.received("webhook")]
    alerts = [alert for hook in hooks for alert in hook["alerts"]]
    return next(
        (each for each in alerts if (each["labels"]["alertname"], each["status"]) == ("GpuEccUncorrected", status)),
        None,
    )


def test_a_memory_error_reaches_people_and_its_end_does_too(stack: Stack, nvml_library: Path) -> None:
    machine, file = simulator.machine(2), stack.folder / "machine"
    machine.write(file)
    stack.start_mailbox()
    stack.start_exporter(simulator.environment(nvml_library, file))
    stack.start_alertmanager()
    stack.start_prometheus()
    stack.until("nothing is wrong", lambda: stack.value(STATE) == 0)
    assert told(stack, "firing") is None
    machine.devices[1].values |= {"ecc2": 1, "ecc3": 1}
    machine.write(file)
    found = stack.until("the webhook", lambda: told(stack, "firing"))
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
    stack.until("its end", lambda: told(stack, "resolved"), 120)
