"""Keeps values across restarts: one JSON document, replaced whole or not at all.

A document is written beside the old one, forced to disk and renamed over it, so that a kill or a power cut at any moment leaves the
old or the new one. What cannot be read is set aside, never deleted. A folder that cannot be written costs durability only.
"""

from __future__ import annotations

import json
import logging
import math
import os
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

VERSION = 1


class StateFile:
    """One document of plain values.

    Args:
        path: of the file; None keeps nothing.
        clock: seconds since the epoch.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self.writable = True
        self.says = ""

    def load(self) -> dict[str, Any] | None:
        """What was saved; None when there is nothing, or nothing that can be used."""
        if self._path is None:
            return None
        try:
            return _document(self._path)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            self.set_aside(str(error))  # the next save would replace it
            return None

    def set_aside(self, why: str) -> None:
        """Move a file that cannot be used out of the way, and say so."""
        if self._path is None:
            return
        aside = self._path.with_name(f"{self._path.name}.corrupt-{int(self._clock())}")
        try:
            os.replace(self._path, aside)
        except OSError as error:
            self._failed(error)
            return
        log.error("state cannot be used and begins anew file=%s why=%s kept=%s", self._path, why, aside)

    def save(self, value: dict[str, Any]) -> bool:
        """Replace the document; whether it worked. A failure is logged once, until it works again.

        Args:
            value: plain values; an iterator is saved as a list, and never held in memory as a whole.
        """
        if self._path is None:
            return True
        part = self._path.with_name(f"{self._path.name}.part")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
            with open(descriptor, "wb") as file:
                file.writelines(piece.encode() for piece in _pieces({"version": VERSION, **value}))
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            self._failed(error)
            with suppress(OSError):
                part.unlink()
            return False
        if not self.writable:
            log.warning("state is saved again file=%s", self._path)
        self.writable, self.says = True, ""
        return True

    def _failed(self, error: OSError) -> None:
        self.says = f"{self._path}: {error.strerror or error}"
        if self.writable:
            log.error("state cannot be kept, going on in memory file=%s why=%s", self._path, error.strerror or error)
        self.writable = False


def _document(path: Path) -> dict[str, Any]:
    """What a file holds.

    Raises:
        OSError: when it cannot be read.
        ValueError, RecursionError: when it is not a document of this version.
    """
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError("no mapping")  # noqa: TRY004 - it is the document that is wrong
    if found.get("version") != VERSION:
        raise ValueError(f"version {found.get('version')}, not {VERSION}")
    return found


def kept_values(path: Path) -> dict[str, object]:
    """What a KeptMapping of another process has kept, which stays its own: empty where it cannot be used."""
    try:
        kept = _document(path).get("values")
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


_text = json.JSONEncoder(separators=(",", ":")).encode


def _pieces(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever a document holds
    """The JSON text of a document, piece by piece: a thousand runs have megabytes of it."""
    if isinstance(value, dict):
        sign = "{"
        for key, each in value.items():
            yield f"{sign}{_text(key)}:"
            yield from _pieces(each)
            sign = ","
        yield "}" if value else "{}"
    elif isinstance(value, Iterator):
        sign = "["
        for each in value:
            yield f"{sign}{_text(each)}"
            sign = ","
        yield "]" if sign == "," else "[]"
    else:
        yield _text(value)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable; some file systems cannot, and need not."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return
    with suppress(OSError):
        os.fsync(descriptor)
    os.close(descriptor)


class KeptMapping(MutableMapping[str, object]):
    """A small mapping that outlives the process; saved whenever a value changes, so keep what changes often elsewhere.

    Args:
        path: of its file; None keeps nothing.
        clock: seconds since the epoch.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        self._file = StateFile(path, clock)
        self._lock = threading.Lock()
        kept = (self._file.load() or {}).get("values")
        self._values: dict[str, object] = dict(kept) if isinstance(kept, dict) else {}

    @property
    def writable(self) -> bool:
        """Whether the last save worked."""
        return self._file.writable

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __setitem__(self, key: str, value: object) -> None:
        with self._lock:
            if key in self._values and self._values[key] == value and self._file.writable:
                return
            self._values[key] = value
            self._file.save({"values": self._values})

    def __delitem__(self, key: str) -> None:
        with self._lock:
            del self._values[key]
            self._file.save({"values": self._values})

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)


def finite(value: Any) -> float:  # noqa: ANN401 - what a document holds
    """A saved number.

    Raises:
        TypeError, ValueError: when it is none, or one that nobody saves: NaN, infinity, or too large for a float.
    """
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no saved number")
    return number
