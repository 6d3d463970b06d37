"""All host collectors in one list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.collectors.host_cpu import HostCpu
from stoker.collectors.host_disk import HostDisk
from stoker.collectors.host_filesystem import HostFilesystem
from stoker.collectors.host_infiniband import HostInfiniband
from stoker.collectors.host_info import HostInfo
from stoker.collectors.host_load import HostLoad
from stoker.collectors.host_memory import HostMemory, HostSwap
from stoker.collectors.host_network import HostNetwork
from stoker.collectors.host_oom import HostOom
from stoker.collectors.host_pressure import HostPressure
from stoker.collectors.host_processes import HostProcesses
from stoker.collectors.host_temperature import HostTemperature
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from stoker.collectors.collector import Collector


def host_collectors(machine: Machine) -> tuple[Collector, ...]:
    """One of each, reading `machine`."""
    return (
        HostInfo(),
        HostCpu(),
        HostLoad(),
        HostMemory(),
        HostSwap(machine),
        HostFilesystem(machine),
        HostDisk(machine),
        HostNetwork(machine),
        HostPressure(machine),
        HostOom(machine),
        HostTemperature(machine),
        HostInfiniband(machine),
        HostProcesses(machine),
    )


HOST_DESCS = tuple(desc for collector in host_collectors(Machine()) for desc in collector.descs)
"""Every metric of the host."""
