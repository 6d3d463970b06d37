"""The gate to /sys, one small value in each file; its root can be moved."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from stoker.errors import SourceError, UnavailableError
from stoker.sources.pseudofile import failure, read_raw, shown

if TYPE_CHECKING:
    from collections.abc import Callable


class Sysfs:
    """Folders and values below /sys. Paths are relative to its root.

    Args:
        root: where it is.
        read: gives a whole file, or raises OSError.
    """

    def __init__(self, root: str = "/sys", read: Callable[[str], bytes] = read_raw) -> None:
        self.root = root
        self._read = read

    def names(self, folder: str) -> list[str]:
        """What is in a folder, sorted.

        Raises:
            UnavailableError: there is no such folder here.
            SourceError: it cannot be read.
        """
        path = f"{self.root}/{folder}"
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            raise failure(path, error) from error

    def value(self, file: str) -> str:
        """The text of a file without its newline.

        Raises:
            OSError: as the driver said it; what its number means differs from driver to driver, so the caller judges.
        """
        return self._read(f"{self.root}/{file}").decode(errors="replace").strip()

    def number(self, file: str) -> int | None:
        """The whole number in a file; None where there is no such file, or its driver has no such value.

        Raises:
            SourceError: it cannot be read, or is no number.
        """
        path = f"{self.root}/{file}"
        try:
            text = self._read(path)
            return int(text)
        except OSError as error:
            wrong = failure(path, error)
            if isinstance(wrong, UnavailableError):
                return None
            raise wrong from error
        except ValueError as error:
            raise SourceError(f"{path}: {shown(text)} is no number") from error

    def target(self, link: str) -> str:
        """The last part of what a link points to.

        Raises:
            UnavailableError: there is no such link.
        """
        path = f"{self.root}/{link}"
        try:
            return os.path.basename(os.readlink(path))
        except OSError as error:
            raise UnavailableError(f"{path}: {error.strerror}") from error
