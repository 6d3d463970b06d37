"""Devices that are not asked for a while, since a call of theirs did not return, and since when nothing has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FIRST = 60.0
_LONGEST = 900.0
LIBRARY = -1
"""In place of an index: what asks for no device."""


class Pauses:
    """Pauses by the index of the device; each is twice as long as the one before, until the device works again."""

    def __init__(self) -> None:
        self._ends: dict[int, tuple[float, float, str]] = {}
        self._hung: dict[int, float] = {}

    def at(self, now: float) -> set[int]:
        """The devices that are left out at this moment."""
        return {index for index, (end, _, _) in self._ends.items() if now < end}

    def all(self) -> set[int]:
        """The devices that hung when they were last asked, also those whose pause is over."""
        return set(self._ends)

    def begin(self, index: int, now: float, why: str) -> None:
        """Leave a device out from now on."""
        _, before, _ = self._ends.get(index, (0.0, _FIRST / 2, ""))
        pause = min(2 * before, _LONGEST)
        self._ends[index] = (now + pause, pause, why)

    def why(self, index: int) -> str:
        """Why a device is left out."""
        _, _, why = self._ends.get(index, (0.0, 0.0, "it may not be the one whose call did not return"))
        return why

    def answered(self, indices: Iterable[int]) -> None:
        """These devices work again."""
        for index in indices:
            self._ends.pop(index, None)

    def hung(self, index: int, now: float) -> None:
        """A call of the device, or of the library (below 0), has not returned; its process may be gone, it is not answered."""
        self._hung.setdefault(max(index, LIBRARY), now)

    def told(self, index: int) -> None:
        """The device, or the library, has answered, if only with an error."""
        self._hung.pop(index, None)

    def stuck(self, now: float) -> float:
        """Seconds since the oldest call that is not answered, 0 when each is."""
        return max((now - since for since in self._hung.values()), default=0.0)

    def clear(self) -> None:
        """Forget them all: another driver, or devices that may have moved to other indices."""
        self._ends.clear()
        self._hung.clear()
