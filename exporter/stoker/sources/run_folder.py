"""The folder of runs: where it is, what is in it, what is removed from it, and whether an exporter follows it."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stoker.sources.processes import boot_id, namespace
from stoker.sources.run_record import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHARED = Path("/var/lib/stoker/runs")
"""Where everybody on a machine may have runs, mode 1777: the exporter of the node makes it when it is root."""
KEPT_DAYS = 14
KEPT_RUNS = 200
LOGS = 3
"""Rotated logs of a run that are kept beside the one that is written to: `<run>.log.1` is the newest."""
_MOST = 2000


class Entry(NamedTuple):
    """A run in the folder.

    Attributes:
        base: what its files are called, without their ends.
        path: of its record.
        changed: when that was changed, seconds since the epoch.
        owner: user id.
        size: bytes of the record.
        inode: of the record.
    """

    base: str
    path: str
    changed: float
    owner: int
    size: int
    inode: int


def folders(state: Path, env: Mapping[str, str]) -> list[Path]:
    """Where runs may be, in the order in which they are tried: shared, $STOKER_RUN_DIR, below the state directory."""
    named = env.get("STOKER_RUN_DIR")
    found = [SHARED, *([Path(named)] if named else []), state / "runs"]
    return list(dict.fromkeys(found))


def choose(state: Path, env: Mapping[str, str]) -> Path:
    """The first folder that can be written to; the last one when none can. All but the shared one are made where they are missing."""
    found = folders(state, env)
    for folder in found:
        with suppress(OSError):
            if folder == state / "runs":
                share(state)
            elif folder != SHARED:
                folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return found[-1]


def share(state: Path) -> None:
    """Make the folder below the state directory; root's, and the node's, is one that every user may have runs in, as /tmp is.

    Raises:
        OSError: when it cannot be made.
    """
    folder = state / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 and folder != SHARED:
        return
    for path, bits in ((folder, 0o1777), (state, 0o011)):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
            path.chmod(stat.S_IMODE(status.st_mode) | bits)


def entries(folder: Path | str) -> list[Entry]:
    """The newest runs of a folder, oldest first; none when it cannot be looked at."""
    found = []
    try:
        with os.scandir(folder) as names:
            for name in names:
                if not name.name.endswith(".json") or name.name.startswith("."):
                    continue
                with suppress(OSError):
                    status = name.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        base = name.name.removesuffix(".json")
                        found.append(
                            Entry(base, name.path, status.st_mtime, status.st_uid, status.st_size, status.st_ino)
                        )
    except OSError:
        return []
    return sorted(found, key=lambda each: (each.changed, each.base))[-_MOST:]


def logs(folder: Path | str, base: str) -> Iterator[str]:
    """Names that the logs of a run may have, oldest first."""
    for number in range(LOGS, 0, -1):
        yield f"{folder}/{base}.log.{number}"
    yield f"{folder}/{base}.log"


def prune(folder: Path, now: float) -> None:
    """Remove what is left of this user's ended runs: of those over 14 days old, and of all but the newest 200."""
    ended = []
    boot, here = boot_id(), namespace()
    for entry in entries(folder):
        if entry.owner != os.geteuid():
            continue
        try:
            alive = read_record(entry.path).alive(boot, here, now, entry.changed)
        except (OSError, ValueError):
            alive = False
        if not alive:
            ended.append(entry)
    for number, entry in enumerate(reversed(ended)):
        if number >= KEPT_RUNS or now - entry.changed > KEPT_DAYS * 86400:
            for path in (*logs(folder, entry.base), entry.path):
                with suppress(OSError):
                    os.unlink(path)


class Following:
    """The sign that an exporter of this machine follows a folder: a shared lock, which ends with its process."""

    def __init__(self, folder: Path) -> None:
        self._path = _sign(folder)
        self._descriptor = -1

    def hold(self) -> None:
        """Give the sign, unless it is given already or cannot be."""
        if self._descriptor >= 0:
            return
        for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT | os.O_EXCL):
            with suppress(OSError):
                self._descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
                fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
            self.close()

    def close(self) -> None:
        """Take it back."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def followed(folder: Path) -> bool:
    """Whether an exporter of this machine follows the folder."""
    try:
        descriptor = os.open(_sign(folder), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False


def _sign(folder: Path) -> str:
    # one for each machine: the folder may be on a file system that several share
    return f"{folder}/.followed-{boot_id()[:8]}"
