"""Devices that are not asked for a while, since a call of theirs did not return."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST = 60.0
_LONGEST = 900.0


class Pauses:
    """Pauses by the index of the device; each is twice as long as the one before, until the device answers."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[float, float]] = {}

    def at(self, now: float) -> set[int]:
        """The devices that are left out at this moment."""
        return {index for index, (end, _) in self._ends.items() if now < end}

    def all(self) -> set[int]:
        """The devices that hung when they were last asked, also those whose pause is over."""
        return set(self._ends)

    def begin(self, index: int, now: float) -> None:
        """Leave a device out from now on."""
        _, before = self._ends.get(index, (0.0, _FIRST / 2))
        pause = min(2 * before, _LONGEST)
        self._ends[index] = (now + pause, pause)

    def answered(self, indices: Iterable[int]) -> None:
        """These devices work again."""
        for index in indices:
            self._ends.pop(index, None)

    def clear(self) -> None:
        """Forget them all: another driver, or devices that may have moved to other indices."""
        self._ends.clear()
