"""Processes that the kernel killed for want of memory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import UnavailableError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine
from collections.abc import Callable

if TYPE_CHECKING:
    pass

KILLS = Desc("stoker_host_oom_kills_total", Kind.COUNTER, "Processes killed by the kernel for want of memory")
LAST = Desc(
    "stoker_host_oom_kill_last_timestamp_seconds",
    Kind.GAUGE,
    "When the count of killed processes was last seen to grow",
)


@dataclass(slots=True)
class HostOom:
    """`oom_kill` of /proc/vmstat; the time is that of the run that saw it grow."""

    machine: Machine = field(default_factory=Machine)
    clock: Callable[[], float] = time.time
    name: str = "host_oom"
    descs: tuple[Desc, ...] = (KILLS, LAST)
    _kills: int | None = field(default=None, init=False)
    _last: float | None = field(default=None, init=False)

    def collect(self) -> Reading:
        """Read once."""
        text = self.machine.in_proc("vmstat")
        at = text.find("\noom_kill ")
        if at < 0:
            raise UnavailableError("the kernel does not count OOM kills (Linux 4.13)")
        kills = int(text[at:].split(None, 2)[1])
        if self._kills is not None and kills > self._kills:
            self._last = self.clock()
        self._kills = kills
        samples = [Sample(KILLS, (), kills)]
        if self._last is not None:
            samples.append(Sample(LAST, (), self._last))
        return Reading(samples)
