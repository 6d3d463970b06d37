"""`stoker parse` as a user types it: plain and packed files, standard input, three formats of output."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from pathlib import Path

PACKED = b"\x28\xb5\x2f\xfd packed"
LOG = b"""\
{'loss': 2.5, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.1}
loading shard 1 of 7
loading shard 2 of 7
{'loss': nan, 'grad_norm': 1.1, 'learning_rate': 5e-05, 'epoch': 0.2}
INFO:     127.0.0.1:51234 - "POST /v1/completions HTTP/1.1" 200 OK
done"""


def parse(*arguments: str, data: bytes = b"", path: str | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "stoker", "parse", *arguments],
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
        env=None if path is None else {"PATH": path, "PYTHONPATH": ":".join(sys.path)},
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def rows(text: str) -> list[tuple[int, str, float]]:
    return [(row["line"], row["metric"], row["value"]) for row in map(json.loads, text.splitlines())]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "train.log"
    path.write_bytes(LOG)
    return path


def test_the_table_ends_with_the_lines_not_understood_by_shape(log: Path) -> None:
    done = parse(str(log))
    assert done.returncode == 0
    assert done.stdout.splitlines()[-5:] == [
        "6 lines; understood by hf_trainer 2, uvicorn 1; by none 3",
        "",
        "lines not understood, by shape:",
        "       2  loading shard # of #",
        "       1  done",
    ]


def test_jsonl_has_a_row_for_each_observation_with_its_line(log: Path) -> None:
    found = rows(parse("--format", "jsonl", str(log)).stdout)
    assert (1, "stoker_train_loss", 2.5) in found
    assert (4, "stoker_train_nonfinite_total", 1.0) in found
    assert (5, "stoker_serve_requests_total", 1.0) in found
    assert not [row for row in found if row[0] in (2, 3, 6)]


def test_openmetrics_is_what_its_parser_reads(log: Path) -> None:
    text = parse("--format", "openmetrics", str(log)).stdout
    families = text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    samples = {sample.name: sample for family in families for sample in family.samples}
    assert samples["stoker_train_loss"].value == 2.5
    assert samples["stoker_serve_requests_total"].labels["route"] == "/v1/completions"
    assert all(sample.timestamp is None for sample in samples.values())
    assert "stoker_train_skipped_steps_total" not in samples, "no initial zeros"


def test_the_kernels_errors_are_told_by_gpu_and_by_the_time_of_the_last_one() -> None:
    lines = (
        "2026-11-28T16:07:00Z node1 kernel: NVRM: Xid (PCI:0000:11:00): 79, pid=1, GPU has fallen off the bus.",
        "2026-11-28T16:18:00Z node1 kernel: NVRM: Xid (PCI:0000:11:00): 79, pid=1, GPU has fallen off the bus.",
        "2026-11-28T16:19:00Z node1 kernel: NVRM: Xid (PCI:0000:21:00): 79, pid=1, GPU has fallen off the bus.",
        "[ 12.5] NVRM: Xid (PCI:0000:31:00): 31, pid=1, name=python3, MMU Fault",
    )
    text = parse("--format", "openmetrics", "-", data="\n".join(lines).encode()).stdout
    assert [line for line in text.splitlines() if not line.startswith("#")] == [
        'stoker_gpu_xid_errors_total{uuid="pci:0000:11:00",xid="79"} 2',
        'stoker_gpu_xid_errors_total{uuid="pci:0000:21:00",xid="79"} 1',
        'stoker_gpu_xid_errors_total{uuid="pci:0000:31:00",xid="31"} 1',
        'stoker_gpu_xid_last_timestamp_seconds{uuid="pci:0000:11:00",xid="79"} 1795882680',
        'stoker_gpu_xid_last_timestamp_seconds{uuid="pci:0000:21:00",xid="79"} 1795882740',
    ]


def test_standard_input_and_packed_files_give_the_same(log: Path) -> None:
    plain = parse("--format", "jsonl", str(log)).stdout
    packed = log.with_name("train.log.1.gz")
    packed.write_bytes(gzip.compress(LOG[:100]) + gzip.compress(LOG[100:]))
    assert parse("--format", "jsonl", "-", data=LOG).stdout == plain
    assert parse("--format", "jsonl", str(packed)).stdout == plain


def test_zstandard_is_unpacked_by_its_program(log: Path, tmp_path: Path) -> None:
    """A stand-in for `zstd -dcq`, which is not on every machine."""
    program = tmp_path / "bin" / "zstd"
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.stdin.buffer.read() == {PACKED!r}\n"
        f"sys.stdout.buffer.write(open({str(log)!r}, 'rb').read())\n"
    )
    program.chmod(0o755)
    packed = tmp_path / "train.log.zst"
    packed.write_bytes(PACKED)
    assert (
        parse("--format", "jsonl", str(packed), path=str(program.parent)).stdout
        == parse("--format", "jsonl", str(log)).stdout
    )
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('zstd: train.log.zst : premature end')\n")
    done = parse(str(packed), path=str(program.parent))
    assert (done.returncode, done.stderr) == (
        1,
        f"stoker: {packed}: the packed data is damaged or cut off: premature end\n",
    )
    done = parse(str(packed), path=str(tmp_path))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"stoker: {packed}: zstd is not on PATH; install it, or unpack the file first\n"


def test_what_stands_before_a_damage_is_shown(log: Path) -> None:
    packed = log.with_name("train.log.gz")
    packed.write_bytes(gzip.compress(LOG) + gzip.compress(LOG * 9)[:60])
    done = parse("--format", "jsonl", str(packed))
    assert (1, "stoker_train_loss", 2.5) in rows(done.stdout)
    assert done.returncode == 1
    assert done.stderr.startswith(f"stoker: {packed}: the packed data is damaged or cut off: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("name", "says"), [("nothing", "No such file or directory"), (".", "Is a directory")])
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, name: str, says: str) -> None:
    done = parse(str(tmp_path / name))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"stoker: {tmp_path / name}: {says}; name a log file, or - for standard input\n"


def test_an_unknown_format_is_one_line(log: Path) -> None:
    done = parse("--formats", "hf_trainr", str(log))
    assert done.returncode == 1
    assert "there is no log format hf_trainr; did you mean hf_trainer?" in done.stderr


@pytest.mark.parametrize("form", ["table", "jsonl", "openmetrics"])
def test_halves_of_characters_and_control_characters_are_shown_somehow(form: str) -> None:
    paths = (r"/\ud800", r"/\udfff", r"/\u0000", r"/\n", r"/\u001b[2J")
    log = "".join(f'{{"method": "GET", "path": "{path}", "status": 200, "request_time": 0.5}}\n' for path in paths)
    done = parse("-", "--format", form, data=log.encode())
    assert done.returncode == 0, done.stderr
    assert "stoker_serve_requests" in done.stdout
    assert not {"\x00", "\x1b", "\ud800"} & set(done.stdout)


def test_a_hole_of_a_terabyte_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(LOG + b"\n")
    with path.open("r+b") as file:
        file.seek(1 << 40)
        file.write(b"\n{'loss': 2.25, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.3}\n")
    done = parse(str(path), "--format", "jsonl")
    assert done.returncode == 0
    assert 2.25 in [value for _, _, value in rows(done.stdout)]


def test_series_and_shapes_without_end_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "stoker.yaml").write_text("limits: {series_per_metric: 10}\n")
    log = "".join(
        f"{{'loss': 2.5, 'learning_rate': 0.1, 'eval_x{number}': 1.0, 'epoch': 0.1}}\n" for number in range(50)
    )
    done = parse("-", "--config", str(tmp_path / "stoker.yaml"), data=log.encode())
    assert "series_limit: 40" in done.stdout
    assert done.stdout.count("stoker_train_eval") == 10
