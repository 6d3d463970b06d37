"""A live program on a simulated GPU: whose it is, what it is charged, and what is left of it when it ends and the exporter starts anew."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from running import wait_for
from simulator import nvml_simulator as simulator
from stoker.app import App
from stoker.sources.machine import Machine
from stoker.sources.owners import INITIAL
from wire import Wire

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND = Path(os.path.realpath(f"/proc/{os.getpid()}/exe")).name
pytestmark = pytest.mark.skipif(
    os.readlink("/proc/self/ns/pid") != INITIAL, reason="in a container a program has to have a real GPU open"
)


class Node:
    """An exporter on this machine's /proc with one simulated GPU, looking ten times a second."""

    def __init__(self, library: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = simulator.machine(1)
        self.device = self.machine.devices[0].values
        self.file = folder / "machine"
        for name, value in simulator.environment(library, self.file).items():
            monkeypatch.setenv(name, value)
        (folder / "sys/bus/pci/devices").mkdir(parents=True)
        self.settings = folder / "stoker.yaml"
        self.settings.write_text(
            f"state_dir: {folder}/state\ninterval: 100ms\nhost: {{enabled: false}}\n"
            f"gpu: {{process_user: uid, kubelet_socket: {folder}/none.sock}}\n"
        )
        self.where = Machine(sys=str(folder / "sys"), root=str(folder))
        self.start()

    def start(self) -> None:
        self.machine.write(self.file)
        self.app = App(self.settings, listen="127.0.0.1:0", machine=self.where)
        self.app.start()

    def have(self, *pids: int) -> None:
        self.device |= {"compute": " ".join(f"{pid}:1048576" for pid in pids), "utilization": 100}
        self.machine.write(self.file)

    def value(self, name: str, *pairs: str) -> float | None:
        """Of the first series of that name with these labels."""
        with Wire(int(self.app.server.address.rpartition(":")[2])) as wire:
            text = wire.ask("/metrics").body.decode()
        for line in re.findall(rf"^stoker_gpu_{name}\{{.*$", text, re.MULTILINE):
            if all(pair in line for pair in pairs):
                return float(line.rpartition(" ")[2])
        return None


@pytest.fixture
def node(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    found = Node(nvml_library, tmp_path, monkeypatch)
    yield found
    found.app.stop()


def test_a_program_from_its_birth_to_its_end_and_beyond(node: Node) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, "SLURM_JOB_ID": "4711"}
    )
    try:
        node.have(child.pid)
        pid, user = f'pid="{child.pid}"', f'user="{os.getuid()}"'
        wait_for(lambda: node.value("process_memory_bytes", pid, f'command="{COMMAND}"', user))
        told = re.search(r'workload="([^"]+)",kind="([^"]+)"', _line(node, "workload_info"))
        assert told
        if told[2] == "slurm":  # unless the tests themselves run in a job or a container
            assert told[1] == "4711"
        busy = ("workload_seconds_total", f'workload="{told[1]}"', user, 'state="busy"')
        wait_for(lambda: (node.value(*busy) or 0) > 0)
    finally:
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    # dead, still listed by the driver, and not yet taken away by its parent
    wait_for(lambda: node.value("memory_unowned_bytes", 'owner="ended"') == 1048576)
    child.communicate()
    assert node.value("workload_info") is None
    node.have()
    wait_for(lambda: node.value("memory_unowned_bytes", 'owner="ended"') == 0)
    wait_for(lambda: (node.value("seconds_total", 'state="idle"') or 0) > 0)
    spent, idle = node.value(*busy), node.value("seconds_total", 'state="idle"')
    assert spent
    assert idle
    node.app.stop()
    node.start()
    wait_for(lambda: (node.value("seconds_total", 'state="idle"') or 0) > idle)
    assert node.value(*busy) == spent


def _line(node: Node, name: str) -> str:
    with Wire(int(node.app.server.address.rpartition(":")[2])) as wire:
        text = wire.ask("/metrics").body.decode()
    return next(line for line in text.splitlines() if line.startswith(f"stoker_gpu_{name}{{"))
