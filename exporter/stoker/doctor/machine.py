"""Looks at the machine itself: its system, and what each of the host's collectors can read."""

from __future__ import annotations

import platform
import sys
import time
from typing import TYPE_CHECKING

from stoker.collectors.host import host_collectors
from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError, UnavailableError
from stoker.sources.deadline import Worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.collectors.collector import Collector, Reading
    from stoker.config import Settings
    from stoker.sources.machine import Machine

_SHOWN = 3


def system(platform_name: str = sys.platform) -> Finding:
    """Whether this is a system on which everything works."""
    says = f"{platform.system()} {platform.release()}, {platform.machine()}, Python {platform.python_version()}"
    if platform_name.startswith("linux"):
        return Finding("system", State.OK, says)
    return Finding(
        "system",
        State.DEGRADED,
        f"{says}: pressure, InfiniBand, temperatures, OOM kills and the kernel log are read on Linux only",
        "run the exporter on Linux; checking and generating the pack works everywhere",
    )


def host(settings: Settings, machine: Machine) -> Iterator[Finding]:
    """One run of each collector of the host, as the exporter would make it."""
    if not settings.host.enabled:
        yield Finding("host", State.ABSENT, "switched off in the settings")
        return
    fine, series, absent = 0, 0, []
    for collector in host_collectors(machine, switches=settings.host.collectors):
        name = collector.name
        try:
            reading = _run(collector, settings.deadline)
        except UnavailableError as error:
            absent.append(f"{name} ({error})")
            continue
        except SourceError as error:
            yield Finding(name, State.BROKEN, str(error), f"`host: {{collectors: {{{name}: false}}}}` leaves it out")
            continue
        fine += 1
        series += len(reading.samples)
        if reading.failures:
            more = len(reading.failures) - _SHOWN
            says = "; ".join(reading.failures[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            yield Finding(name, State.DEGRADED, says, "the rest of it is collected all the same")
    yield Finding("host", State.OK, f"{fine} collectors work and give {series} series")
    if absent:
        yield Finding("host", State.ABSENT, f"not on this machine: {', '.join(absent)}")


def _run(collector: Collector, deadline: float) -> Reading:
    """One run in a thread that can be left behind."""
    call = Worker(f"doctor-{collector.name}", time.monotonic).give(collector.collect)
    if not call.done.wait(deadline):
        raise SourceError(f"did not return within {deadline:g} s: a device or a mount hangs")
    return call.result()
