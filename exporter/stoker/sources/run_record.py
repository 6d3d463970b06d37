"""The record beside the log of a run under `stoker run`: who it is, when it began, how it ended.

A record fills one page of the disk. It is replaced as a whole or, where there is no room for a second one, written over
in its place: so the end of a run is told on a full disk, too.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from stoker.sources.processes import process

if TYPE_CHECKING:
    from pathlib import Path

_PAGE = 4096
_LARGEST = 65536
BEAT = 30.0
"""Seconds between two signs of life, which are the record's time of change."""
_SILENCE = 4 * BEAT


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """One start of a command.

    Attributes:
        run, rank, service: labels.
        labels: what `--label` said.
        program: base name of what runs; arguments are kept nowhere, since they may hold secrets.
        host: of this machine.
        boot, namespace, pid, pid_start: the process of `stoker run`: boot, PID namespace, number, clock ticks after boot.
        started: seconds since the epoch.
        ended: the same; None while it runs.
        exit_code: 128+n for a signal; None while it runs.
        lost_bytes: output that is missing in the log.
    """

    run: str
    rank: str
    service: str
    program: str
    host: str
    boot: str
    namespace: str
    pid: int
    pid_start: int
    started: float
    labels: dict[str, str] = field(default_factory=dict)
    ended: float | None = None
    exit_code: int | None = None
    lost_bytes: int = 0

    def alive(self, boot: str, namespace: str, now: float, changed: float, procfs: str = "/proc") -> bool:
        """Whether its `stoker run` still runs.

        Args:
            boot: of the one who asks.
            namespace: the same.
            now: seconds since the epoch.
            changed: when the record was last changed: what counts where its process cannot be seen from here.
            procfs: where processes are looked up.
        """
        if self.ended is not None or boot != self.boot:
            return False
        if namespace != self.namespace:
            return now - changed < _SILENCE
        found = process(self.pid, procfs)
        return found is not None and found.start == self.pid_start


def write_record(path: Path, record: RunRecord) -> None:
    """Keep the record durably.

    Raises:
        OSError: when it could not be kept in either way.
    """
    text = json.dumps(asdict(record), separators=(",", ":")).encode()
    page = text.ljust(_PAGE - 1) + b"\n"
    part = path.with_name(f".{path.name}.part")
    try:
        _write(part, page, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        os.replace(part, path)
    except OSError:
        with suppress(OSError):
            part.unlink()
        if not path.exists():
            raise
        _write(path, page, os.O_NOFOLLOW)
    with suppress(OSError):
        _sync_folder(path.parent)


def _write(path: Path, page: bytes, flags: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags, 0o644)
    try:
        if os.pwrite(descriptor, page, 0) < len(page):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; some file systems cannot, and need not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_record(path: str) -> RunRecord:
    """The record in a file, which anybody may have written.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no record.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        text = file.read(_LARGEST)
    try:
        return _record(json.loads(text))
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no record of a run: {error!r}") from error


def _record(found: dict[str, Any]) -> RunRecord:
    ended, code = found["ended"], found["exit_code"]
    return RunRecord(
        **{name: str(found[name]) for name in ("run", "rank", "service", "program", "host", "boot", "namespace")},
        pid=int(found["pid"]),
        pid_start=int(found["pid_start"]),
        started=float(found["started"]),
        labels={str(name): str(value) for name, value in found["labels"].items()},
        ended=None if ended is None else float(ended),
        exit_code=None if code is None else int(code),
        lost_bytes=int(found["lost_bytes"]),
    )
