"""A run is seen: by the exporter of the node, without any configuration, or else on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from running import Bench, wait_for
from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHOWS = "import time\nprint({'loss': 0.25, 'epoch': 0.5}, flush=True)\ninput()\nraise SystemExit(3)"


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def shown(bench: Bench) -> Iterator[subprocess.Popen[bytes]]:
    """A run that has a loss and waits for a line."""
    process = bench.start("--name", "a", "--", sys.executable, "-c", SHOWS, stdin=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    yield process
    process.kill()
    process.communicate()


def values(port: int) -> dict[str, str]:
    """All series of a page."""
    with Wire(port) as wire:
        lines = wire.ask("/metrics").body.decode().splitlines()
    return {name: value for name, _, value in (line.rpartition(" ") for line in lines if not line.startswith("#"))}


def shows(port: int, series: str, value: str) -> bool:
    """Whether a page has the series with this value."""
    try:
        return values(port).get(series) == value
    except OSError:
        return False


LOSS = 'stoker_train_loss{source="runs",run="a"}'


def test_without_an_exporter_a_run_has_a_port_until_it_ends(bench: Bench, shown: subprocess.Popen[bytes]) -> None:
    (file,) = wait_for(lambda: [each for each in bench.targets() if each.suffix == ".json"])
    ((group),) = json.loads(file.read_bytes())
    (target,) = group["targets"]
    host, _, port = target.rpartition(":")
    assert host == "127.0.0.1"
    assert 9850 <= int(port) <= 9869
    wait_for(lambda: shows(int(port), LOSS, "0.25"))
    found = values(int(port))
    assert 'stoker_train_start_timestamp_seconds{source="runs",run="a"}' in found
    assert not [series for series in found if series.startswith(("stoker_host", "stoker_gpu"))]
    shown.communicate(b"\n")
    assert shown.returncode == 3
    assert bench.targets() == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(port))) != 0


def test_a_port_goes_when_its_run_is_killed(bench: Bench, shown: subprocess.Popen[bytes]) -> None:
    wait_for(lambda: [each for each in bench.targets() if each.suffix == ".json"])
    shown.kill()
    wait_for(lambda: not bench.targets())


def test_the_exporter_of_the_node_shows_a_run_and_its_end(bench: Bench) -> None:
    port = _free()
    command = [sys.executable, "-m", "stoker", "serve", "--config", str(bench.config), "--listen", f"127.0.0.1:{port}"]
    bench.runs.mkdir()
    exporter = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: list(bench.runs.glob(".followed-*")))
        run = bench.start("--name", "a", "--", sys.executable, "-c", SHOWS, stdin=subprocess.PIPE)
        wait_for(lambda: shows(port, LOSS, "0.25"))
        assert bench.targets() == []
        run.communicate(b"\n")
        wait_for(lambda: shows(port, 'stoker_train_exit_code{source="runs",run="a"}', "3"))
        wait_for(lambda: shows(port, 'stoker_train_finished{source="runs",run="a",status="failed"}', "1"))
        exporter.send_signal(signal.SIGKILL)
        exporter.wait()
        exporter = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(lambda: shows(port, 'stoker_train_exit_code{source="runs",run="a"}', "3"))
        assert shows(port, LOSS, "0.25")
    finally:
        exporter.kill()
        exporter.wait()


def test_a_node_needs_no_configuration_for_its_runs(tmp_path: Path) -> None:
    port = _free()
    config = tmp_path / "stoker.yaml"
    config.write_text(f"state_dir: {tmp_path}/state\nhost: {{enabled: false}}\ngpu: {{enabled: false}}\n")
    here = {**os.environ, "STOKER_RUN_DIR": str(tmp_path / "named")}
    (tmp_path / "named").mkdir()
    command = [sys.executable, "-m", "stoker", "serve", "--config", str(config), "--listen", f"127.0.0.1:{port}"]
    exporter = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=here)
    try:
        wait_for(lambda: list((tmp_path / "named").glob(".followed-*")))
        assert (tmp_path / "state/runs").is_dir()
        if os.geteuid() == 0:
            assert (tmp_path / "state/runs").stat().st_mode & 0o7777 == 0o1777
        command = [sys.executable, "-m", "stoker", "run", "--config", str(config), "--dir", str(tmp_path / "named")]
        command += ["--name", "a", "--"]
        print_loss = "print({'loss': 0.25, 'epoch': 0.5})"
        subprocess.run([*command, sys.executable, "-c", print_loss], env=here, check=True, stdout=subprocess.DEVNULL)
        wait_for(lambda: shows(port, LOSS, "0.25"))
        wait_for(lambda: shows(port, 'stoker_train_finished{source="runs",run="a",status="completed"}', "1"))
    finally:
        exporter.kill()
        exporter.wait()


def test_a_gigabyte_goes_through(bench: Bench) -> None:
    bench.runs.mkdir()
    writes = "import os\nblock = b'x' * 99 + b'\\n'\nfor _ in range(16384): os.write(1, block * 655)"
    took = {}
    for name, head in (("bare", []), ("stoker run", bench.command("--"))):
        begun = time.monotonic()
        process = subprocess.Popen([*head, sys.executable, "-c", writes], stdout=subprocess.PIPE)
        assert process.stdout is not None
        size = 0
        while data := os.read(process.stdout.fileno(), 1 << 20):
            size += len(data)
        process.stdout.close()
        assert process.wait(PATIENCE) == 0
        assert size == 16384 * 65500
        took[name] = time.monotonic() - begun
    print({name: f"{size / 2**20 / seconds:.0f} MiB/s" for name, seconds in took.items()})
    assert sum(each.stat().st_size for each in bench.runs.glob("*.log*")) <= 4 * (65 << 20)


def _free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
