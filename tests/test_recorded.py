"""Recorded machines give the pages that are kept of them, and `stoker record` and `stoker serve --replay` the page of the machine itself."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import recordings
from simulator import nvml_simulator as simulator
from stoker.app import App
from stoker.collectors.rehearsal import COVERS, rehearse
from stoker.parts import replayed_parts
from stoker.sources.record import Asked, record
from stoker.sources.recording import Recording, load, save
from stoker.sources.replay import Replay
from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

OWN = re.compile(
    r"stoker_(build|config|http|log|state|collector_(duration|last_success|stuck)|gpu_reader_restarts)|# |"
    r"stoker_host_(filesystem_(avail|files_free)|cpu_utilization|clock_)|stoker_collector_success.*host_clock|"
    r"stoker_gpu_(seconds|workload_seconds|workload_energy_joules|workloads_forgotten|xid_unwatched_seconds)_total"
)
"""What is of the exporter and not of the machine, and what changes while two pages are made."""


def stoker(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker", *arguments]
    env = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=PATIENCE * 2)


@pytest.mark.parametrize("name", [*recordings.NAMES, recordings.FIRST])
def test_a_recording_gives_the_page_that_is_kept_of_it(name: str) -> None:
    recording = load(recordings.RECORDED / name)
    rehearse(recording)
    page = recordings.played(recording)
    assert page.splitlines() == recordings.golden(name).read_text("utf-8").splitlines()


def test_the_kept_recordings_are_what_the_simulated_machines_give(nvml_library: Path, tmp_path: Path) -> None:
    for name, recording in recordings.recordings(nvml_library).items():
        save(tmp_path / name, recording)
        assert recordings.played(load(tmp_path / name)) == recordings.golden(name).read_text("utf-8"), name


def test_what_the_pages_show() -> None:
    pages = {name: recordings.golden(name).read_text("utf-8").splitlines() for name in recordings.NAMES}
    ids = [simulator.uuid_of(index) for index in range(8)]

    def value(name: str, series: str) -> float:
        return next(float(line.rpartition(" ")[2]) for line in pages[name] if line.rpartition(" ")[0] == series)

    assert value("eight-gpus.tar.gz", "stoker_gpu_devices") == value("eight-gpus.tar.gz", "stoker_gpu_pci_devices") == 8
    mig = [line for line in pages["mig"] if line.startswith("DCGM_FI_PROF_GR_ENGINE_ACTIVE{")]
    assert sorted(re.findall(r'GPU_I_PROFILE="(.*?)"', "".join(mig))) == ["1g.18gb", "2g.35gb", "3g.71gb"]
    assert value("degraded-link", f'stoker_gpu_pcie_link_width{{gpu="1",uuid="{ids[1]}",state="current"}}') == 4
    assert value("degraded-link", f'stoker_gpu_pcie_replays_total{{gpu="1",uuid="{ids[1]}"}}') == 40
    assert value("lost-gpu", f'stoker_gpu_up{{gpu="1",uuid="{ids[1]}"}}') == 0
    assert value("lost-gpu", "stoker_gpu_devices") == 1
    assert value("lost-gpu", "stoker_gpu_pci_devices") == value("lost-gpu", "stoker_gpu_devices_boot_max") == 2


def settings(folder: Path) -> Path:
    file = folder / "stoker.yaml"
    file.write_text(f"state_dir: {folder / 'state'}\ninterval: 100ms\ncompat: dcgm\n")
    return file


def shown(app: App) -> list[str]:
    with Wire(int(app.server.address.rpartition(":")[2])) as wire:
        lines = wire.ask("/metrics").body.decode().splitlines()
    return sorted(line for line in lines if not OWN.match(line))


def settled(app: App, accept: Callable[[list[str]], bool]) -> list[str]:
    app.start()
    try:
        end = time.monotonic() + PATIENCE
        while not accept(found := shown(app)):
            assert time.monotonic() < end, found
            time.sleep(0.05)
        return found
    finally:
        app.stop()


def test_a_machine_and_its_recording_give_the_same_page(
    nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "machine"
    simulated = simulator.machine(3)
    simulated.devices[1].fails("nvmlDeviceGetPowerUsage", 999)
    simulated.devices[2].values |= {"mig": 1, "mig0.gpu_instance": 1, "mig0.compute_instance": 0, "mig0.gpm1": 500}
    simulated.write(file)
    for name, value in simulator.environment(nvml_library, file).items():
        monkeypatch.setenv(name, value)
    machine = recordings.tree(tmp_path / "root", 3)
    (tmp_path / "root/proc/1/mountinfo").write_text("1 0 0:1 / / rw - ext4 /dev/vda rw\n")
    config = settings(tmp_path)

    def complete(lines: list[str]) -> bool:
        return any('unit="tensor"' in line for line in lines) and any("PROF_PCIE_TX_BYTES" in line for line in lines)

    def without_counts(lines: list[str]) -> list[str]:
        return [line for line in lines if not line.startswith("stoker_gpu_errors_total")]  # one more at each look

    live = settled(App(config, listen="127.0.0.1:0", machine=machine), complete)
    assert any(line.startswith("stoker_gpu_errors_total") and "nvmlDeviceGetPowerUsage" in line for line in live)

    host = socket.gethostname()
    asked = Asked(2, 0.1, host, host, gpus=True, deadline=5.0, known={}, covers=COVERS)
    save(tmp_path / "recording", record(machine, asked, os.environ))
    replay = Replay(load(tmp_path / "recording"))
    try:
        replay.start()
        app = App(
            config,
            listen="127.0.0.1:0",
            machine=replay.machine,
            build=partial(replayed_parts, replay),
            host=replay.recording.host,
        )
        again = settled(app, complete)
    finally:
        replay.close()
    assert without_counts(again) == without_counts(live)
    assert [line.rpartition(" ")[0] for line in again] == [line.rpartition(" ")[0] for line in live]


def test_the_command_records_and_serves_without_a_trace_left(
    nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "machine"
    simulator.machine(2).write(file)
    root = recordings.tree(tmp_path / "root", 2).root
    config = tmp_path / "record.yaml"
    config.write_text(
        f"state_dir: {tmp_path / 'state'}\nhost: {{proc: {root}/proc, sys: {root}/sys, root: {root}}}\ngpu: {{enabled: true}}\n"
    )
    env = simulator.environment(nvml_library, file)
    target = str(tmp_path / "node.tar.gz")
    done = stoker(
        "record", target, "--seconds", "1", "--every", "1", "--host", "node-7", "--config", str(config), **env
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 rounds of node-7: 2 GPUs, " in done.stdout
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    config.write_text("compat: dcgm\n")
    command = [sys.executable, "-m", "stoker", "serve", "--replay", target, "--config", str(config)]
    process = subprocess.Popen([*command, "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        port = next(
            int(found[1]) for line in process.stderr if (found := re.search(r"listening on=127\.0\.0\.1:(\d+)", line))
        )
        end = time.monotonic() + PATIENCE
        while True:
            with Wire(port) as wire:
                page = wire.ask("/metrics").body.decode()
            if "\nstoker_gpu_devices 2\n" in page:
                break
            assert time.monotonic() < end, page
        assert 'Hostname="node-7"' in page
        assert "stoker_log_lines_total" not in page
        assert list(scratch.iterdir())
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
        assert list(scratch.iterdir()) == []
    finally:
        process.kill()
        process.communicate()


def test_a_recording_tells_no_secrets_and_not_the_name_of_the_machine(tmp_path: Path) -> None:
    machine = recordings.tree(tmp_path / "root", 0)
    process = tmp_path / "root/proc/4242"
    process.mkdir()
    for name in ("cmdline", "environ", "comm"):
        (process / name).write_text(f"token-{name}\0")
    (process / "stat").write_text(f"4242 (token-name) S 1 2 3 {'0 ' * 15}30\n")
    (tmp_path / "root/proc/1/mountinfo").write_text("1 0 0:1 / / rw - cifs //my-host/x rw,password=token-mount\n")
    asked = Asked(
        1, 1.0, "my-host", "node-1", gpus=False, deadline=1.0, known={"gpus": {"GPU-1": {"info": {"name": "my-host"}}}}
    )
    save(tmp_path / "found", record(machine, asked, {}))
    text = "".join(file.read_text() for file in (tmp_path / "found").iterdir())
    assert "proc/4242/stat" in text
    assert "//node-1/x" in text
    assert "token" not in text
    assert "secret" not in text
    assert "my-host" not in text


def test_time_moves_on_to_the_last_round_and_stays(tmp_path: Path) -> None:
    recording = load(recordings.RECORDED / "degraded-link")
    quick = Recording(
        recording.host,
        recording.architecture,
        recording.begun,
        recording.gpus,
        [type(each)(each.at / 50, each.answers, each.files, each.links, each.mounts) for each in recording.rounds],
    )
    replay = Replay(quick)
    try:
        stat = Path(replay.machine.proc, "stat")
        first = stat.read_text()
        replay.start()
        end = time.monotonic() + PATIENCE
        while replay.now() is not quick.rounds[-1]:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert stat.read_text() == quick.rounds[-1].files["proc/stat"] != first
    finally:
        replay.close()
    assert not stat.exists()


def test_a_call_that_hung_hangs_again_for_its_gpu_alone(nvml_library: Path, tmp_path: Path) -> None:
    file = tmp_path / "machine"
    simulated = simulator.machine(3)
    simulated.devices[1].hangs("nvmlDeviceGetPowerUsage")
    simulated.write(file)
    machine = recordings.tree(tmp_path / "root", 3)
    env = simulator.environment(nvml_library, file, {"PATH": "/usr/bin:/bin"})
    asked = Asked(2, 0.01, "a", "a", gpus=True, deadline=0.3, known={})
    save(tmp_path / "found", record(machine, asked, env))
    page = recordings.played(load(tmp_path / "found"))
    up = [line.rpartition(" ")[2] for line in page.splitlines() if line.startswith("stoker_gpu_up{")]
    assert up == ["1", "0", "1"]
    assert 'call="nvmlDeviceGetPowerUsage",error="TIMEOUT"} 1\n' in page


def test_what_a_killed_replay_leaves_is_removed_by_the_next_and_what_is_in_use_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = load(recordings.RECORDED / recordings.FIRST)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    command = [sys.executable, "-m", "stoker", "serve", "--replay", str(recordings.RECORDED / recordings.FIRST)]
    killed = subprocess.Popen(
        [*command, "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    assert killed.stderr is not None
    next(line for line in killed.stderr if "listening on=" in line)
    left = list(tmp_path.iterdir())
    first = Replay(recording)
    both = {*left, Path(first.machine.proc).parents[1]}
    assert len(left) == 1
    assert set(tmp_path.iterdir()) == both
    killed.kill()
    killed.communicate()
    second = Replay(recording)
    assert set(tmp_path.iterdir()) == both - set(left) | {Path(second.machine.proc).parents[1]}
    first.close()
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_what_is_said_names_files_as_the_recorded_machine_does(tmp_path: Path) -> None:
    replay = Replay(load(recordings.RECORDED / recordings.FIRST), tmp_path / "replay")
    machine = replay.machine
    said = f"{machine.proc}/stat: x; mount {machine.root}/data: y; {machine.sys}/class: z"
    assert replay.named(said) == "/proc/stat: x; mount /data: y; /sys/class: z"
    replay.close()


def test_the_command_says_in_one_line_what_an_older_recording_lacks(tmp_path: Path) -> None:
    folder = str(recordings.RECORDED / recordings.FIRST)
    command = [sys.executable, "-m", "stoker", "serve", "--replay", folder, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert process.stderr is not None
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "listening on=" in line:
                break
    finally:
        process.terminate()
        process.communicate()
    (said,) = [line for line in lines if "older Stoker" in line]
    assert "is without host_clock, host_cgroup, host_files, " in said
    assert said.endswith("gpu_owners, gpu_accounts, host_infiniband_link\n")
