"""`stoker record`: write this machine down, for a bug report, a demonstration or a test."""

from __future__ import annotations

import argparse
import os
import socket
from pathlib import Path

from stoker.collectors.gpu_ledger import without_users
from stoker.collectors.rehearsal import COVERS
from stoker.config import find_config, load_settings
from stoker.config.load import state_dir
from stoker.errors import UsageError
from stoker.logs.state import kept_values
from stoker.sources.machine import Machine
from stoker.sources.record import Asked, record
from stoker.sources.recording import is_archive, save

_MOST = 3600.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "record",
        help="write down what GPUs, /proc and /sys say, for `stoker serve --replay`; no command lines, no environment, no users",
    )
    parser.add_argument("dir", metavar="DIR", help="folder to write, or file when it ends in `.tar.gz`")
    parser.add_argument("--seconds", metavar="N", type=_seconds, default=15, help="how long to record")
    parser.add_argument("--every", metavar="N", type=_seconds, default=5, help="seconds from one look to the next")
    parser.add_argument("--host", metavar="NAME", help="stands in the recording wherever the machine's name does")
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml to go by")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when all of it was written."""
    path = Path(args.dir)
    try:
        _check_place(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if args.every == 0:
        raise UsageError("--every 0: give the seconds from one look to the next")
    settings = load_settings(find_config(args.config, os.environ)).settings
    state = state_dir(settings, os.environ)
    host = socket.gethostname()
    asked = Asked(
        rounds=int(args.seconds / args.every) + 1,
        every=args.every,
        host=host,
        named=args.host or host,
        gpus=settings.gpu.enabled is not False,
        deadline=settings.gpu.deadline,
        known=kept_values(state / "gpu.json"),
        accounts=without_users(kept_values(state / "gpu_accounts.json")),
        covers=COVERS,
        kubelet=settings.gpu.kubelet_socket,
    )
    recording = record(Machine.of(settings.host), asked, os.environ)
    save(path, recording)
    last = recording.rounds[-1]
    gpus = len({answer["index"] for each in recording.rounds for answer in each.answers if "index" in answer})
    print(f"{path}: {len(recording.rounds)} rounds of {recording.host}: {gpus} GPUs, {len(last.files)} files")
    return 0


def _check_place(path: Path) -> None:
    """Whether a recording can be written there, before it is made.

    Raises:
        UsageError: it cannot, and why.
        OSError: it cannot be looked at.
    """
    if path.is_dir() and any(path.iterdir()):
        raise UsageError(f"{path}: the folder is not empty")
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path}: is there already")
    if path.is_dir() and is_archive(path):
        raise UsageError(f"{path}: is a folder, and the name is that of a file")
    there = next(each for each in (path, *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise UsageError(f"{there}: is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise UsageError(f"{there}: may not be written to")


def _seconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= _MOST:
        raise argparse.ArgumentTypeError(f"{text}: not 0 to {_MOST:g} seconds")
    return number
