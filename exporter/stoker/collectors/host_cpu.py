"""How busy the processors are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample, sample_of
from stoker.sources.procfs import MODES

if TYPE_CHECKING:
    from stoker.sources.host import Host

SECONDS = Desc(
    "stoker_host_cpu_seconds_total",
    Kind.COUNTER,
    "Seconds that a processor spent in a mode; guests are part of user and nice",
    ("cpu", "mode"),
)
UTILIZATION = Desc(
    "stoker_host_cpu_utilization_ratio",
    Kind.GAUGE,
    "Busy share of all processors since the collector's run before; idle includes waiting for I/O",
)

_IDLE = (MODES.index("idle"), MODES.index("iowait"))
_BACKWARDS = 3.0
"""The kernel's idle and iowait slip back by fractions of a second (proc(5) warns of it), which Prometheus would take for a reset
and count the whole value again. A fall of more seconds than this is a processor that was offline and starts anew."""


class HostCpu:
    """Seconds by processor and mode, and the utilisation between two runs; the first run has none.

    Where no time has passed, as in a recording that stands still, the utilisation stays.
    """

    name = "host_cpu"
    descs = (SECONDS, UTILIZATION)

    def __init__(self, host: Host) -> None:
        self._host = host
        self._total: tuple[float, ...] = ()
        self._ratio: float | None = None
        self._each: dict[str, tuple[float, ...]] = {}
        self._labels: dict[str, tuple[tuple[str, str], ...]] = {}

    def collect(self) -> Reading:
        """Read once."""
        times = self._host.cpu_times()
        samples = []
        each = {cpu: _forwards(self._each.get(cpu, ()), seconds) for cpu, seconds in times.each.items()}
        for cpu, seconds in each.items():
            labels = self._labels.get(cpu) or self._labels.setdefault(cpu, tuple((cpu, mode) for mode in MODES))
            samples += [sample_of((SECONDS, label, value)) for label, value in zip(labels, seconds, strict=False)]
        if times.total != self._total:
            self._ratio = _utilization(self._total, times.total)
        if self._ratio is not None:
            samples.append(Sample(UTILIZATION, (), self._ratio))
        self._total, self._each = times.total, each
        return Reading(samples)


def _forwards(before: tuple[float, ...], now: tuple[float, ...]) -> tuple[float, ...]:
    if len(before) != len(now):
        return now
    return tuple(last if value < last <= value + _BACKWARDS else value for last, value in zip(before, now, strict=True))


def _utilization(before: tuple[float, ...], now: tuple[float, ...]) -> float | None:
    """Busy share between two readings; None without time between them, or after a processor was added or taken away."""
    if len(before) != len(now):
        return None
    spent = [value - last for last, value in zip(before, now, strict=True)]
    total = sum(spent)
    if total <= 0:
        return None
    idle = sum(spent[at] for at in _IDLE if at < len(spent))
    return min(1.0, max(0.0, 1 - idle / total))
