"""Files that were seen in a list and are read a moment later, held open meanwhile: a rotation may rename, pack and delete them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from stoker.sources.files_remains import Sibling, is_of, is_removed, opened, place_of, repeats

if TYPE_CHECKING:
    from stoker.sources.files_known import Identity

_MOST = 64


class _File(NamedTuple):
    path: str
    descriptor: int


class Held:
    """See the module; by device and inode, which are not given anew while they are held. At most 64 at a time."""

    def __init__(self) -> None:
        self._files: dict[Identity, _File] = {}

    def hold(self, path: str, identity: Identity) -> None:
        """Hold a file, if it is still there and there is room."""
        if identity in self._files or len(self._files) >= _MOST:
            return
        try:
            with opened(path, identity) as file:
                self._files[identity] = _File(path, os.dup(file.fileno()))
        except OSError:
            return

    def take(self, identity: Identity) -> int | None:
        """The open file, which is no longer held here; None when it is not."""
        held = self._files.pop(identity, None)
        return held.descriptor if held is not None else None

    def release(self, identity: Identity) -> None:
        """Let go of one that is not to be read."""
        if (held := self.take(identity)) is not None:
            os.close(held)

    def opened(self, path: str, identity: Identity | None = None) -> BinaryIO:
        """A file to be read from its beginning: the one that is held, else as `files_remains.opened` finds it.

        Raises:
            OSError: when it cannot be opened, or is gone.
        """
        held = self._files.get(identity) if identity is not None else None
        if held is None:
            return opened(path, identity)
        file = open(os.dup(held.descriptor), "rb")  # noqa: SIM115 - for the caller
        file.seek(0)
        return file

    def gone(self, log: str) -> list[Sibling]:
        """What was rotated from a log and has no name any more, as it was when it had one."""
        return [
            Sibling(each.path, identity, os.fstat(each.descriptor).st_mtime_ns, place_of(each.path, log))
            for identity, each in self._files.items()
            if is_of(each.path, log) and is_removed(each.descriptor)
        ]

    def is_in(self, one: Sibling) -> bool:
        """Whether a file was packed, or copied, from one that is held and has no name any more."""
        return any(
            identity != one.identity and is_removed(each.descriptor) and repeats(one, each.descriptor, self.opened)
            for identity, each in self._files.items()
        )

    def drop(self) -> None:
        """Let go of all."""
        for identity in list(self._files):
            self.release(identity)
