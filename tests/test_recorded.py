"""Recorded machines give the pages that are kept of them, and `stoker record` and `stoker serve --replay` the page of the machine itself."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import recordings
from simulator import nvml_simulator as simulator
from stoker.app import App
from stoker.collectors.rehearsal import rehearse
from stoker.errors import SourceError
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


@pytest.mark.parametrize("name", recordings.NAMES)
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
    asked = Asked(2, 0.1, host, host, gpus=True, deadline=5.0, known={})
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


def damaged(change: Callable[[dict[str, Any]], object], name: str = "round-0001.json") -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        document = json.loads((folder / name).read_text())
        change(document)
        (folder / name).write_text(json.dumps(document))

    return damage


def device(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(answer for answer in document["answers"] if "index" in answer)
    return found


def cut(folder: Path) -> None:
    file = folder / "round-0001.json"
    file.write_bytes(file.read_bytes()[:1000])


def without_rounds(folder: Path) -> None:
    for file in folder.glob("round*"):
        file.unlink()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut": (cut, "round-0001.json: damaged: "),
    "empty": (lambda folder: (folder / "recording.json").write_text(""), "recording.json: damaged: "),
    "no rounds": (without_rounds, "0 rounds"),
    "a gap": (lambda folder: (folder / "round-0000.json").unlink(), "round-0000.json: is missing"),
    "a later format": (damaged(lambda about: about.update(format=2), "recording.json"), "format 2; this Stoker reads"),
    "no host": (damaged(lambda about: about.pop("host"), "recording.json"), "`host` is not str"),
    "time goes back": (damaged(lambda document: document.update(at=0)), "`at` does not rise"),
    "no answer": (damaged(lambda document: document["answers"].append(7)), "answer 3 is none of NVML's"),
    "a number that is text": (
        damaged(lambda document: device(document)["values"].update(power="x")),
        "round 1 of the recording: GPU 0: power: no values of NVML",
    ),
    "a path outside": (
        damaged(lambda document: document["files"].update({"proc/../../x": ""})),
        "is no path of a recording",
    ),
    "a file in a file": (damaged(lambda document: document["files"].update({"proc/stat/x": ""})), "cannot be played"),
    "not a number": (
        lambda folder: (folder / "recording.json").write_text('{"format": 1, "begun": NaN}'),
        "NaN is no number",
    ),
    "nothing there": (shutil.rmtree, "No such file or directory"),
}


def played_through(path: Path) -> None:
    recording = load(path)
    rehearse(recording)
    replay = Replay(recording)
    try:
        for number in range(len(recording.rounds)):
            replay.go_to(number)
    finally:
        replay.close()


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_one_line(name: str, tmp_path: Path) -> None:
    damage, says = DAMAGE[name]
    folder = tmp_path / "degraded-link"
    shutil.copytree(recordings.RECORDED / "degraded-link", folder)
    damage(folder)
    with pytest.raises(SourceError, match=re.escape(says)) as raised:
        played_through(folder)
    assert "\n" not in str(raised.value)


def test_the_command_says_damage_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "cut.tar.gz"
    file.write_bytes((recordings.RECORDED / "eight-gpus.tar.gz").read_bytes()[:2000])
    done = stoker("serve", "--replay", str(file), "--listen", "127.0.0.1:0")
    assert done.returncode == 1
    assert done.stderr.startswith(f"stoker: {file}: cannot be read: ")
    assert done.stderr.count("\n") == 1


def test_any_damage_is_said_or_does_not_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(7)
    texts = {file.name: file.read_bytes() for file in (recordings.RECORDED / "mig").iterdir()}
    packed = gzip.decompress((recordings.RECORDED / "eight-gpus.tar.gz").read_bytes())
    played = 0
    for turn in range(150):
        folder = tmp_path / str(turn)
        folder.mkdir()
        hit = chance.choice(sorted(texts))
        for name, text in texts.items():
            (folder / name).write_bytes(_hit(text, chance) if name == hit else text)
        other = tmp_path / f"{turn}.tar.gz"
        other.write_bytes(gzip.compress(_hit(packed, chance), 1))
        for path in (folder, other):
            said = ""
            try:
                recording = load(path)
                rehearse(recording)
                if path == folder:
                    recordings.played(recording)
                    played += 1
            except SourceError as error:
                said = str(error)
            assert "\n" not in said
        shutil.rmtree(folder)
        other.unlink()
    assert played
    assert not [record for record in caplog.records if record.exc_info]


def _hit(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    match chance.randrange(4):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + bytes([chance.randrange(256)]) + data[at + 1 :]
        case 2:
            return data[:at] + data[at + chance.randrange(1, 200) :]
        case _:
            return data[:at] + chance.choice([b"null", b"-1", b'"', b"[", b"1e999", b"{}"]) + data[at + 1 :]
