"""The log that a command is given: a file, packed or not, or standard input."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from stoker.errors import UsageError
from stoker.sources.compressed import blocks

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = 1 << 20


def given_log(file: str) -> Iterator[bytes]:
    """Its blocks; `-` is standard input.

    Raises:
        UsageError: when there is no such file, or it cannot be opened.
        SourceError: when it is damaged; what stood before was given.
    """
    try:
        yield from iter(lambda: os.read(sys.stdin.fileno(), _BLOCK), b"") if file == "-" else blocks(file)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; name a log file, or - for standard input") from error
