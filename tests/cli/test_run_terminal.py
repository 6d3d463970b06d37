"""`stoker run` on a terminal: the command has one too, with its size, its keys, its Ctrl-C and its Ctrl-Z."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from running import Bench, OnTerminal, wait_for
from stoker.sources.processes import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PYTHON = sys.executable
SIZES = """
import os, signal, sys, time
def show(*_):
    print("size", *os.get_terminal_size(), flush=True)
signal.signal(signal.SIGWINCH, show)
print("terminals", *(os.isatty(each) for each in (0, 1, 2)), flush=True)
show()
sys.stdin.readline()
print("over", flush=True)
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def on_terminal() -> Iterator[Callable[[list[str]], OnTerminal]]:
    started: list[OnTerminal] = []

    def start(command: list[str]) -> OnTerminal:
        started.append(OnTerminal(command, {"PS1": "prompt> "}))
        started[-1].resize(20, 60)
        return started[-1]

    yield start
    for each in started:
        each.close()


def test_the_command_has_a_terminal_of_the_same_size(
    bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    seen = on_terminal(bench.command("--", PYTHON, "-c", SIZES))
    seen.until(b"terminals True True True\r\n")
    seen.until(b"size ")
    seen.resize(33, 111)
    seen.until(b"size 111 33\r\n")
    seen.type(b"\r")
    seen.until(b"over\r\n")
    assert seen.end() == 0
    assert b"over" in bench.log()


def test_what_is_typed_is_echoed_once_and_read(bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]) -> None:
    seen = on_terminal(bench.command("--", PYTHON, "-c", "print('said', input('name? '))"))
    seen.until(b"name? ")
    seen.type(b"ann\r")
    assert seen.until(b"said ann\r\n") == b"ann\r\n"
    assert seen.end() == 0


def test_every_key_reaches_a_command_that_wants_them_raw(
    bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    program = "import os, tty; tty.setraw(0); os.write(1, b'ready'); os.write(1, repr(os.read(0, 9)).encode())"
    seen = on_terminal(bench.command("--", PYTHON, "-c", program))
    seen.until(b"ready")
    seen.type(b"\x03\x04\x1a\x1b[A")
    seen.until(repr(b"\x03\x04\x1a\x1b[A").encode())
    assert seen.end() == 0


def test_ctrl_c_interrupts_the_command(bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]) -> None:
    program = (
        "import time\ntry: print('ready', flush=True); time.sleep(60)\nexcept KeyboardInterrupt: raise SystemExit(9)"
    )
    seen = on_terminal(bench.command("--", PYTHON, "-c", program))
    seen.until(b"ready")
    seen.type(b"\x03")
    assert seen.end() == 9
    assert bench.record()["exit_code"] == 9


@pytest.mark.parametrize("redirection", ["", "< /dev/null", "2> /dev/null", "> /dev/null", "> /dev/null 2>&1", "| cat"])
def test_ctrl_c_interrupts_whatever_is_redirected(
    redirection: str, bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    ready = bench.runs.parent / "ready"
    program = (
        "import os, pathlib, signal, time\nsignal.signal(signal.SIGINT, lambda *_: os._exit(9))\n"
        f"pathlib.Path({str(ready)!r}).write_text('x')\nwhile True: time.sleep(1)"
    )
    shell = on_terminal(["bash", "--norc", "--noprofile", "-i"])
    shell.until(b"prompt> ")
    quoted = " ".join(f"'{each}'" for each in bench.command("--", PYTHON, "-c"))
    shell.type(
        f'{quoted} "$PROGRAM" {redirection}; echo code:${{PIPESTATUS[0]}}\r'.encode().replace(
            b'"$PROGRAM"', _quoted(program)
        )
    )
    wait_for(ready.exists)
    shell.type(b"\x03")
    wait_for(lambda: list(bench.runs.glob("*.json")) and bench.record()["ended"])
    assert bench.record()["exit_code"] == 9


@pytest.mark.parametrize("redirection", ["", "| cat"], ids=["terminal", "pipe"])
def test_ctrl_z_stops_the_job_and_fg_goes_on(
    redirection: str, bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    shell = on_terminal(["bash", "--norc", "--noprofile", "-i"])
    shell.until(b"prompt> ")
    script = bench.runs.parent / "asks.sh"
    script.write_text("echo be''gin; read line; echo go''t $line; exit 4\n")
    command = " ".join(bench.command("--", "sh", str(script)))
    shell.type(f"{command} {redirection}\r".encode())
    shell.until(b"begin\r\n")
    shell.type(b"\x1a")
    shell.until(b"Stopped")
    shell.until(b"prompt> ")
    shell.type(b"echo sh''ell\r")
    shell.until(b"shell\r\n")
    shell.until(b"prompt> ")
    shell.type(b"fg\r")
    shell.until(b"\r\n")
    shell.type(b"more\r")
    shell.until(b"got more\r\n")
    shell.until(b"prompt> ")
    assert bench.record()["exit_code"] == 4
    if not redirection:
        shell.type(b"echo code:$?\r")
        shell.until(b"code:4\r\n")


@pytest.mark.parametrize("redirection", ["", "< /dev/null"], ids=["terminal", "no input"])
def test_a_command_that_is_killed_from_outside_while_it_is_stopped_ends(
    redirection: str, bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    shell = on_terminal(["bash", "--norc", "--noprofile", "-i"])
    shell.until(b"prompt> ")
    command = " ".join(bench.command("--", "sleep", "60"))
    shell.type(f"{command} {redirection}\r".encode())
    wait_for(lambda: list(bench.runs.glob("*.json")) and bench.record())
    shell.type(b"\x1a")
    shell.until(b"Stopped")
    shell.until(b"prompt> ")
    shell.type(b"kill %1; fg; echo code:$?\r")
    shell.until(b"code:143\r\n")
    assert bench.record()["exit_code"] == 143


def test_what_runs_on_a_terminal_ends_with_a_stoker_run_that_is_killed(
    bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]
) -> None:
    seen = on_terminal(bench.command("--", "sh", "-c", "echo pid:$$:; sleep 60"))
    seen.until(b"pid:")
    pid = int(seen.until(b":"))
    wait_for(lambda: list(bench.runs.glob("*.json")))
    os.kill(seen.pid, signal.SIGKILL)
    wait_for(lambda: process(pid) is None)
    assert bench.record()["ended"] is None


def test_the_terminal_is_as_it_was_afterwards(bench: Bench, on_terminal: Callable[[list[str]], OnTerminal]) -> None:
    shell = on_terminal(
        [
            "sh",
            "-c",
            f"stty -a > {bench.runs.parent}/before; {' '.join(bench.command('--', 'stty', '-echo'))}; stty -a > {bench.runs.parent}/after",
        ]
    )
    assert shell.end() == 0
    assert (bench.runs.parent / "before").read_text() == (bench.runs.parent / "after").read_text()


def _quoted(program: str) -> bytes:
    return b"$'" + program.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").encode() + b"'"
