"""`stoker record` on a machine without GPUs, and what it refuses."""

from __future__ import annotations

import argparse
import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import recordings
from stoker.cli.record import run
from stoker.errors import UsageError
from stoker.sources.record import Asked
from stoker.sources.record import record as make
from stoker.sources.recording import load


def cli(path: Path) -> int:
    """The command in this process."""
    return run(argparse.Namespace(dir=str(path), seconds=0.0, every=5.0, host=None, config=None))


def record(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker", "record", *arguments]
    env = {**os.environ, "LD_LIBRARY_PATH": "", "XDG_STATE_HOME": str(cwd)}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=env)


def test_this_machine_without_a_driver(tmp_path: Path) -> None:
    (tmp_path / "stoker.yaml").write_text(f"state_dir: {tmp_path / 'state'}\n")
    row = ["train", "command", "", "alice", 1.0, 2.0, 0.0, 3.0, 4.0]
    kept = {"workloads": [row], "gpus": [], "forgotten": 0.0}
    (tmp_path / "state").mkdir()
    (tmp_path / "state/gpu_accounts.json").write_text(json.dumps({"version": 1, "values": {"accounts": kept}}))
    done = record("found", "--seconds", "0", "--config", "stoker.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    recording = load(tmp_path / "found")
    assert recording.rounds[0].answers == [{"fatal": ["nvmlInit", "LIBRARY_NOT_FOUND"]}]
    assert "stoker_host_cpu_seconds_total" in (page := recordings.played(recording))
    assert 'stoker_collector_success{collector="gpu"} 1' in page
    assert "stoker_gpu_devices " not in page
    assert 'stoker_collector_success{collector="host_clock"} 1' in page
    assert recording.accounts["accounts"] == {**kept, "workloads": [[*row[:3], "", *row[4:]]]}
    assert [file.name for file in (tmp_path / "state").iterdir()] == ["gpu_accounts.json"]


@pytest.mark.parametrize(
    "kept", ["{", "[]", '{"version": 2, "values": {}}', '{"version": 1, "values": []}', "[" * 10_000]
)
def test_the_exporters_state_is_only_looked_at(kept: str, tmp_path: Path) -> None:
    (tmp_path / "stoker.yaml").write_text(f"state_dir: {tmp_path / 'state'}\n")
    (tmp_path / "state").mkdir()
    for name in ("gpu.json", "gpu_accounts.json"):
        (tmp_path / "state" / name).write_text(kept)
    done = record("found", "--seconds", "0", "--config", "stoker.yaml", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert {file.name: file.read_text() for file in (tmp_path / "state").iterdir()} == dict.fromkeys(
        ("gpu.json", "gpu_accounts.json"), kept
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["full"], "stoker: full: the folder is not empty"),
        (["full/file"], "stoker: full/file: is there already"),
        (["empty.tar.gz"], "stoker: empty.tar.gz: is a folder, and the name is that of a file"),
        (["x", "--every", "0"], "stoker: --every 0: give the seconds from one look to the next"),
        (
            ["x", "--seconds", "-1"],
            "stoker record: argument --seconds: -1: not 0 to 3600 seconds; see stoker record --help",
        ),
        (
            ["x", "--seconds", "nan"],
            "stoker record: argument --seconds: nan: not 0 to 3600 seconds; see stoker record --help",
        ),
    ],
)
def test_what_is_refused(arguments: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/file").write_text("")
    (tmp_path / "empty.tar.gz").mkdir()
    done = record(*arguments, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{says}\n")


def test_a_place_that_cannot_be_written_is_said_before_anything_is_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="file: is no folder"):
        cli(tmp_path / "file/below")
    with pytest.raises(UsageError, match="File name too long"):
        cli(tmp_path / ("x" * 300))
    monkeypatch.setattr(os, "access", lambda *_: False)  # as for another user than root
    with pytest.raises(UsageError, match=f"{tmp_path}: may not be written to"):
        cli(tmp_path / "new/recording")

    def refused(self: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(Path, "is_dir", refused)
    with pytest.raises(UsageError, match="recording: Permission denied"):
        cli(tmp_path / "recording")


def test_gpus_that_cannot_be_asked_are_said_to_be_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    machine = recordings.tree(tmp_path, 1)
    asked = Asked(1, 5.0, "node-1", "node-1", gpus=True, deadline=5.0, known={})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", str(tmp_path / "none"))
        assert not make(machine, asked, {}, root=tmp_path, wait=lambda _: None, calls=recordings.calls()).gpus
    assert "the GPUs are not in the recording: cannot start the NVML process" in caplog.text
