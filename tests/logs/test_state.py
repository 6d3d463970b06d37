from __future__ import annotations

import json
import os
import resource
from typing import TYPE_CHECKING

import pytest

from machines import Clock
from stoker.logs.state import KeptMapping, StateFile

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "logs.json"
    assert StateFile(path).save({"a": [1, 2.5, None, "x"]})
    assert StateFile(path).load() == {"version": 1, "a": [1, 2.5, None, "x"]}


def test_an_iterator_is_saved_as_a_list_and_what_is_empty_stays(tmp_path: Path) -> None:
    path = tmp_path / "logs.json"
    assert StateFile(path).save({"a": iter([[1], {"b": "\u00e9"}]), "c": {"d": iter(()), "e": {}, "f": []}})
    assert StateFile(path).load() == {"version": 1, "a": [[1], {"b": "\u00e9"}], "c": {"d": [], "e": {}, "f": []}}


def test_nothing_saved_is_no_failure(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "logs.json")
    assert state.load() is None
    assert state.writable


@pytest.mark.parametrize("text", ["", "{", "[1]", '"x"', '{"version": 99}', "\x00\x01", "[" * 100_000])
def test_a_file_that_cannot_be_used_is_set_aside_and_kept(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "logs.json"
    path.write_text(text)
    assert StateFile(path, Clock(77)).load() is None
    assert not path.exists()
    assert (tmp_path / "logs.json.corrupt-77").read_text() == text
    assert len(caplog.records) == 1


def test_a_document_that_cannot_be_read_is_kept_and_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "logs.json"
    path.mkdir()
    (path / "inside").write_text("kept")
    state = StateFile(path, Clock(77))
    assert state.load() is None
    assert (tmp_path / "logs.json.corrupt-77" / "inside").read_text() == "kept"
    assert state.save({"a": 1})


def test_an_unwritable_folder_is_said_once_and_recovers(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "state"
    folder.write_text("in the way")
    state = StateFile(folder / "logs.json")
    assert not state.save({"a": 1})
    assert not state.save({"a": 2})
    assert not state.writable
    assert len(caplog.records) == 1
    folder.unlink()
    assert state.save({"a": 3})
    assert state.writable
    assert StateFile(folder / "logs.json").load() == {"version": 1, "a": 3}


def test_a_full_disk_leaves_the_old_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = StateFile(tmp_path / "logs.json")
    state.save({"a": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not state.save({"a": 2})
    assert json.loads((tmp_path / "logs.json").read_text())["a"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["logs.json"]


def test_state_is_not_for_everybody_to_read(tmp_path: Path) -> None:
    StateFile(tmp_path / "logs.json").save({})
    assert (tmp_path / "logs.json").stat().st_mode & 0o007 == 0


def test_a_mapping_outlives_its_process(tmp_path: Path) -> None:
    first = KeptMapping(tmp_path / "gpus.json")
    first["GPU-a"] = {"index": 0}
    first["GPU-b"] = 1
    del first["GPU-b"]
    second = KeptMapping(tmp_path / "gpus.json")
    assert dict(second) == {"GPU-a": {"index": 0}}


def test_a_mapping_without_a_file_is_a_mapping() -> None:
    kept = KeptMapping(None)
    kept["a"] = 1
    assert dict(kept) == {"a": 1}


def test_a_file_system_without_room_is_said_and_recovers(tmp_path: Path) -> None:
    state = StateFile(tmp_path / "logs.json")
    assert state.save({"a": 1})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))  # the kernel refuses to write more than this
    try:
        assert not state.save({"a": "x" * 100_000})
        assert "File too large" in state.says
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert StateFile(tmp_path / "logs.json").load() == {"version": 1, "a": 1}
    assert state.save({"a": 2})
    assert state.writable
