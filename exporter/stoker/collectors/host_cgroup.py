"""Limits of the container, or service, that Stoker runs in: what runs out there before the machine does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.errors import SourceError, UnavailableError
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.host import Host

MEMORY_LIMIT = Desc(
    "stoker_host_cgroup_memory_limit_bytes",
    Kind.GAUGE,
    "Narrowest limit on the memory of the control group that Stoker runs in; absent without one below the machine's memory",
)
MEMORY_USED = Desc(
    "stoker_host_cgroup_memory_used_bytes",
    Kind.GAUGE,
    "Memory in use under that limit, without file cache that is not in active use",
)
KILLS = Desc(
    "stoker_host_cgroup_oom_kills_total", Kind.COUNTER, "Processes that the kernel killed because of that limit"
)
CPU_LIMIT = Desc(
    "stoker_host_cgroup_cpu_limit",
    Kind.GAUGE,
    "Narrowest limit on processors of the control group that Stoker runs in; absent without one",
)
THROTTLED = Desc(
    "stoker_host_cgroup_cpu_throttled_seconds_total",
    Kind.COUNTER,
    "Seconds that tasks waited because of that limit, summed over the processors",
)


_NONE = "no control group limits what runs beside Stoker"
_LOOK_AGAIN = 60.0


class HostCgroup:
    """Memory and processors: one may fail without the other. Without a limit there is nothing to tell, and it is looked for each minute."""

    name = "host_cgroup"
    descs = (MEMORY_LIMIT, MEMORY_USED, KILLS, CPU_LIMIT, THROTTLED)

    def __init__(self, host: Host, monotonic: Callable[[], float]) -> None:
        self._host = host
        self._monotonic = monotonic
        self._look_at = 0.0

    def collect(self) -> Reading:
        """Read once."""
        self._host.need_linux("control groups")
        reading = Reading()
        now = self._monotonic()
        if now < self._look_at:
            raise UnavailableError(_NONE)
        for what, read in (("memory", self._memory), ("cpu", self._cpu)):
            try:
                read(reading)
            except UnavailableError:
                continue
            except SourceError as error:
                reading.failures.append(f"{what}: {error}")
        if not reading.samples and not reading.failures:
            self._look_at = now + _LOOK_AGAIN
            raise UnavailableError(_NONE)
        return reading

    def _memory(self, reading: Reading) -> None:
        memory = self._host.cgroups.memory()
        if memory is None or memory.limit >= self._host.memory().get("MemTotal", memory.limit + 1):
            return
        reading.samples += [
            Sample(MEMORY_LIMIT, (), float(memory.limit)),
            Sample(MEMORY_USED, (), float(memory.used)),
        ]
        if memory.kills is not None:
            reading.samples.append(Sample(KILLS, (), float(memory.kills)))

    def _cpu(self, reading: Reading) -> None:
        cpu = self._host.cgroups.cpu()
        if cpu is None:
            return
        reading.samples.append(Sample(CPU_LIMIT, (), cpu.processors))
        if cpu.throttled is not None:
            reading.samples.append(Sample(THROTTLED, (), cpu.throttled))
