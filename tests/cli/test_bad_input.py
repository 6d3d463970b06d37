"""What a user gets wrong is told in one line with its place, never in a traceback."""

from __future__ import annotations

import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def stoker(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "stoker", *arguments], input=data, capture_output=True, timeout=60, check=False
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


BAD = {
    "a broken YAML": ("sources: [", 1, "yaml: this is no YAML"),
    "an unknown key": ("hosst: {enabled: true}\n", 1, ":1:1: unknown-key: hosst is no key here; did you mean host?"),
    "a wrong type": ("interval: 15\n", 1, ":1:11: type: interval is a whole number; it has to be a duration"),
    "a number of five thousand digits": (
        f"interval: {'9' * 5000}\n",
        1,
        f"type: interval is the text '{'9' * 80}…'; it has to be a duration",
    ),
    "an interval without end": ("interval: 999999999999999999999d\n", 1, ":1:11: range: interval is above 5m"),
    "a deadline of nothing": ("gpu: {deadline: 0s}\n", 1, ":1:17: range: deadline is not above zero"),
    "limits below any use": ("limits: {label_length: -1}\n", 1, ":1:24: range: label_length is below 1"),
    "a nest without end": (f"pack: {'[' * 900}{']' * 900}\n", 1, "yaml: this is nested more than 100 deep"),
    "a path with a NUL": ('state_dir: "/a\\0b"\n', 1, ":1:12: yaml: a NUL character is not allowed"),
    "a folder without a name": ('state_dir: ""\n', 1, ":1:12: state-dir: state_dir is empty"),
    "a log in its place": ("x" * (4 * 2**20 + 1), 1, ":1:1: config-file: larger than 4 MiB"),
    "a host that is nowhere": ("host: {proc: proc}\n", 1, ":1:14: host-path: proc is no absolute path"),
    "an unknown collector": (
        "host: {collectors: {host_dsk: false}}\n",
        1,
        ":1:21: unknown-collector: there is no collector host_dsk; did you mean host_disk?",
    ),
    "a key twice": ("interval: 15s\ninterval: 30s\n", 1, ":2:1: duplicate-key: interval is set twice"),
    "an unknown alert": (
        "pack: {alerts: {GpuDwn: {for: 5m}}}\n",
        1,
        "unknown-alert: there is no alert GpuDwn; did you mean GpuDown?",
    ),
    "an unknown parameter": ("pack: {alerts: {GpuDown: {fro: 5m}}}\n", 1, "GpuDown has no parameter fro"),
    "an unknown metric": (
        "pack:\n  recordings:\n    a:b:c: {expr: stoker_gpu_temperatur_celsius}\n",
        1,
        ":3:19: unknown-metric: stoker_gpu_temperatur_celsius does not exist; did you mean stoker_gpu_temperature_celsius?",
    ),
    "an unknown label": (
        "pack:\n  recordings:\n    a:b:c: {expr: 'stoker_gpu_up{gpuu=\"0\"}'}\n",
        1,
        "unknown-label: stoker_gpu_up has no label gpuu; did you mean gpu?",
    ),
    "rate over a gauge": ("pack:\n  recordings:\n    a:b:c: {expr: 'rate(stoker_gpu_up[5m])'}\n", 1, "rate-of-gauge"),
    "a raw counter compared": (
        "pack:\n  recordings:\n    a:b:c: {expr: stoker_host_oom_kills_total > 3}\n",
        1,
        "raw-counter",
    ),
    "a short range": (
        "pack:\n  recordings:\n    a:b:c: {expr: 'rate(stoker_host_oom_kills_total[30s])'}\n",
        1,
        "short-range",
    ),
    "a secret in the file": ("notify: {email: {password: hunter2}}\n", 1, "a secret does not belong into stoker.yaml"),
    "a format that does not read its sample": (
        "pack:\n  formats:\n    own: {patterns: [{sample: x, regex: 'loss=(?P<l>{number})', set: {stoker_train_loss: l}}]}\n",
        1,
        "sample: own: the pattern does not read its own sample",
    ),
    "a pattern that backtracks": (
        "pack:\n  formats:\n    own: {patterns: [{sample: aa, regex: '(a+)+$', set: {}}]}\n",
        1,
        "a repetition without bound stands around something that can be cut in several ways",
    ),
    "an empty glob": (
        "sources: [{name: a, files: ['']}]\n",
        1,
        "files has nothing in it, or an empty text; as in [/var/log/train/*.log]",
    ),
    "a label of one's own": (
        "sources: [{name: a, files: [/x], labels: {team: b}}]\n",
        1,
        ":1:42: source-label: team is no label here; known: engine",
    ),
    "a band without width": (
        "sources: [{name: a, files: [/x], spike_factor: 0}]\n",
        1,
        "range: spike_factor is not above zero; write a number such as 6",
    ),
    "a source that discovers what nobody knows": (
        "sources: [{name: a, discover: gpu_process}]\n",
        1,
        "discover is the text 'gpu_process'; it has to be one of gpu_processes",
    ),
    "runs that are neither on nor a mapping": (
        "sources: [{name: a, runs: 5}]\n",
        1,
        "runs is a whole number; it has to be true or false or a mapping",
    ),
    "a source of runs and files": (
        "sources: [{name: a, runs: true, files: [/x]}]\n",
        1,
        "set one of files, stdin, kernel, journal, ingest, syslog, kafka, runs, discover",
    ),
    "a source without origin": ("sources: [{name: a}]\n", 1, "source-origin: a source has exactly one origin"),
    "a source with two": ("sources: [{name: a, stdin: true, journal: {}}]\n", 1, "source-origin: a source has exactly"),
    "no globs": (
        "sources: [{name: a, files: []}]\n",
        1,
        "source-origin: files has nothing in it, or an empty text; as",
    ),
    "no topics": (
        "sources: [{name: a, kafka: {brokers: [b], topics: []}}]\n",
        1,
        "source-origin: topics has nothing in it, or an empty text; as in [train-logs]",
    ),
    "syslog on no address": ("sources: [{name: a, syslog: {listen: here}}]\n", 1, "listen: here is no address; write"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_mistake_in_the_configuration(case: str, tmp_path: Path) -> None:
    text, code, says = BAD[case]
    file = tmp_path / "stoker.yaml"
    file.write_text(text)
    done = stoker("check", "--config", str(file))
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert str(file) in done.stderr
    assert max(map(len, done.stderr.splitlines())) < 500
    assert "Traceback" not in done.stderr


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "stoker.yaml"
    file.write_text("hosst: {}\nintervall: 5s\nlisten: 5\n")
    lines = stoker("check", "--config", str(file)).stderr.splitlines()
    assert [line.split(": ")[1] for line in lines] == ["unknown-key", "unknown-key", "type"]


def test_a_configuration_that_is_not_there(tmp_path: Path) -> None:
    done = stoker("serve", "--config", str(tmp_path / "none.yaml"))
    assert done.returncode == 1
    assert "cannot be read: No such file or directory" in done.stderr


def test_serve_finds_an_unknown_collector_too(tmp_path: Path) -> None:
    file = tmp_path / "stoker.yaml"
    file.write_text("host: {collectors: {host_dsk: false}}\n")
    done = stoker("serve", "--config", str(file))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "there is no collector host_dsk" in done.stderr


def test_a_device_without_end_is_no_configuration() -> None:
    done = stoker("serve", "--config", "/dev/zero")
    assert (done.returncode, done.stderr) == (
        1,
        "/dev/zero:1:1: config-file: larger than 4 MiB; name a stoker.yaml\n",
    )


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["serve", "--confg", "x"], "stoker serve: unknown argument --confg; see stoker serve --help"),
        (["serve", "--log-level", "x"], "stoker serve: argument --log-level: invalid choice: 'x'"),
        (["parse"], "stoker parse: the following arguments are required: FILE; see stoker parse --help"),
        (["srve"], "stoker: argument COMMAND: invalid choice: 'srve'"),
        (["check", "--mutate", "GpuDow"], "stoker: --mutate GpuDow: there is no alert GpuDow; did you mean GpuDown?"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: list[str], says: str) -> None:
    done = stoker(*arguments)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(says)


def test_a_taken_port_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = stoker("serve", "--listen", address)
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1] == (
        f"stoker: cannot listen on {address}: Address already in use; stop what uses it or choose another address with --listen"
    )


