"""What the doctor says of sources: files that match, that are closed, that nobody understands; the kernel's log."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from stoker.catalog import complete
from stoker.config import Settings, SourceSettings
from stoker.config.settings import IngestSettings, JournalSettings, KafkaSettings, KernelSettings, SyslogSettings
from stoker.doctor import logs
from stoker.doctor.finding import Finding, State
from stoker.documents import Problems
from stoker.logs.formats import CompiledFormats, compile_formats
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from pathlib import Path

REPORT = "{'loss': 0.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.1}\n"


@pytest.fixture(scope="module")
def formats() -> CompiledFormats:
    problems = Problems()
    pack = complete(load_pack(None, problems, alerts=False))
    made = compile_formats(pack.formats, "auto", pack.catalog, problems)
    assert problems.found == []
    return made


def look(source: SourceSettings, formats: CompiledFormats) -> Finding:
    (found,) = logs.sources(Settings(sources=(source,)), {source.name: formats})
    return found


def test_a_log_that_is_understood_is_told_with_its_format(tmp_path: Path, formats: CompiledFormats) -> None:
    (tmp_path / "train.log").write_text("loading\n" + REPORT * 3)
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/*.log",)), formats)
    assert found == Finding("source a", State.OK, "1 file; 3 of the last 4 lines understood (hf_trainer)")


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path, formats: CompiledFormats) -> None:
    (tmp_path / "train.log").write_text("a line that nobody understands\n" * 50_000 + REPORT)
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/train.log",)), formats)
    assert "1 of the last 8" in found.says


def test_a_log_that_nobody_understands_is_told_with_what_to_do(tmp_path: Path, formats: CompiledFormats) -> None:
    (tmp_path / "other.log").write_text("hello\nworld\n")
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/*.log",)), formats)
    assert found.state is State.DEGRADED
    assert "none of the last 2 lines is understood" in found.says
    assert f"stoker parse {tmp_path}/other.log" in found.do


def test_a_pattern_that_matches_nothing_is_told_with_the_folder_that_is_missing(
    tmp_path: Path, formats: CompiledFormats
) -> None:
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/no/*.log",)), formats)
    assert found.state is State.DEGRADED
    assert f"there is no folder {tmp_path}/no" in found.do


def test_a_folder_in_place_of_a_file_is_broken(tmp_path: Path, formats: CompiledFormats) -> None:
    (tmp_path / "train.log").mkdir()
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/train.log",)), formats)
    assert found.state is State.BROKEN
    assert "Is a directory" in found.says


def test_a_kernel_log_that_is_closed_is_broken(tmp_path: Path, formats: CompiledFormats) -> None:
    log = tmp_path / "kmsg"
    log.write_text("[1.0] NVRM: Xid (PCI:0000:91:00): 79, pid=1, GPU has fallen off the bus.\n")
    found = look(SourceSettings(name="k", kernel=KernelSettings(path=str(log))), formats)
    assert "1 of the last 1 lines understood" in found.says
    log.write_text("[1.0] usb 1-1: new device\n")
    well = look(SourceSettings(name="k", kernel=KernelSettings(path=str(log))), formats)
    assert (well.state, "none of the last 1 lines tells of a fault" in well.says) == (State.OK, True)
    off = look(SourceSettings(name="k", kernel=False), formats)
    assert off.state is State.ABSENT
    closed = logs.kernel("/dev/kmsg/none", "source k")
    assert closed.state is State.BROKEN
    assert "CAP_SYSLOG" in closed.do


def test_standard_input_and_no_sources_are_fine(formats: CompiledFormats) -> None:
    assert look(SourceSettings(name="a", stdin=True), formats).state is State.OK
    (none,) = logs.sources(Settings(), {})
    assert none.state is State.ABSENT


def test_a_file_that_may_not_be_read_is_broken(
    tmp_path: Path, formats: CompiledFormats, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train.log").write_text(REPORT)

    def closed(_: str) -> bytes:
        raise PermissionError(errno.EACCES, "Permission denied")

    # root, as whom these tests may run, may read everything
    monkeypatch.setattr(logs, "_tail", closed)
    found = look(SourceSettings(name="a", files=(f"{tmp_path}/train.log",)), formats)
    assert found.state is State.BROKEN
    assert "Permission denied" in found.says
    assert "setfacl" in found.do


def test_what_others_send_is_told_by_what_it_needs(
    tmp_path: Path, formats: CompiledFormats, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look(SourceSettings(name="a", ingest=IngestSettings()), formats).state is State.OK
    token = tmp_path / "token"
    closed = look(SourceSettings(name="a", ingest=IngestSettings(token_file=str(token))), formats)
    assert (closed.state, closed.says) == (
        State.BROKEN,
        f"{token}: No such file or directory: every push is refused",
    )
    token.write_text("secret")
    assert look(SourceSettings(name="a", ingest=IngestSettings(token_file=str(token))), formats).state is State.OK
    found = look(SourceSettings(name="a", syslog=SyslogSettings()), formats)
    assert (found.state, found.says) == (State.OK, "receives syslog on 127.0.0.1:5514 (udp)")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    topics = KafkaSettings(brokers=("a:1",), topics=("t",))
    assert look(SourceSettings(name="a", kafka=topics), formats).state is State.BROKEN
    monkeypatch.setenv("PATH", str(tmp_path))
    assert look(SourceSettings(name="a", journal=JournalSettings()), formats).state is State.BROKEN
    (tmp_path / "journalctl").touch(0o755)
    assert look(SourceSettings(name="a", journal=JournalSettings()), formats).state is State.OK
