"""What is damaged in a recording is one line that names the file."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

import recordings
from stoker.collectors.rehearsal import rehearse
from stoker.errors import SourceError
from stoker.sources.recording import load
from stoker.sources.replay import Replay
from wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def serve(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "stoker", "serve", "--replay", str(path), "--listen", "127.0.0.1:0"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE * 2)


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
    "a later format": (
        damaged(lambda about: about.update(format=3), "recording.json"),
        "format 3; this Stoker reads formats 1 to 2",
    ),
    "no host": (damaged(lambda about: about.pop("host"), "recording.json"), "`host` is not str"),
    "time goes back": (damaged(lambda document: document.update(at=0)), "`at` does not rise"),
    "no answer": (damaged(lambda document: document["answers"].append(7)), "answer 3 is none of NVML's"),
    "a number that is text": (
        damaged(lambda document: device(document)["values"].update(power="x")),
        "round-0001.json: damaged: GPU 0: power: no values of NVML",
    ),
    "a path outside": (
        damaged(lambda document: document["files"].update({"proc/../../x": ""})),
        "is no path of a recording",
    ),
    "a link to another place": (
        damaged(lambda document: document["links"].update({"proc/x": "/etc/passwd"})),
        "a link is no name",
    ),
    "a link upwards": (damaged(lambda document: document["links"].update({"proc/x": ".."})), "a link is no name"),
    "an error without a name": (
        damaged(lambda document: document["unread"].update({"proc/x": "EWHAT"})),
        "a file that was not read has no name of an error",
    ),
    "no state of a clock": (
        damaged(lambda document: document["said"].update(clock={"value": [1, 0, 0]})),
        "'clock' has no answer of a call",
    ),
    "no log of a drive": (
        damaged(lambda document: document["said"].update({"drive nvme0": {"value": "xyz"}})),
        "'drive nvme0' has no answer of a call",
    ),
    "no pods": (
        damaged(lambda document: document["said"].update(kubelet={"value": [["GPU-1", "ml"]]})),
        "'kubelet' has no answer of a call",
    ),
    "no answers of calls": (damaged(lambda document: document.pop("said")), "round-0001.json: damaged: `said` is not"),
    "no list of what it covers": (
        damaged(lambda about: about.pop("covers"), "recording.json"),
        "recording.json: damaged: `covers` is not list",
    ),
    "a file that is a link": (
        damaged(lambda document: document["links"].update({"proc/stat": "x"})),
        "'proc/stat' is in it in two ways",
    ),
    "a path that is too long": (
        damaged(lambda document: document["files"].update({f"proc/{'x' * 1000}": ""})),
        "is no path of a recording",
    ),
    "a file in a file": (
        damaged(lambda document: document["files"].update({"proc/stat/x": ""})),
        "'proc/stat' is in it in two ways",
    ),
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
    done = serve(file)
    assert done.returncode == 1
    assert done.stderr.startswith(f"stoker: {file}: cannot be read: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["a number that is text", "cut"])
def test_the_command_names_the_file_that_is_damaged(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "node"
    shutil.copytree(recordings.RECORDED / "degraded-link", folder)
    DAMAGE[name][0](folder)
    done = serve(folder)
    assert done.returncode == 1
    assert done.stderr.startswith(f"stoker: {folder}/round-0001.json: damaged: ")
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
