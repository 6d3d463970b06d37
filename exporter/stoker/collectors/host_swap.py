"""Swap space, and what moves in and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from stoker.sources.host import Host

TOTAL = Desc("stoker_host_swap_total_bytes", Kind.GAUGE, "Swap space; 0 on a machine without")
USED = Desc("stoker_host_swap_used_bytes", Kind.GAUGE, "Swap space in use")
IN = Desc("stoker_host_swap_in_bytes_total", Kind.COUNTER, "Bytes brought back from swap")
OUT = Desc("stoker_host_swap_out_bytes_total", Kind.COUNTER, "Bytes written to swap")


class HostSwap:
    """Space and traffic: two files on Linux, so one may fail without the other."""

    name = "host_swap"
    descs = (TOTAL, USED, IN, OUT)

    def __init__(self, host: Host) -> None:
        self._host = host

    def collect(self) -> Reading:
        """Read once."""
        reading = Reading()
        try:
            memory = self._host.memory()
            reading.samples += [
                Sample(TOTAL, (), float(memory["SwapTotal"])),
                Sample(USED, (), float(memory["SwapTotal"] - memory["SwapFree"])),
            ]
        except SourceError as error:
            reading.failures.append(f"space: {error}")
        except KeyError:
            pass  # a kernel built without swap says nothing of it
        try:
            into, out = self._host.swapped()
            reading.samples += [Sample(IN, (), float(into)), Sample(OUT, (), float(out))]
        except SourceError as error:
            reading.failures.append(f"traffic: {error}")
        return reading
