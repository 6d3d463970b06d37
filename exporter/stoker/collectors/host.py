"""The host's collectors, all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stoker.collectors import (
    host_cpu,
    host_disk,
    host_filesystem,
    host_infiniband,
    host_info,
    host_load,
    host_memory,
    host_network,
    host_oom,
    host_pressure,
    host_processes,
    host_swap,
    host_temperature,
)
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.collectors.collector import Collector


def host_collectors(
    machine: Machine,
    *,
    switches: Mapping[str, bool] | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> tuple[Collector, ...]:
    """One of each but those that `switches` (`host.collectors` of the settings) turns off, in the order in which they run."""
    host = Host(machine)
    every: tuple[Collector, ...] = (
        host_info.HostInfo(host),
        host_cpu.HostCpu(host),
        host_load.HostLoad(host),
        host_memory.HostMemory(host),
        host_swap.HostSwap(host),
        host_disk.HostDisk(host),
        host_network.HostNetwork(host),
        host_pressure.HostPressure(host),
        host_oom.HostOom(host, clock),
        host_processes.HostProcesses(host, monotonic),
        host_temperature.HostTemperature(host),
        host_infiniband.HostInfiniband(host, monotonic),
        host_filesystem.HostFilesystem(host),
    )
    wanted = switches or {}
    return tuple(collector for collector in every if wanted.get(collector.name, True))


HOST_DESCS = tuple(desc for collector in host_collectors(Machine()) for desc in collector.descs)
"""Every metric of the host."""

HOST_NAMES = tuple(collector.name for collector in host_collectors(Machine()))
"""Names that `host.collectors` of the settings may switch."""
