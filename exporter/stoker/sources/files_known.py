"""The positions of files that are not open, found by device and inode, and by the name under which a file was last seen."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING

from stoker.sources.files_position import Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Identity = tuple[int, int]
"""Device and inode."""


class Positions(MutableMapping[Identity, Position]):
    """See the module; in the order in which they were added.

    Args:
        positions: of which each replaces one before it of the same file.
    """

    def __init__(self, positions: Iterable[Position] = ()) -> None:
        self._all: dict[Identity, Position] = {}
        self._paths: dict[str, tuple[Identity, ...]] = {}
        for position in positions:
            self[position.identity] = position

    def at(self, path: str) -> list[Position]:
        """Those of files that were last seen under this name."""
        return [self._all[identity] for identity in self._paths.get(path, ())]

    def __getitem__(self, identity: Identity) -> Position:
        return self._all[identity]

    def __setitem__(self, identity: Identity, position: Position) -> None:
        if identity in self._all:
            self._unlist(identity)
        self._all[identity] = position
        self._paths[position.path] = (*self._paths.get(position.path, ()), identity)

    def __delitem__(self, identity: Identity) -> None:
        self._unlist(identity)
        del self._all[identity]

    def _unlist(self, identity: Identity) -> None:
        path = self._all[identity].path
        left = tuple(each for each in self._paths[path] if each != identity)
        if left:
            self._paths[path] = left
        else:
            del self._paths[path]

    def __contains__(self, identity: object) -> bool:
        return identity in self._all

    def __iter__(self) -> Iterator[Identity]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)
