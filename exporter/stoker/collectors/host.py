"""The host's collectors, all of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from stoker.collectors import (
    host_bond,
    host_cgroup,
    host_clock,
    host_conntrack,
    host_cpu,
    host_disk,
    host_files,
    host_filesystem,
    host_infiniband,
    host_info,
    host_load,
    host_memory,
    host_memory_errors,
    host_network,
    host_nvme,
    host_oom,
    host_pressure,
    host_processes,
    host_raid,
    host_swap,
    host_temperature,
    host_throttle,
)
from stoker.documents import nearest
from stoker.documents.position import position_of
from stoker.sources.calls import REAL, Calls
from stoker.sources.host import Host
from stoker.sources.machine import Machine
from stoker.sources.nvme import Drives

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.collectors.collector import Collector
    from stoker.documents import Problems


def host_collectors(
    machine: Machine | Host,
    *,
    switches: Mapping[str, bool] | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    calls: Calls = REAL,
) -> tuple[Collector, ...]:
    """One of each, in the order in which they run.

    Args:
        machine: where /proc and /sys are; or a Host, which remembers the mounts that hang, so that collectors made anew do not
            lose another thread to each of them.
        switches: `host.collectors` of the settings: names and whether they run; all that are not named do.
        clock: seconds since the epoch.
        monotonic: seconds that never go back.
        calls: what is asked and not read.
    """
    host = machine if isinstance(machine, Host) else Host(machine)
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
        host_clock.HostClock(host, calls.clock),
        host_cgroup.HostCgroup(host, monotonic),
        host_files.HostFiles(host),
        host_conntrack.HostConntrack(host),
        host_bond.HostBond(host),
        host_raid.HostRaid(host),
        host_memory_errors.HostMemoryErrors(host),
        host_throttle.HostThrottle(host, monotonic),
        host_temperature.HostTemperature(host),
        host_nvme.HostNvme(host, monotonic, Drives(host.rootfs, read=calls.drive)),
        host_infiniband.HostInfiniband(host, monotonic),
        host_filesystem.HostFilesystem(host),
    )
    wanted = switches or {}
    return tuple(collector for collector in every if wanted.get(collector.name, True))


HOST_DESCS = tuple(desc for collector in host_collectors(Machine()) for desc in collector.descs)
"""Every metric of the host."""

HOST_NAMES = tuple(collector.name for collector in host_collectors(Machine()))
"""Names that `host.collectors` of the settings may switch."""


def check_switches(switches: Mapping[str, bool], problems: Problems) -> None:
    """Find names that no collector has: a switch without effect."""
    for name in switches:
        if name not in HOST_NAMES:
            right = nearest(name, HOST_NAMES) or f"known: {', '.join(HOST_NAMES)}"
            problems.add(position_of(name), "unknown-collector", f"there is no collector {name}", right)
