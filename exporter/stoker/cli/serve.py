"""`stoker serve`: run the exporter until it is told to stop."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING

from stoker.app import App
from stoker.config import find_config

if TYPE_CHECKING:
    import argparse


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
    app = App(find_config(args.config, os.environ), listen=listen)
    app.start()
    while next_asked(asked) == signal.SIGHUP:
        app.reload()
    app.stop()
    logging.shutdown()
    os._exit(0)  # threads that hang in a driver must not keep the process alive


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
