"""How much memory the machine has, and how much programs can still get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

TOTAL = Desc("stoker_host_memory_total_bytes", Kind.GAUGE, "Memory of the machine")
AVAILABLE = Desc("stoker_host_memory_available_bytes", Kind.GAUGE, "Memory that programs can get without swapping")
USED = Desc("stoker_host_memory_used_bytes", Kind.GAUGE, "Memory that programs cannot get: total less available")
CACHED = Desc("stoker_host_memory_cached_bytes", Kind.GAUGE, "Page cache, without block device buffers and slabs")
BUFFERS = Desc("stoker_host_memory_buffers_bytes", Kind.GAUGE, "Buffers of block devices")

_ROWS = ((TOTAL, "MemTotal"), (AVAILABLE, "MemAvailable"), (CACHED, "Cached"), (BUFFERS, "Buffers"))


class HostMemory:
    """Memory as the kernel counts it; what it does not say is left out."""

    name = "host_memory"
    descs = (TOTAL, AVAILABLE, USED, CACHED, BUFFERS)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        memory = self._host.memory()
        samples = [Sample(desc, (), float(memory[name])) for desc, name in _ROWS if name in memory]
        if not samples:
            raise SourceError("meminfo names none of MemTotal, MemAvailable, Cached and Buffers")
        if "MemTotal" in memory and "MemAvailable" in memory:
            samples.append(Sample(USED, (), float(memory["MemTotal"] - memory["MemAvailable"])))
        return Reading(samples)
