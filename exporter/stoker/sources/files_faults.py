"""Files that cannot be followed: each is counted and said once, for as long as that lasts, across restarts and reloads, too."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

log = logging.getLogger(__name__)

_READING = ("unreadable", "read")
"""Reasons that are found when a file is opened or read, not by a look at its name."""
_KEPT = 1000


class Faults:
    """See the module.

    Args:
        errors: counts what went wrong, by reason.
    """

    def __init__(self, errors: Counter[str]) -> None:
        self.errors = errors
        self._last: set[tuple[str, str]] = set()
        self._said: set[tuple[str, str]] = set()

    def say(self, path: str, reason: str, why: str | None = None) -> None:
        """Count it and say it, unless it was so at the last look, too."""
        fault = (path, reason)
        if fault not in self._last:
            self.errors[reason] += 1
            log.warning("file not followed path=%s reason=%s why=%s", path, reason, why or "no text file")
        self._last.add(fault)
        self._said.add(fault)

    def over(self, path: str, reason: str) -> None:
        """It is so no more."""
        self._last.discard((path, reason))
        self._said.discard((path, reason))

    def looked(self, there: Iterable[str]) -> None:
        """All names were looked at: what was not said again is over, but for what only opening and reading shows.

        Args:
            there: paths of files that may be followed.
        """
        if self._last:
            paths = set(there)
            lasting = {each for each in self._last if each[1] in _READING and each[0] in paths}
            self._last, self._said = self._said | lasting, set()

    def state(self) -> list[list[str]]:
        """What lasts, as plain values."""
        return [list(each) for each in sorted(self._last)[:_KEPT]]

    def restore(self, state: Iterable[Iterable[str]]) -> None:
        """Take over what `state` gave."""
        self._last = {(str(path), str(reason)) for path, reason in state}
        if self._last:
            path, reason = min(self._last)
            log.warning("files not followed, as before: count=%s first=%s reason=%s", len(self._last), path, reason)
