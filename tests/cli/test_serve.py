"""`stoker serve` as a process: it answers, reloads by signal and over HTTP, and ends in time."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from served import Program
from stoker.cli.serve import next_asked
from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

END = 2.0
"""Seconds that are promised from SIGTERM to the end; what a busy machine adds is allowed for below."""


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "train.log").write_text("{'loss': 0.25, 'epoch': 0.5}\n")
    files = f"sources: [{{name: train, files: ['{tmp_path}/*.log'], from: beginning}}]\n"
    program = Program(tmp_path, files)
    yield program
    program.end()


def test_it_listens_on_a_free_port_and_names_it(program: Program) -> None:
    with Wire(program.port) as wire:
        assert wire.ask("/-/healthy").status == 200
        assert b"Configuration: " in wire.ask("/").body
    assert program.value("stoker_config_last_reload_successful") == "1"


@pytest.mark.parametrize("way", ["signal", "http"])
def test_a_reload_is_taken_or_refused(way: str, program: Program) -> None:
    def reload() -> int:
        if way == "signal":
            os.kill(program.process.pid, signal.SIGHUP)
            return 0
        with Wire(program.port) as wire:
            return wire.ask("/-/reload", "POST").status

    program.file.write_text(program.settings + "hosst: {}\nintervall: 1s\n")
    assert reload() in (0, 500)
    program.logged("reload refused: ", times=2)
    assert program.value("stoker_config_last_reload_successful") == "0"
    program.file.write_text(program.settings + "interval: 5s\n")
    assert reload() in (0, 200)
    program.logged("reloaded config=")
    assert program.value("stoker_config_last_reload_successful") == "1"
    assert not [line for line in program.lines if "Traceback" in line]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_in_time_though_clients_are_connected(number: signal.Signals, program: Program) -> None:
    with Wire(program.port) as resting, Wire(program.port) as half, Wire(program.port):
        resting.ask("/metrics")
        half.send(b"POST /-/reload HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc")
        began = time.monotonic()
        program.process.send_signal(number)
        assert program.process.wait(PATIENCE) == 0
    print(f"ended {time.monotonic() - began:.2f} s after {number.name}, {END} s are promised")
    assert not [line for line in program.lines if "Traceback" in line]


def test_many_reloads_are_one_and_an_end_comes_before_them() -> None:
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in (signal.SIGHUP, signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
        asked.put(number)
    assert next_asked(asked) == signal.SIGTERM
    for number in (signal.SIGHUP, signal.SIGHUP):
        asked.put(number)
    assert next_asked(asked) == signal.SIGHUP
    assert asked.empty()


def test_a_reload_in_the_middle_of_a_stream_of_scrapes_loses_no_series(program: Program) -> None:
    with Wire(program.port) as wire:
        while wire.ask("/-/ready").status != 200:
            pass
        before = {line.rpartition(" ")[0] for line in wire.ask("/metrics").body.decode().splitlines()}
        os.kill(program.process.pid, signal.SIGHUP)
        while not any("reloaded config=" in line for line in program.lines):
            now = {line.rpartition(" ")[0] for line in wire.ask("/metrics").body.decode().splitlines()}
            assert not before - now
        now = {line.rpartition(" ")[0] for line in wire.ask("/metrics").body.decode().splitlines()}
        assert not before - now


def stoker(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stoker", *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **env},
    )


@pytest.mark.parametrize("flag", ["--listen", "--web.listen-address"])
def test_an_address_that_is_none_is_one_line(flag: str) -> None:
    done = stoker("serve", flag, "localhost")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "stoker: localhost is no address to listen on; write host:port, as 127.0.0.1:9838"
    )


def test_an_ipv6_address_without_a_port_of_its_own_is_left_as_it_is() -> None:
    done = stoker("serve", "--listen", "::1:x")
    assert done.stderr.startswith("stoker: ::1:x is no address to listen on")


def test_a_bug_of_ours_is_one_line_unless_asked_for_more() -> None:
    program = (
        "import stoker.app, sys\nstoker.app.App = None\nimport stoker.__main__ as m\nsys.argv[1:] = ['serve']\nm.main()"
    )
    for debug, lines in (("", 1), ("1", 5)):
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**os.environ, "STOKER_DEBUG": debug},
        )
        assert done.returncode == 3
        assert len(done.stderr.splitlines()) >= lines
        assert ("Traceback" in done.stderr) is bool(debug)
        assert "NoneType" in done.stderr


def test_the_version() -> None:
    done = stoker("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "stoker")
