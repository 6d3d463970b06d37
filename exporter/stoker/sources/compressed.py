"""The gate to compressed files: gzip through the standard library, Zstandard through the program `zstd`.

What a file is, its first bytes say, not its name: a rotated log may be called `train.log.2`.
"""

from __future__ import annotations

import errno
import gzip
import os
import subprocess
import zlib
from typing import TYPE_CHECKING, BinaryIO, cast

from stoker.errors import SourceError, UnavailableError
from stoker.sources.programs import find

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_BLOCK = 1 << 20
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


def blocks(path: str, opened: BinaryIO | None = None) -> Generator[bytes]:
    """The content of a file, unpacked where it is packed, in blocks.

    Args:
        path: of the file.
        opened: the file itself, where its name may be another's by now; it is closed in the end.

    Raises:
        OSError: when it cannot be opened or read.
        SourceError: when its packed data is damaged or cut off; everything before that was given.
        UnavailableError: when what unpacks it is not on this machine.
    """
    with opened or open(path, "rb") as file:
        first = file.read(len(_ZSTD))
        file.seek(0)
        if first.startswith(_GZIP):
            yield from _gzip(file, path)
        elif first == _ZSTD:
            yield from _zstd(file, path)
        else:
            yield from _plain(file)


def _plain(file: BinaryIO) -> Iterator[bytes]:
    """Of a hole, be it a terabyte, one block is given."""
    while block := file.read(_BLOCK):
        yield block
        if block[:1] == b"\0" and not block.strip(b"\0"):
            try:
                file.seek(os.lseek(file.fileno(), file.tell(), os.SEEK_DATA))
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole follows; elsewhere holes are read
                    return


def _gzip(file: BinaryIO, path: str) -> Iterator[bytes]:
    try:
        with gzip.open(file) as unpacked:
            # one system call's worth at a time: what stands before a damage is given
            yield from iter(lambda: unpacked.read1(_BLOCK), b"")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: the packed data is damaged or cut off: {error}") from error


def _zstd(file: BinaryIO, path: str) -> Iterator[bytes]:
    try:
        program = find("zstd")
    except UnavailableError as error:
        raise UnavailableError(f"{path}: zstd is not on PATH; install it, or unpack the file first") from error
    os.lseek(file.fileno(), 0, os.SEEK_SET)  # what the program reads, not what this file object does
    with subprocess.Popen([program, "-dcq"], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            output, complaints = cast("BinaryIO", process.stdout), cast("BinaryIO", process.stderr)
            yield from iter(lambda: output.read(_BLOCK), b"")
            says = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
            if process.wait():
                raise SourceError(f"{path}: the packed data is damaged or cut off: {says.rpartition(': ')[2]}")
        finally:
            process.kill()  # when nobody wants the rest