def test_a_log_that_is_no_log(tmp_path: Path) -> None:
    for path, says in ((tmp_path, "Is a directory"), (tmp_path / "none.log", "No such file or directory")):
        done = stoker("parse", str(path))
        assert done.returncode == 2
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_nuls_bad_utf8_and_a_line_of_ten_megabytes_are_counted_and_stop_nothing() -> None:
    good = b"{'loss': 0.25, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.5}\n"
    data = b"\0" * 5000 + good + b"\xff\xfe broken \xc3\n" + b"x" * 10_000_000 + b"\n" + good
    done = stoker("parse", "-", data=data)
    assert done.returncode == 0
    assert "stoker_train_loss" in done.stdout
    for word in ("nul: 1", "decode: 1", "too_long: 1"):
        assert word in done.stdout


def test_several_files_are_checked_each_by_itself_and_told_together(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").write_text("hosst: {}\n")
    (tmp_path / "two.yaml").write_text("interval: 15\n")
    (tmp_path / "fine.yaml").write_text("interval: 15s\n")
    done = stoker("check", *(str(tmp_path / name) for name in ("one.yaml", "fine.yaml", "two.yaml", "none.yaml")))
    assert done.returncode == 1
    says = done.stderr.splitlines()
    assert [line.split(": ")[1] for line in says] == ["unknown-key", "type", "config-file"]
    assert stoker("check", str(tmp_path / "fine.yaml")).stdout.startswith("no problems: ")
    shipped = stoker("check", "rules/stoker_pack/gpu.yaml")
    assert (shipped.returncode, shipped.stderr) == (0, "")
    assert stoker("check", "--all", str(tmp_path / "fine.yaml")).returncode == 2
