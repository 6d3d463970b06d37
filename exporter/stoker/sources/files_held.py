"""Files that were seen in a list and are read a moment later, held open meanwhile: a rotation may rename, pack and delete them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

from stoker.sources.files_remains import is_removed, opened

if TYPE_CHECKING:
    from stoker.sources.files_known import Identity

_MOST = 64


class Held:
    """See the module; by device and inode, which are not given anew while they are held. At most 64 at a time."""

    def __init__(self) -> None:
        self._descriptors: dict[Identity, int] = {}

    def hold(self, path: str, identity: Identity) -> None:
        """Hold a file, if it is still there and there is room."""
        if identity in self._descriptors or len(self._descriptors) >= _MOST:
            return
        try:
            with opened(path, identity) as file:
                self._descriptors[identity] = os.dup(file.fileno())
        except OSError:
            return

    def take(self, identity: Identity) -> int | None:
        """The open file, which is no longer held here; None when it is not."""
        return self._descriptors.pop(identity, None)

    def release(self, identity: Identity) -> None:
        """Let go of one that is not to be read."""
        if (held := self.take(identity)) is not None:
            os.close(held)

    def opened(self, path: str, identity: Identity | None = None) -> BinaryIO:
        """A file to be read from its beginning: the one that is held, else as `files_remains.opened` finds it.

        Raises:
            OSError: when it cannot be opened, or is gone.
        """
        held = self._descriptors.get(identity) if identity is not None else None
        if held is None:
            return opened(path, identity)
        file = open(os.dup(held), "rb")  # noqa: SIM115 - for the caller
        file.seek(0)
        return file

    def removed(self, but: Identity) -> list[int]:
        """The open files that have no name any more, but for one."""
        return [each for identity, each in self._descriptors.items() if identity != but and is_removed(each)]

    def drop(self) -> None:
        """Let go of all."""
        while self._descriptors:
            os.close(self._descriptors.popitem()[1])
