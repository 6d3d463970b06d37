"""Whether a time daemon keeps the clock, and how far it may be off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.clock import clock_state

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.clock import ClockState
    from stoker.sources.host import Host

SYNCHRONIZED = Desc("stoker_host_clock_synchronized", Kind.GAUGE, "Whether a time daemon keeps the kernel's clock")
OFFSET = Desc("stoker_host_clock_offset_seconds", Kind.GAUGE, "Time by which the clock is still to be moved")
ESTIMATED = Desc(
    "stoker_host_clock_estimated_error_seconds", Kind.GAUGE, "Error of the clock as the time daemon estimates it"
)
MAX_ERROR = Desc(
    "stoker_host_clock_max_error_seconds",
    Kind.GAUGE,
    "Largest possible error of the clock; it grows up to 16 seconds while nobody corrects the clock",
)


class HostClock:
    """The kernel's own judgement of its clock. It is the machine's even inside a container."""

    name = "host_clock"
    descs = (SYNCHRONIZED, OFFSET, ESTIMATED, MAX_ERROR)

    def __init__(self, host: Host, ask: Callable[[], ClockState] = clock_state) -> None:
        self._host = host
        self._ask = ask

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("the state of the clock")
        return Reading([Sample(desc, (), float(value)) for desc, value in zip(self.descs, self._ask(), strict=True)])
