"""A secret in a file: read again when the file changes, compared in constant time, never shown."""

from __future__ import annotations

import hmac
import os

from stoker.errors import SourceError

_MOST = 4096


class SecretFile:
    """The text of a file without the blanks around it.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None
        self._secret = b""

    def check(self) -> bytes:
        """The secret.

        Raises:
            SourceError: when it cannot be read, or is empty: nothing is let in by it then.
        """
        try:
            status = os.stat(self._path)
            seen = (status.st_ino, status.st_size, status.st_mtime_ns)
            if seen != self._seen:
                with open(self._path, "rb") as file:
                    self._secret = file.read(_MOST).strip()
                self._seen = seen
        except OSError as error:
            self._seen = None
            raise SourceError(f"{self._path}: {error.strerror}") from error
        if not self._secret:
            raise SourceError(f"{self._path}: is empty")
        return self._secret

    def equals(self, given: str) -> bool:
        """Whether `given` is the secret.

        Raises:
            SourceError: see check.
        """
        return hmac.compare_digest(self.check(), given.encode("utf-8", "surrogateescape"))
