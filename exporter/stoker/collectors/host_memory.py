"""Memory and swap."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from stoker.collectors.collector import Reading
from stoker.errors import SourceError
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

TOTAL = Desc("stoker_host_memory_total_bytes", Kind.GAUGE, "Memory of the machine")
AVAILABLE = Desc("stoker_host_memory_available_bytes", Kind.GAUGE, "Memory that programs can get without swapping")
USED = Desc("stoker_host_memory_used_bytes", Kind.GAUGE, "Total less available memory")
CACHED = Desc("stoker_host_memory_cached_bytes", Kind.GAUGE, "Memory in the page cache")
BUFFERS = Desc("stoker_host_memory_buffers_bytes", Kind.GAUGE, "Memory in block device buffers")
SWAP_TOTAL = Desc("stoker_host_swap_total_bytes", Kind.GAUGE, "Swap space")
SWAP_USED = Desc("stoker_host_swap_used_bytes", Kind.GAUGE, "Swap space in use")
SWAP_IN = Desc("stoker_host_swap_in_bytes_total", Kind.COUNTER, "Bytes brought back from swap")
SWAP_OUT = Desc("stoker_host_swap_out_bytes_total", Kind.COUNTER, "Bytes written to swap")


@dataclass(slots=True)
class HostMemory:
    """psutil's virtual memory."""

    name: str = "host_memory"
    descs: tuple[Desc, ...] = (TOTAL, AVAILABLE, USED, CACHED, BUFFERS)

    def collect(self) -> Reading:
        """Read once."""
        memory = psutil.virtual_memory()
        samples = [
            Sample(TOTAL, (), memory.total),
            Sample(AVAILABLE, (), memory.available),
            Sample(USED, (), memory.total - memory.available),
        ]
        for desc, attribute in ((CACHED, "cached"), (BUFFERS, "buffers")):
            value = getattr(memory, attribute, None)  # not on every system
            if value is not None:
                samples.append(Sample(desc, (), value))
        return Reading(samples)


@dataclass(slots=True)
class HostSwap:
    """Swap space from /proc/meminfo, traffic from /proc/vmstat (in pages there)."""

    machine: Machine = field(default_factory=Machine)
    page: int = 4096
    name: str = "host_swap"
    descs: tuple[Desc, ...] = (SWAP_TOTAL, SWAP_USED, SWAP_IN, SWAP_OUT)

    def collect(self) -> Reading:
        """Read once."""
        reading = Reading()
        meminfo = _pairs(self.machine.in_proc("meminfo"))
        if "SwapTotal" in meminfo:
            total = meminfo["SwapTotal"] * 1024
            reading.samples += [
                Sample(SWAP_TOTAL, (), total),
                Sample(SWAP_USED, (), total - meminfo.get("SwapFree", 0) * 1024),
            ]
        try:
            vmstat = _pairs(self.machine.in_proc("vmstat"))
        except SourceError as error:
            reading.failures.append(str(error))
            return reading
        for desc, key in ((SWAP_IN, "pswpin"), (SWAP_OUT, "pswpout")):
            if key in vmstat:
                reading.samples.append(Sample(desc, (), vmstat[key] * self.page))
        return reading


def _pairs(text: str) -> dict[str, int]:
    """`Name:  123 kB` and `name 123` lines."""
    found = {}
    for line in text.splitlines():
        words = line.replace(":", " ").split()
        if len(words) >= 2 and words[1].isdigit():  # noqa: PLR2004 - a name and its value
            found[words[0]] = int(words[1])
    return found
