"""What may become of the state folder and what is in it, while the real program runs and between two of its lives."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from served import Program
from wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINES = 'stoker_log_lines_total{source="s"}'
WRITABLE = "stoker_state_writable"


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:  # the test below shows the same without a file system of its own
        pytest.skip(f"a full file system has to be mounted: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def append(folder: Path, count: int) -> None:
    with (folder / "a.log").open("a") as file:
        file.writelines(f"line {number}\n" for number in range(count))


def fill(ballast: Path) -> None:
    """Take all the room that is left."""
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(b"x" * 4096):
            pass


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    program = Program(folder, f"sources: [{{name: s, files: ['{folder}/a.log'], from: beginning}}]\n")
    try:
        yield program
    finally:
        program.end()


def test_a_full_disk_costs_durability_only_and_is_made_good(tmp_path: Path) -> None:
    append(tmp_path, 3)
    with mounted(tmp_path / "state", "size=1m"):
        ballast = tmp_path / "state" / "ballast"
        with running(tmp_path) as program:
            program.until(LINES, "3")
            until_saved(tmp_path, 3)
            fill(ballast)
            append(tmp_path, 4)
            program.until(LINES, "7")
            program.until(WRITABLE, "0")
            assert "No space left" in program.logged("state cannot be kept")
        document = tmp_path / "state" / "logs.json"
        assert json.loads(document.read_bytes())["sources"]["s"]["totals"]["lines"] == 3, "the old one is whole"
        with running(tmp_path) as program:  # that one was killed while the disk was full
            program.until(LINES, "7")
            program.until(WRITABLE, "0")
            ballast.unlink()
            program.until(WRITABLE, "1")
            program.logged("state is saved again")
        assert json.loads(document.read_bytes())["sources"]["s"]["totals"]["lines"] == 7


def test_a_state_that_cannot_grow_costs_durability_only_and_is_made_good(tmp_path: Path) -> None:
    append(tmp_path, 3)
    with running(tmp_path) as program:
        program.until(LINES, "3")
        until_saved(tmp_path, 3)
        _, most = resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (100, most))
        append(tmp_path, 4)
        program.until(LINES, "7")
        program.until(WRITABLE, "0")
        resource.prlimit(program.process.pid, resource.RLIMIT_FSIZE, (most, most))
        program.until(WRITABLE, "1")
    document = tmp_path / "state" / "logs.json"
    assert json.loads(document.read_bytes())["sources"]["s"]["totals"]["lines"] == 7


def test_a_state_folder_that_may_not_be_written_costs_durability_only(tmp_path: Path) -> None:
    append(tmp_path, 3)
    (tmp_path / "state").write_text("in the way")
    with running(tmp_path) as program:
        program.until(LINES, "3")
        program.until(WRITABLE, "0")
        append(tmp_path, 2)
        program.until(LINES, "5")


def until_saved(folder: Path, lines: int) -> Path:
    """The document, once it has so many lines: a line is exposed before it is saved."""
    file = folder / "state" / "logs.json"
    give_up = time.monotonic() + PATIENCE
    while not file.exists() or json.loads(file.read_text())["sources"]["s"]["totals"]["lines"] != lines:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    return file


def saved(folder: Path) -> Path:
    """A document of a life that read three lines."""
    append(folder, 3)
    with running(folder) as program:
        program.until(LINES, "3")
        return until_saved(folder, 3)


@pytest.mark.parametrize(
    "left",
    [b"", b'{"version":1,"saved":17', b'{"version":0,"sources":{}}', b"\x00\xff" * 50],
    ids=["empty", "cut off", "older", "garbage"],
)
def test_a_document_that_cannot_be_used_is_set_aside_and_reading_begins_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "logs.json").write_bytes(left)
    append(tmp_path, 4)
    with running(tmp_path) as program:
        program.until(LINES, "4")
        program.until(WRITABLE, "1")
        program.logged("state cannot be used")
    assert [each.read_bytes() for each in (tmp_path / "state").glob("logs.json.corrupt-*")] == [left]


def test_a_document_of_an_older_release_goes_on(tmp_path: Path) -> None:
    file = saved(tmp_path)
    found = json.loads(file.read_text())
    source = found["sources"]["s"]
    del source["looking"], source["archives"]["read"], source["archives"]["waiting"]
    for position in source["files"]:
        for name in ("folder", "changed", "ended", "removed", "passed"):
            del position[name]
    file.write_text(json.dumps(found))
    append(tmp_path, 1)
    with running(tmp_path) as program:
        program.until(LINES, "4")
    assert not list(file.parent.glob("*corrupt*"))


def test_a_state_folder_that_is_gone_is_made_again(tmp_path: Path) -> None:
    append(tmp_path, 3)
    with running(tmp_path) as program:
        program.until(LINES, "3")
        until_saved(tmp_path, 3)
        (tmp_path / "state").rename(tmp_path / "away")
        append(tmp_path, 1)
        program.until(LINES, "4")
        until_saved(tmp_path, 4)
