"""Reads standard input without waiting for it."""

from __future__ import annotations

import os
import select
from typing import TYPE_CHECKING

from stoker.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK = 65536
_TURN = 64


class StandardInput:
    """A pipe, a terminal or a file at a descriptor.

    Args:
        descriptor: 0 for standard input.
    """

    def __init__(self, descriptor: int = 0) -> None:
        self._descriptor = descriptor
        self.ended = False
        self.behind = False

    def _ready(self) -> bool:
        look = select.poll()  # select itself ends at descriptor 1024
        look.register(self._descriptor, select.POLLIN)
        return bool(look.poll(0))

    def turn(self) -> Iterator[bytes]:
        """The blocks that are there now.

        Raises:
            SourceError: when it cannot be read; it has ended then.
        """
        self.behind = False
        for _ in range(_TURN):
            if self.ended:
                return
            try:
                data = os.read(self._descriptor, BLOCK) if self._ready() else None
            except (OSError, ValueError) as error:
                self.ended = True
                raise SourceError(f"standard input: {error}") from error
            if data is None:
                return
            if not data:
                self.ended = True
                return
            yield data
        self.behind = True
