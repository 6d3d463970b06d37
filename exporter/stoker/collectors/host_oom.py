"""Processes that the kernel killed because memory had run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host

KILLS = Desc("stoker_host_oom_kills_total", Kind.COUNTER, "Processes that the kernel killed because memory had run out")
LAST = Desc(
    "stoker_host_oom_kill_last_timestamp_seconds",
    Kind.GAUGE,
    "When the number of killed processes was last seen to rise; absent before that",
)


class HostOom:
    """`oom_kill` of /proc/vmstat, which includes kills inside a cgroup; Linux 4.13 and later.

    The time is that of the run that saw it rise, at most one interval late.
    """

    name = "host_oom"
    descs = (KILLS, LAST)

    def __init__(self, host: Host, clock: Callable[[], float]) -> None:
        self._host = host
        self._clock = clock
        self._before: int | None = None
        self._last: float | None = None

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("the number of OOM kills")
        kills = self._host.procfs.events().get("oom_kill")
        if kills is None:
            raise UnavailableError("the kernel does not count OOM kills (Linux 4.13 and later does)")
        if self._before is not None and kills > self._before:
            self._last = self._clock()
        self._before = kills
        reading = Reading([Sample(KILLS, (), float(kills))])
        if self._last is not None:
            reading.samples.append(Sample(LAST, (), self._last))
        return reading
