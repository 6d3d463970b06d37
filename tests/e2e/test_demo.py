"""The main job as a newcomer types it: `make up` is `python -m demo up`, and it works again after a kill in the middle."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from demo.ports import DEFAULTS
from demo.processes import Processes, free_ports
from demo.stack import DIRECT

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).resolve().parents[2]


class Demo:
    """The demonstration in a folder and on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(DEFAULTS, free_ports(len(DEFAULTS)), strict=True))
        chosen = {variable: str(self.ports[name]) for name, (variable, _) in DEFAULTS.items()}
        self.env = {**os.environ, **chosen, "DEMO_FOLDER": str(folder), "DEMO_GPU": "1"}

    def begin(self, what: str) -> subprocess.Popen[str]:
        """Start `python -m demo`."""
        return subprocess.Popen(
            [sys.executable, "-m", "demo", what],
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
        )

    def run(self, what: str) -> tuple[int, str]:
        """Its exit code and what it printed."""
        process = self.begin(what)
        said, _ = process.communicate()
        return process.returncode, said


@pytest.fixture
def demo(tmp_path: Path) -> Demo:
    return Demo(tmp_path / "a folder")


def test_a_kill_in_the_middle_an_incident_and_an_end(demo: Demo) -> None:
    try:
        killed = demo.begin("up")
        assert killed.stdout is not None
        with killed:
            next(line for line in killed.stdout if "the training run seen" in line)
            killed.send_signal(signal.SIGKILL)
        left = [each for each in Processes(demo.folder).all() if Processes(demo.folder).alive(each)]
        assert {each.name for each in left} >= {"mailbox", "train", "model", "exporter", "prometheus", "alertmanager"}

        code, said = demo.run("up")
        assert code == 0, said
        assert said.startswith("ended what an earlier `make up` left running: ")
        assert not any(Processes(demo.folder).alive(each) for each in left)
        stations = ["learns", "'loss': nan", "stoker_train_nonfinite_total", "fires", "Alertmanager  ", "/mail/"]
        shown = ["| Subject: [CRITICAL] TrainingLossNotFinite demo-run", "训练损失", f":{demo.ports['exporter']}/"]
        places = [said.find(each) for each in [*stations, *shown]]
        assert -1 not in places
        assert places == sorted(places), said
        for address in re.findall(r"^  \w+ +(http://\S+)", said, re.MULTILINE):
            with DIRECT.open(address, timeout=10) as page:  # a page that is not there, or cannot be made, is an error
                assert page.status == 200, address
    finally:
        code, said = demo.run("down")
    assert code == 0
    assert {"prometheus", "train"} <= set(said.removeprefix("ended: ").strip().split(", "))
    assert demo.run("down") == (0, "ended: nothing was running\n")


def test_a_taken_port_is_one_line_and_nothing_stays(demo: Demo) -> None:
    port = demo.ports["alertmanager"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        code, said = demo.run("up")
    assert code == 1
    assert len(said.splitlines()) == 1
    assert said.startswith(f"demo: port {port} is taken; choose another one for alertmanager: ALERTMANAGER_PORT=")
    assert Processes(demo.folder).all() == []
