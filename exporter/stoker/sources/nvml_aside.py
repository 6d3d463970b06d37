"""Children whose call takes long: set aside, so that the other devices are read meanwhile, and waited for at the end of the look.

So several calls that hang cost one look hardly more than one that hangs, and each of them still has its full time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.sources.nvml_lost import EndedError, HungError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.sources.nvml_process import NvmlProcess

_FIRST = 0.2
_NEXT = 0.05
"""By the deadline of a call: how long the first call of a look is waited for before its child is set aside, and those after it."""
_LEAST = 0.25
"""Seconds; on a busy machine any call may take a moment."""


class Aside:
    """Those of one look, in the order in which their calls began."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, NvmlProcess]] = []

    @property
    def indices(self) -> set[int]:
        """The devices whose calls these are."""
        return {index for index, _ in self._waiting}

    def patience(self, deadline: float) -> float:
        """How long the next call is waited for, in seconds."""
        return max(_LEAST, deadline * (_NEXT if self._waiting else _FIRST))

    def add(self, index: int, process: NvmlProcess) -> None:
        """Wait for a device's call later."""
        self._waiting.append((index, process))

    def kill(self) -> None:
        """Kill them from another thread; who is waiting for them sees their end."""
        for _, process in self._waiting:
            process.kill()

    def settle(self, until: float) -> Iterator[tuple[int, dict[str, Any] | HungError | EndedError]]:
        """What came of each: the device's answer or how its child was lost. No child is left.

        Args:
            until: monotonic seconds at which no call is waited for any more, though it may have begun late.
        """
        try:
            for index, process in self._waiting:
                try:
                    outcome: dict[str, Any] | HungError | EndedError = process.finish(until)
                except (HungError, EndedError) as lost:
                    outcome = lost
                yield index, outcome
        finally:
            self.kill()
            for _, process in self._waiting:
                process.end()
            self._waiting.clear()
