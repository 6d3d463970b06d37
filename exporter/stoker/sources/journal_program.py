"""Runs `journalctl --follow` and reads what it prints, without waiting for it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BLOCK = 262_144
_BLOCKS = 32
_LONGEST = 2**20
_SAID = 2000


class Journalctl:
    """One run of the program.

    Attributes:
        behind: whether there was more to read than the last call allowed.
        too_long: lines that were dropped for their length.

    Args:
        arguments: beside those that say how to print.

    Raises:
        UnavailableError: when there is no journalctl.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        path = shutil.which("journalctl")
        if path is None:
            raise UnavailableError(
                "journalctl is not on PATH: read the files of the logs, or install systemd's program"
            )
        # without --merge, --follow means this boot alone: what was written before a restart of the machine would be skipped
        command = [path, "--output=json", "--all", "--quiet", "--no-pager", "--follow", "--merge", *arguments]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError as error:
            raise UnavailableError(f"{path}: {error.strerror}") from error
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._output, self._errors = self._process.stdout.fileno(), self._process.stderr.fileno()
        os.set_blocking(self._output, False)
        os.set_blocking(self._errors, False)
        self._rest = b""
        self._skipping = False
        self._said = b""
        self.behind = False
        self.too_long = 0

    def lines(self) -> Iterator[bytes]:
        """The whole lines that are there now.

        Raises:
            SourceError: when the program has ended; with the last that it said.
        """
        self.behind = False
        for _ in range(_BLOCKS):
            self._said = (self._said + (_read(self._errors) or b""))[-_SAID:]
            data = _read(self._output)
            if data is None:
                return
            if not data:
                code = self._process.wait(1.0) if self._closed() else None
                said = self._said.decode("utf-8", "replace").strip().splitlines()
                raise SourceError(f"journalctl ended with code {code}: {said[-1] if said else 'it said nothing'}")
            yield from self._split(data)
        self.behind = True

    def _closed(self) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
            self._said = (self._said + (_read(self._errors) or b""))[-_SAID:]
            return True
        return False

    def _split(self, data: bytes) -> list[bytes]:
        *whole, rest = (self._rest + data).split(b"\n")
        if self._skipping and whole:
            del whole[0]
            self._skipping = False
        if len(rest) > _LONGEST or self._skipping:
            self.too_long += not self._skipping
            self._skipping, rest = True, b""
        self._rest = rest
        return whole

    def close(self) -> None:
        """End the program."""
        self._process.terminate()
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(1.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


def _read(descriptor: int) -> bytes | None:
    """What is there; empty at the end, None when nothing is there yet."""
    try:
        return os.read(descriptor, _BLOCK)
    except BlockingIOError:
        return None
