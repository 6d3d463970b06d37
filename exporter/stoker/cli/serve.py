"""`stoker serve`: run the exporter until it is told to stop."""

from __future__ import annotations

import gc
import logging
import os
import queue
import signal
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.app import App
from stoker.collectors.rehearsal import lacking, rehearse
from stoker.config import find_config
from stoker.errors import SourceError
from stoker.parts import replayed_parts
from stoker.sources.recording import load
from stoker.sources.replay import Replay

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

log = logging.getLogger(__name__)

_END = 1.9
"""Seconds from SIGTERM to the end at the latest."""


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    parser = commands.add_parser("serve", help="run the exporter")
    parser.add_argument("--config", metavar="FILE", help="stoker.yaml (default: $STOKER_CONFIG, ./, /etc/stoker/)")
    parser.add_argument(
        "--listen", "--web.listen-address", metavar="HOST:PORT", help="address in place of the settings'"
    )
    parser.add_argument(
        "--replay",
        metavar="DIR",
        help="serve a machine that `stoker record` wrote down in place of this one; without logs and users, and nothing is kept",
    )
    parser.add_argument(
        "--log-level", choices=["debug", "info", "warning", "error"], default="info", help="what is logged"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Exit code 0 after SIGTERM or SIGINT."""
    logging.basicConfig(
        stream=sys.stderr,
        level=args.log_level.upper(),
        format="time=%(asctime)s level=%(levelname)s name=%(name)s %(message)s",
        datefmt="%Y-%m-%dT%H:%M:%S%z",
    )
    listen = args.listen
    if listen is not None and listen.startswith(":") and listen.count(":") == 1:
        listen = f"0.0.0.0{listen}"  # noqa: S104 - as `:9838` means in every other exporter
    asked = _signals()
    config = find_config(args.config, os.environ)
    with _replay(args.replay) as replay:
        app = App(config, listen=listen) if replay is None else _replayed(replay, config, listen)
        app.start()
        gc.collect()
        gc.freeze()  # what is there now stays, and is not looked through again and again for garbage
        while next_asked(asked) == signal.SIGHUP:
            app.reload()
        app.stop()
    logging.shutdown()
    os._exit(0)  # threads that hang in a driver must not keep the process alive


@contextmanager
def _replay(path: str | None) -> Iterator[Replay | None]:
    """The recording to serve, if one is named, ready to be played; its files go with the program."""
    if path is None:
        yield None
        return
    recording = load(Path(path))
    try:
        rehearse(recording)
        replay = Replay(recording)
    except SourceError as error:
        raise SourceError(f"{path}/{error}") from error
    try:
        yield replay
    finally:
        replay.close()


def _replayed(replay: Replay, config: Path | None, listen: str | None) -> App:
    """An exporter of the recorded machine."""
    host = replay.recording.host
    if lacks := lacking(replay.recording):
        log.warning("the recording was made by an older Stoker and is without %s", ", ".join(lacks))
    app = App(config, listen=listen, machine=replay.machine, build=partial(replayed_parts, replay), host=host)
    log.info("replaying host=%s rounds=%d", host, len(replay.recording.rounds))
    replay.start()
    return app


def next_asked(asked: queue.SimpleQueue[int]) -> int:
    """Wait for what is asked next: of many reloads one, and an end before all of them."""
    numbers = {asked.get()}
    while not asked.empty():
        numbers.add(asked.get())
    return next((number for number in numbers if number != signal.SIGHUP), signal.SIGHUP)


def _signals() -> queue.SimpleQueue[int]:
    """What the process is asked by signals, as they come.

    A handler in Python runs in the middle of whatever the main thread does: an Event that it sets may be locked at that
    moment, for ever. So the handlers do nothing, and the numbers come through a pipe, which works in any moment.
    """
    asked: queue.SimpleQueue[int] = queue.SimpleQueue()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)

    def read() -> None:
        while True:
            number = os.read(reader, 1)[0]
            if number in (signal.SIGTERM, signal.SIGINT):
                # whatever hangs then, a driver or a full disk, the process ends in time
                late = threading.Timer(_END, os._exit, (0,))
                late.daemon = True
                late.start()
            asked.put(number)

    threading.Thread(target=read, daemon=True, name="signals").start()
    return asked
