"""Expands globs as the standard library does, but goes into each folder once, so that links in a circle end.

Two links to a folder above would else make `**` try every order of them, forty deep.
"""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_ANY = "**"


def expand(pattern: str) -> list[str]:
    """Paths that match; `**` is any number of folders, links to folders included, hidden ones not."""
    parts = pattern.split("/")
    if _ANY not in parts:
        return glob.glob(pattern)
    first = parts.index(_ANY)
    after = parts[first + 1 :]
    while after[:1] == [_ANY]:
        del after[0]
    rest = "/".join(after or ["*"])
    heads = glob.glob("/".join(parts[:first]) or "/")
    found = (path for folder in _folders(heads) for path in expand(os.path.join(glob.escape(folder), rest)))
    return list(dict.fromkeys(found))


def _folders(heads: list[str]) -> Iterator[str]:
    """These folders and all below, each once; under its own name where it has been found by it and by a link."""
    seen: set[tuple[int, int]] = set()
    waiting, links = list(heads), list[str]()
    while waiting or links:
        folder = waiting.pop() if waiting else links.pop(0)
        try:
            status = os.stat(folder)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as entries:
                for entry in entries:
                    if not entry.name.startswith(".") and entry.is_dir():
                        (links if entry.is_symlink() else waiting).append(entry.path)
        except OSError:
            continue
        yield folder
