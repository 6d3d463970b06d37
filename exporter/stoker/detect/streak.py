"""Reports in a row whose value was not a finite number."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_VALUES = ("loss", "grad_norm")


class Streak:
    """Length of the present streak, by value; 0 while the last report was finite."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_VALUES, 0)

    def nonfinite(self, value: str) -> None:
        """A NaN or an infinity was reported."""
        if value in self._counts:
            self._counts[value] += 1

    def finite(self, value: str) -> None:
        """A number was reported."""
        self._counts[value] = 0

    def counts(self) -> dict[str, int]:
        """By value."""
        return self._counts

    def state(self) -> dict[str, int]:
        """As plain values."""
        return dict(self._counts)

    def restore(self, state: Mapping[str, int]) -> None:
        """Take over what `state` gave."""
        self._counts = {value: int(state.get(value, 0)) for value in _VALUES}
