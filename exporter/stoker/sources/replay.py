"""A recorded machine as folders that the collectors read in place of /proc and /sys, and its time, which moves on.

The rounds follow each other as they were recorded; the last one stays. A round is a folder of its own, and a link that is replaced in one step
says which is now.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.errors import SourceError
from stoker.sources.calls import told
from stoker.sources.machine import Machine
from stoker.sources.pseudofile import read_raw
from stoker.sources.recording import WHOLE, round_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.recording import Recording, Round

log = logging.getLogger(__name__)

_NOW = "now"
_PREFIX = "stoker-replay-"


class Replay:
    """A recording that is played, at its first round until it is started.

    Attributes:
        machine: where its files are.
        calls: what its machine answered to what is asked and not read.
        accounts: what its workloads have used, kept across a reload.

    Args:
        recording: what is played.
        folder: where its files are written; a temporary one when left out.
        monotonic: seconds that never go back.

    Raises:
        SourceError: the files cannot be written.
    """

    def __init__(
        self, recording: Recording, folder: Path | None = None, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.recording = recording
        self._monotonic = monotonic
        self._begun = monotonic()
        self.accounts = dict(recording.accounts)
        self._stopped = threading.Event()
        self._moving = threading.Lock()
        self._number = -1
        self._held = -1
        try:
            self._folder = self._temporary() if folder is None else folder
        except OSError as error:
            raise SourceError(f"{error.filename}: {error.strerror}") from error
        base = f"{self._folder}/{_NOW}"
        self.machine = Machine(f"{base}/proc", f"{base}/sys", f"{base}/root", recording.architecture)
        self.calls = told(lambda: self.now().said)
        try:
            self.go_to(0)
        except SourceError:
            self.close()
            raise

    def _temporary(self) -> Path:
        """A new folder, locked for as long as this process lives; those that killed ones have left are removed."""
        _sweep(Path(tempfile.gettempdir()))
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        self._held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._held, fcntl.LOCK_EX)
        return Path(folder)

    def start(self) -> None:
        """Let time move on."""
        self._begun = self._monotonic()
        threading.Thread(target=self._run, daemon=True, name="replay").start()

    def close(self) -> None:
        """Stop, and remove the files."""
        self._stopped.set()
        with self._moving:  # a round that is being written is removed, too
            shutil.rmtree(self._folder, ignore_errors=True)
            if self._held >= 0:
                os.close(self._held)
                self._held = -1

    def named(self, text: str) -> str:
        """A text with paths as they are on the recorded machine, in place of where its files are here."""
        base = self._folder / _NOW
        return text.replace(f"{base}/root/", "/").replace(f"{base}/", "/")

    def now(self) -> Round:
        """The round that is played."""
        return self.recording.rounds[self._number]

    def clock(self) -> float:
        """The recording's own time, seconds since the epoch, which stands still when the rounds do."""
        return self.recording.begun + self.now().at

    def elapsed(self) -> float:
        """Seconds from the first round to the one that is played."""
        return self.now().at

    def read_file(self, path: str) -> bytes:
        """The whole of a file of the round that is played.

        Raises:
            OSError: as the recorded machine said it, or there is none.
        """
        refused = self.now().unread.get(path.removeprefix(f"{self._folder}/{_NOW}/"))
        if refused is not None:
            number = getattr(errno, refused)
            raise OSError(number, os.strerror(number))
        return read_raw(path)

    def go_to(self, number: int) -> None:
        """Play this round.

        Raises:
            SourceError: its files cannot be written.
        """
        with self._moving:
            if not self._stopped.is_set():
                self._go_to(number)

    def _go_to(self, number: int) -> None:
        folder = self._folder / str(number)
        try:
            _write(folder, self.recording.rounds[number])
            link = self._folder / f"{_NOW}.next"
            link.unlink(missing_ok=True)
            link.symlink_to(str(number))
            link.replace(self._folder / _NOW)
        except (OSError, ValueError) as error:
            says = error.strerror if isinstance(error, OSError) else error
            raise SourceError(f"{round_name(number)}: cannot be played: {says}") from error
        before, self._number = self._number, number
        for old in self._folder.iterdir():
            if old.name not in (str(number), str(before), _NOW):  # who began to read in the one before may end
                shutil.rmtree(old, ignore_errors=True)

    def statvfs(self, path: str) -> os.statvfs_result:
        """As os.statvfs, of a recorded file system."""
        point = path.removeprefix(self.machine.root.rstrip("/")) or "/"
        usage = self.now().mounts.get(point)
        if usage is None:
            raise FileNotFoundError(errno.ENOENT, "not in the recording")
        if isinstance(usage, str):
            raise OSError(errno.EIO, usage)
        size, avail, files, files_free = usage
        return os.statvfs_result((1, 1, size, avail, avail, files, files_free, files_free, 0, 255))

    def _run(self) -> None:
        for number, each in enumerate(self.recording.rounds):
            if number and self._stopped.wait(max(0.0, each.at - (self._monotonic() - self._begun))):
                return
            try:
                if number:
                    self.go_to(number)
            except SourceError as error:
                log.warning("replay stays at the round before: %s", error)
                return


def _sweep(folder: Path) -> None:
    """Remove what replays that were killed have left in a folder; one without its link may be about to begin."""
    for link in folder.glob(f"{_PREFIX}*/{_NOW}"):
        try:
            descriptor = os.open(link.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            continue  # another user's, or gone
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(link.parent, ignore_errors=True)
        except OSError:
            continue  # in use
        finally:
            os.close(descriptor)


def _write(folder: Path, played: Round) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    for name in ("proc", "sys", "root"):
        (folder / name).mkdir(parents=True)
    for name, text in {**dict.fromkeys(played.unread, ""), **played.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
    for name, target in played.links.items():  # after all files, so that none is written through one
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target if WHOLE.fullmatch(target) else f"../{target}")
