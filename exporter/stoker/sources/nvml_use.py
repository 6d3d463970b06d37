"""How much of a GPU each process uses, in the child: from samples that the driver keeps for a few seconds.

NVML gives the samples that are newer than a time in microseconds. It keeps none of a process that did nothing, so a process that is listed and
has no sample used nothing, and one that has fewer than another one did nothing in the others. When all did nothing, it gives NOT_FOUND.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

CALL = "nvmlDeviceGetProcessUtilization"
_PARTS = ("smUtil", "memUtil", "encUtil", "decUtil")
_MOST = 100
"""Percent; drivers are known to leave rows of a list unfilled, which then hold anything."""

_AHEAD = 60.0


class ProcessUse:
    """Of one GPU, between two looks: the time of the newest sample that was seen."""

    def __init__(self) -> None:
        self._last = 0

    def read(self, samples: Callable[[int], list[Any]]) -> list[list[float]]:
        """[pid, SM, memory, encoder, decoder] of each process that did something since the last look, in percent.

        Args:
            samples: NVML's, newer than a time in microseconds.
        """
        found: dict[int, list[tuple[int, ...]]] = {}
        if self._last > (time.time() + _AHEAD) * 1e6:
            self._last = 0  # the clock was set back: nothing would be newer for a long time
        last = self._last
        for sample in samples(last):
            used = tuple(getattr(sample, part) for part in _PARTS)
            if sample.pid and sample.timeStamp > last and max(used) <= _MOST:
                found.setdefault(sample.pid, []).append(used)
                self._last = max(self._last, sample.timeStamp)
        times = max(map(len, found.values()), default=0)
        return [[pid, *(sum(each) / times for each in zip(*rows, strict=True))] for pid, rows in sorted(found.items())]
