"""`stoker run`: run a command, pass its output through, and keep a log of it that the exporter of the node follows."""

from __future__ import annotations

import argparse
import os
import re
import socket
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.cli.run_port import OwnPort
from stoker.cli.run_signals import Signals
from stoker.config import find_config, load_settings
from stoker.config.load import state_dir
from stoker.errors import MistakeError, UsageError
from stoker.logs.identity import decimal, job_of
from stoker.sources import run_child
from stoker.sources.processes import boot_id, namespace, process
from stoker.sources.run_folder import choose, followed, prune
from stoker.sources.run_log import RunLog
from stoker.sources.run_record import RunRecord, write_record
from stoker.sources.run_relay import Output, Relay
from stoker.sources.run_terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
_LABEL = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,31})=(.{1,128})\Z")
_LABELS = 16
_PATIENCE = 5.0
"""Seconds that the end of the log may take on a disk that hangs."""
_OUT, _ERR = 1, 2
_INTERPRETERS = re.compile(r"(?:python|bash|sh|node|perl|ruby)[0-9.]*\Z")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("run", help="run a command and let the exporter of this node watch it")
    parser.add_argument(
        "--name", metavar="RUN", help="the label run (default: the job's id, else host, program and time)"
    )
    parser.add_argument("--label", metavar="KEY=VALUE", action="append", default=[], help="said of the run; repeatable")
    parser.add_argument("--dir", metavar="DIR", help="where the log goes, in place of the folder of runs")
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml, for its state directory and own formats")
    parser.add_argument("command_line", metavar="COMMAND", nargs=argparse.REMAINDER, help="after --: what to run")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """The command's exit code; 128+n when a signal ended it, 127 when there is no such command, 126 when it cannot run."""
    command = args.command_line[1:] if args.command_line[:1] == ["--"] else args.command_line
    if not command:
        raise UsageError("run: no command; write stoker run -- python train.py")
    if args.name is not None and not _NAME.match(args.name):
        raise UsageError(f"run: --name {args.name!r} is no name; use up to 64 letters, digits, _ . -")
    labels = _labels(args.label)
    state = _state(args.config)
    folder = _folder(args.dir, state)
    started = time.time()
    base, record = _record(args.name, command, labels, started)
    prune(folder, started)
    port = None if followed(folder) else OwnPort(folder, base, state, args.config)
    try:
        return _relayed(command, folder, base, record)
    finally:
        if port is not None:
            port.close()


def _labels(given: list[str]) -> dict[str, str]:
    found = {}
    for each in given:
        match = _LABEL.match(each)
        if match is None:
            raise UsageError(f"run: --label {each!r} is no label; write key=value, as team=vision")
        found[match[1]] = match[2]
    if len(found) > _LABELS:
        raise UsageError(f"run: {len(found)} labels; {_LABELS} at most")
    return found


def _state(config: str | None) -> Path:
    """The state directory; a stoker.yaml that is wrong must not keep a training run from starting."""
    try:
        settings = load_settings(find_config(config, os.environ)).settings
    except MistakeError as error:
        print(f"stoker run: {error.problems[0]}", file=sys.stderr)
        settings = load_settings(None).settings
    return state_dir(settings, os.environ)


def _folder(flag: str | None, state: Path) -> Path:
    if flag is None:
        return choose(state, os.environ)
    folder = Path(flag).absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"run: --dir {flag}: {error.strerror}; name a folder that you may write to") from error
    return folder


def _record(name: str | None, command: list[str], labels: Mapping[str, str], started: float) -> tuple[str, RunRecord]:
    """What the run's files are called, and its record."""
    host, job = socket.gethostname(), job_of(os.environ)
    stem = _stem(command)
    base = f"{name or stem}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime(started))}-{os.getpid()}"
    here = process(os.getpid())
    return base, RunRecord(
        run=name or job.run or f"{host}-{base}",
        rank=decimal(job.rank),
        service=name or stem,
        program=os.path.basename(command[0]),
        host=host,
        boot=boot_id(),
        namespace=namespace(),
        pid=os.getpid(),
        pid_start=here.start if here is not None else 0,
        started=started,
        labels=dict(labels),
    )


def _stem(command: list[str]) -> str:
    """What people call the program: the script's name where an interpreter runs one, `vllm` for `python -m vllm`."""
    words = [os.path.basename(command[0]), *command[1:]]
    if _INTERPRETERS.match(words[0]):
        words = next((words[at:] for at, each in enumerate(words) if at and not each.startswith("-")), words[:1])
        before = command[len(command) - len(words) - 1] if len(words) < len(command) else ""
        words = command[:1] if before == "-c" else words
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(words[0]).stem)[:64]
    return stem if _NAME.match(stem) else "run"


def _relayed(command: list[str], folder: Path, base: str, record: RunRecord) -> int:
    """Run the command with its output passed on and kept."""
    path = folder / f"{base}.json"

    def beat(lost: int) -> None:
        if lost or not path.exists():
            write_record(path, replace(record, lost_bytes=lost))
        else:
            os.utime(path)

    log = RunLog(str(folder / f"{base}.log"), begin=lambda: write_record(path, record), beat=beat)
    terminal, terminals = _terminal()
    signals = Signals(terminal)
    child = run_child.start(command, terminal, terminals, signals.before)
    sources = [(source, number) for number, source in child.outputs.items()]
    if terminal is not None:
        sources.append((terminal.master, terminal.outer))
    outputs = [Output(source, target, log.write, alone=len(sources) == 1) for source, target in sources]
    log.start()
    relay = Relay(child, outputs, terminal, signals.wake, signals.stop)
    signals.start(child)
    try:
        code = relay.run()
    finally:
        relay.close()
    ended = time.time()

    def end(lost: int) -> None:
        write_record(path, replace(record, ended=ended, exit_code=code, lost_bytes=lost))

    in_time = log.close(end, _PATIENCE)
    if child.error:
        _say(f"{command[0]}: {os.strerror(child.error)}")
    for output in outputs:
        if output.says:
            _say(f"output {output.target} could not be passed on: {output.says}")
    if log.lost:
        _say(f"{log.lost} bytes of the output are missing in {folder / base}.log: {log.says}")
    elif log.says or not in_time:
        _say(f"{path}: {log.says or 'the disk hangs'}: how this run ended may stay unknown")
    return code


def _terminal() -> tuple[Terminal | None, frozenset[int]]:
    """The command's terminal, where we show what it writes on one, and which of 0, 1 and 2 it takes the place of."""
    found = frozenset(number for number in (0, _OUT, _ERR) if os.isatty(number))
    shown = found & {_OUT, _ERR}
    if not shown:
        return None, frozenset()
    try:
        return Terminal(min(shown), reads=0 in found, alone=_OUT in found), found
    except OSError:
        return None, frozenset()  # a container without /dev/pts: the command has to do with pipes


def _say(text: str) -> None:
    with suppress(OSError):
        print(f"stoker run: {text}", file=sys.stderr, flush=True)
