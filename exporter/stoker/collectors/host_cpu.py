"""How busy the processors are."""

from __future__ import annotations

from dataclasses import dataclass, field

import psutil

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample

SECONDS = Desc(
    "stoker_host_cpu_seconds_total", Kind.COUNTER, "Seconds that each CPU spent in each mode", ("cpu", "mode")
)
UTILIZATION = Desc(
    "stoker_host_cpu_utilization_ratio",
    Kind.GAUGE,
    "Busy share of all CPUs since the collector's last run; idle includes waiting for I/O",
)
_INSIDE = {"guest": "user", "guest_nice": "nice"}
"""Modes that the kernel counts in another one as well; taken out there, so that the modes add up to the time."""


@dataclass(slots=True)
class HostCpu:
    """Seconds by CPU and mode, and the utilisation since the last run."""

    name: str = "host_cpu"
    descs: tuple[Desc, ...] = (SECONDS, UTILIZATION)
    _last: tuple[float, float] | None = field(default=None, init=False)

    def collect(self) -> Reading:
        """Read once; utilisation from the second run on."""
        samples = []
        busy = total = 0.0
        for number, times in enumerate(psutil.cpu_times(percpu=True)):
            modes = times._asdict()
            for inside, outside in _INSIDE.items():
                if inside in modes:
                    modes[outside] -= modes[inside]
            for mode, seconds in modes.items():
                samples.append(Sample(SECONDS, (str(number), mode), max(0.0, round(seconds, 3))))
            idle = modes["idle"] + modes.get("iowait", 0.0)
            total += sum(modes.values())
            busy += sum(modes.values()) - idle
        last, self._last = self._last, (busy, total)
        if last is not None and total > last[1]:
            ratio = (busy - last[0]) / (total - last[1])
            samples.append(Sample(UTILIZATION, (), min(1.0, max(0.0, ratio))))
        return Reading(samples)
