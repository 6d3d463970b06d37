"""`stoker serve`: run the exporter until it is told to stop."""

from __future__ import annotations

import logging
import os
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
    if listen is not None and listen.startswith(":"):
        listen = f"0.0.0.0{listen}"  # noqa: S104 - as `:9838` means in every other exporter
    wanted = threading.Event()
    stop = threading.Event()

    def reload(*_: object) -> None:
        wanted.set()

    def end(*_: object) -> None:
        stop.set()
        wanted.set()
        # whatever hangs then, a driver or a full disk, the process ends in time
        late = threading.Timer(_END, os._exit, (0,))
        late.daemon = True
        late.start()

    signal.signal(signal.SIGHUP, reload)
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    app = App(find_config(args.config, os.environ), listen=listen)
    app.start()
    while not stop.is_set():
        wanted.wait()
        wanted.clear()
        if not stop.is_set():
            app.reload()
    app.stop()
    logging.shutdown()
    os._exit(0)  # threads that hang in a driver must not keep the process alive
