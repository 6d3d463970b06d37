"""The queries of NVIDIA's published dashboard for dcgm-exporter (Grafana 12239) find series, asked of a real Prometheus that scrapes Stoker."""

from __future__ import annotations

import json
import socket
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from demo.gpu import start as simulated_gpus
from demo.ports import Ports
from demo.processes import free_ports
from demo.stack import Pace, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(180)
OF_HOST = 'Hostname=~"$Hostname", gpu=~"$gpu"'
OF_INSTANCE = 'instance=~"$instance", gpu=~"$gpu"'
DASHBOARD = {
    "temperature": f"max(DCGM_FI_DEV_GPU_TEMP{{{OF_HOST}}}) by (Hostname, gpu, uuid)",
    "temperature, mean": f"avg(DCGM_FI_DEV_GPU_TEMP{{{OF_HOST}}})",
    "power": f"max(DCGM_FI_DEV_POWER_USAGE{{{OF_HOST}}}) by (Hostname, gpu, uuid)",
    "power, sum": f"sum(max(DCGM_FI_DEV_POWER_USAGE{{{OF_HOST}}}) by (gpu))",
    "clocks": f"max(DCGM_FI_DEV_SM_CLOCK{{{OF_HOST}}} * 1000000) by (Hostname, UUID, gpu)",
    "utilisation": f"max(DCGM_FI_PROF_GR_ENGINE_ACTIVE{{{OF_HOST}}}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    "tensor cores": f"max(DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{OF_HOST}}}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    "memory": f"max(DCGM_FI_DEV_FB_USED{{{OF_HOST}}}) by (Hostname, gpu, GPU_I_ID, GPU_I_PROFILE)",
    # its revisions before
    "utilisation, as before": f"DCGM_FI_DEV_GPU_UTIL{{{OF_INSTANCE}}}",
    "tensor cores, as before": f"DCGM_FI_PROF_PIPE_TENSOR_ACTIVE{{{OF_INSTANCE}}}",
    "power, as before": f"sum(DCGM_FI_DEV_POWER_USAGE{{{OF_INSTANCE}}})",
}
RULES = {
    "memory nearly full": "DCGM_FI_DEV_FB_USED / (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE + DCGM_FI_DEV_FB_RESERVED) > 0.1",
    "energy in watts": "rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[30s]) / 1000 > 100",
    "an XID": "DCGM_FI_DEV_XID_ERRORS == 0",
    "held down": "rate(DCGM_FI_DEV_POWER_VIOLATION[30s]) >= 0",
    "PCIe": "DCGM_FI_PROF_PCIE_TX_BYTES >= 0",
    "by model": 'count by (modelName, DCGM_FI_DRIVER_VERSION) (DCGM_FI_DEV_GPU_UTIL{device="nvidia0"}) == 1',
}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("dcgm")
    made = Stack(folder, Ports(*free_ports(7)), Pace("1s", "12s", "1s"))
    made.write("compat: dcgm\n")
    try:
        made.start_exporter(simulated_gpus(made))
        made.start_prometheus()
        made.until("rates are there", lambda: made.query("rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION[30s]) > 0"))
        made.until(
            "activity is there", lambda: made.query("DCGM_FI_PROF_GR_ENGINE_ACTIVE and DCGM_FI_PROF_PCIE_TX_BYTES")
        )
        yield made
    finally:
        made.processes.stop()


def label_values(stack: Stack, series: str, label: str) -> list[str]:
    """As Grafana fills a variable of a dashboard."""
    text = stack.get(stack.ports.prometheus, f"/api/v1/series?{urllib.parse.urlencode({'match[]': series})}")
    assert text is not None
    return sorted({each[label] for each in json.loads(text)["data"] if label in each})


@pytest.fixture(scope="module")
def variables(stack: Stack) -> dict[str, str]:
    """All hosts and GPUs, as Grafana writes `All`."""
    hosts = label_values(stack, "DCGM_FI_DEV_FB_FREE", "Hostname")
    gpus = label_values(stack, f'DCGM_FI_DEV_FB_FREE{{Hostname=~"{hosts[0]}"}}', "gpu")
    instances = label_values(stack, "DCGM_FI_DEV_FB_FREE", "instance")
    assert hosts == [socket.gethostname()]
    assert gpus == ["0", "1"]
    return {"$Hostname": f"({hosts[0]})", "$gpu": f"({'|'.join(gpus)})", "$instance": f"({instances[0]})"}


@pytest.mark.parametrize("panel", [*DASHBOARD, *RULES])
def test_a_query_made_for_dcgm_exporter_finds_series(panel: str, stack: Stack, variables: dict[str, str]) -> None:
    expression = {**DASHBOARD, **RULES}[panel]
    for name, value in variables.items():
        expression = expression.replace(name, value)
    stack.until(f"{panel} has series", lambda: stack.query(expression), 20.0)
    assert all(float(each["value"][1]) >= 0 for each in stack.query(expression))
