"""Reads the small files of /proc and /sys, and says what was wrong in one line."""

from __future__ import annotations

import errno
import os

from stoker.errors import SourceError, UnavailableError

_CHUNK = 1 << 16
_NOT_HERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EOPNOTSUPP, errno.ENODEV})


def read_raw(path: str, dir_fd: int | None = None) -> bytes:
    """The whole file. A pseudo file's size is unknown before reading, so it is read until it ends.

    Raises:
        OSError: as the kernel said it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=dir_fd)
    try:
        data = os.read(descriptor, _CHUNK)
        while len(data) >= 1 << 10:  # shorter ones came in one piece; a second read would double their cost
            more = os.read(descriptor, _CHUNK)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(descriptor)


def read_if_there(path: str) -> bytes | None:
    """The whole file; None where there is none, or it cannot be read."""
    if not os.access(path, os.F_OK):  # a question costs less than a read that fails
        return None
    try:
        return read_raw(path)
    except OSError:
        return None


def read(path: str) -> bytes:
    """The whole file.

    Raises:
        UnavailableError: there is no such file here, or the kernel has the feature switched off.
        SourceError: it is there and cannot be read.
    """
    try:
        return read_raw(path)
    except OSError as error:
        raise failure(path, error) from error


def read_always(path: str) -> bytes:
    """The whole file, of those that every Linux has: without it something is wrong here (no /proc is mounted), and is to be said.

    Raises:
        SourceError: it is not there or cannot be read.
    """
    try:
        return read_raw(path)
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}") from error


def failure(path: str, error: OSError) -> SourceError:
    """The one-line exception for an operating system's error on `path`."""
    kind = UnavailableError if error.errno in _NOT_HERE else SourceError
    return kind(f"{path}: {error.strerror or error}")


def shown(text: bytes) -> str:
    """The beginning of a file's text, for a message of one line."""
    return repr(text[:40].decode(errors="replace").strip())


class parsing:  # noqa: N801 - read as a verb; a generator would cost three times as much, at every file
    """Turn what a parser trips over into one line that names the file.

    Raises:
        SourceError: the file's content was not in the expected form.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, where: object) -> None:
        """Judge."""
        if isinstance(error, (ValueError, IndexError, KeyError)):
            raise SourceError(f"{self._path}: not in the expected form: {error}") from error
