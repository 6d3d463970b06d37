"""The port of a run that no exporter follows: a small exporter of its own, for as long as the run lasts.

It is a process of its own, so that neither a scrape nor a bug of it costs the command anything. It ends when its standard
input does, which is when `stoker run` ends in whatever way.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.app import App
from stoker.config import find_config
from stoker.errors import StokerError, UsageError
from stoker.parts import LogsPart, Part, run_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stoker.config import Settings
    from stoker.spec.pack import Pack

PORTS = range(9850, 9870)
_END = 1.0


class OwnPort:
    """Starts the exporter of one run.

    Args:
        folder, base: of the run.
        state: state directory, in whose folder `targets` the port is announced.
        config: stoker.yaml, for formats of the user's own.
    """

    def __init__(self, folder: Path, base: str, state: Path, config: str | None) -> None:
        self._target = target_file(state, base)
        command = [sys.executable, "-m", "stoker.cli.run_port", str(folder), base, str(state), config or ""]
        self._process: subprocess.Popen[bytes] | None = None
        with suppress(OSError):
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )

    def close(self) -> None:
        """End it, and take its announcement back."""
        if self._process is None:
            return
        # it has nothing to keep, and `stoker run` does not wait for it
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        for file in (self._target, _part(self._target)):
            with suppress(OSError):
                file.unlink()


def target_file(state: Path, base: str) -> Path:
    """Where the port of a run is announced."""
    return state / "targets" / f"run-{base}.json"


def serve(folder: Path, base: str, state: Path, config: Path | None) -> None:
    """Serve the metrics of one run until standard input ends.

    Raises:
        StokerError: when no port is free, or the configuration is wrong.
    """

    def build(settings: Settings, pack: Pack, *_: object) -> list[Part]:
        return [LogsPart(run_engine(settings, pack, folder, base))]

    app = _started(config, build)
    file = target_file(state, base)
    try:
        _announce(file, app.server.address)
        while sys.stdin.buffer.read(1):
            pass
    finally:
        with suppress(OSError):
            file.unlink()
        app.stop()


def _started(config: Path | None, build: Callable[..., list[Part]]) -> App:
    """On the first free port."""
    for port in PORTS:
        listen = f"127.0.0.1:{port}"
        if _taken(listen):
            continue
        app = App(config, listen=listen, build=build)
        try:
            app.start()
        except UsageError:
            continue  # somebody was faster
        return app
    raise UsageError(f"no port from {PORTS[0]} to {PORTS[-1]} is free")


def _taken(listen: str) -> bool:
    """Whether somebody answers there."""
    host, _, port = listen.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(_END)
        return probe.connect_ex((host, int(port))) == 0


def _announce(file: Path, address: str) -> None:
    """Tell Prometheus's file_sd; what runs left that could not take theirs back goes at the same time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    for other in file.parent.glob("run-*.json"):
        with suppress(OSError, ValueError, LookupError, TypeError):
            if not _taken(json.loads(other.read_bytes())[0]["targets"][0]):
                other.unlink()
    part = _part(file)
    part.write_text(json.dumps([{"targets": [address], "labels": {}}]) + "\n")
    os.replace(part, file)


def _part(file: Path) -> Path:
    return file.with_suffix(".part")


def main(arguments: Sequence[str]) -> int:
    """`python -m stoker.cli.run_port FOLDER BASE STATE CONFIG`, as OwnPort starts it."""
    folder, base, state, config = arguments
    try:
        serve(Path(folder), base, Path(state), find_config(config or None, os.environ))
    except (StokerError, OSError) as error:
        logging.getLogger(__name__).warning("no port for the run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
