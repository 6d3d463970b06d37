"""Runs `stoker serve` as a process, for tests that ask it, signal it and kill it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from wire import PATIENCE, Wire

if TYPE_CHECKING:
    from pathlib import Path


class Program:
    """A running `stoker serve` with everything that it logs."""

    def __init__(self, folder: Path, settings: str = "", **environment: str) -> None:
        self.file = folder / "stoker.yaml"
        gpus = "" if "gpu:" in settings else "gpu: {enabled: false}\n"
        self.settings = f"state_dir: {folder / 'state'}\n{gpus}{settings}"
        self.file.write_text(self.settings)
        command = [sys.executable, "-m", "stoker", "serve", "--config", str(self.file), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        self.lines: list[str] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.logged("listening on=")
        self.port = int(line.partition("listening on=127.0.0.1:")[2].split()[0])

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip())
                self._changed.notify_all()

    def logged(self, text: str, times: int = 1) -> str:
        """Wait until a line with `text` was logged so often; the last of them."""

        def found() -> list[str]:
            return [line for line in self.lines if text in line]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= times, PATIENCE), (text, self.lines)
            return found()[-1]

    def value(self, series: str) -> str:
        """A series' value now; empty when there is none."""
        with Wire(self.port) as wire:
            lines = wire.ask("/metrics").body.decode().splitlines()
        return next((line for line in lines if line.startswith(series + " ")), "").rpartition(" ")[2]

    def until(self, series: str, value: str) -> None:
        """Wait until a series has this value."""
        found, give_up = "", time.monotonic() + PATIENCE
        while (found := self.value(series)) != value:
            assert time.monotonic() < give_up, (series, found, self.lines[-20:])
            time.sleep(0.02)

    def end(self) -> None:
        """Kill it, whatever it does."""
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        assert self.process.stderr is not None
        self.process.stderr.close()
