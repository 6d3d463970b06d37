"""The last few numbers of a run, in little memory: there is one of these for each thing that each rank of each run reports."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Last:
    """The last `most` numbers, oldest first.

    Args:
        most: how many are kept.
    """

    __slots__ = ("_most", "_values")

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: array[float] = array("d")

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)

    def __getitem__(self, place: int) -> float:
        return self._values[place]

    def append(self, value: float) -> None:
        """Add the newest number; the oldest goes when there are too many."""
        self._values.append(value)
        if len(self._values) > self._most:
            del self._values[0]

    def clear(self) -> None:
        """Forget all."""
        del self._values[:]

    def state(self) -> list[float]:
        """As plain values."""
        return list(self._values)

    def restore(self, state: Iterable[float]) -> None:
        """Take over what `state` gave."""
        self._values = array("d", [float(each) for each in state][-self._most :])
