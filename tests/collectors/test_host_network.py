"""Network interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from machines import host, values
from stoker.collectors.host_network import HostNetwork
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth0: 5000000    4000    3    4    0     0          0         0  6000000    5000    1    2    0     0       0          0
"""


def test_every_interface_is_shown_with_the_loopback(tmp_path: Path) -> None:
    found = values(HostNetwork(host(tmp_path, {"proc/net/dev": DEV})).collect())
    assert len(found) == 16
    assert found['stoker_host_network_receive_bytes_total{device="lo"}'] == 100
    assert {series: value for series, value in found.items() if "eth0" in series} == {
        'stoker_host_network_receive_bytes_total{device="eth0"}': 5_000_000,
        'stoker_host_network_transmit_bytes_total{device="eth0"}': 6_000_000,
        'stoker_host_network_receive_packets_total{device="eth0"}': 4_000,
        'stoker_host_network_transmit_packets_total{device="eth0"}': 5_000,
        'stoker_host_network_receive_errors_total{device="eth0"}': 3,
        'stoker_host_network_transmit_errors_total{device="eth0"}': 1,
        'stoker_host_network_receive_dropped_total{device="eth0"}': 4,
        'stoker_host_network_transmit_dropped_total{device="eth0"}': 2,
    }


def test_it_agrees_with_proc_on_this_machine() -> None:
    def received() -> dict[str, int]:
        with open("/proc/net/dev") as file:
            rows = [line.split(":") for line in file if ":" in line]
        return {name.strip(): int(counts.split()[0]) for name, counts in rows}

    before = received()
    found = values(HostNetwork(Host(Machine())).collect())
    after = received()
    assert before
    for device, count in before.items():
        assert count <= found[f'stoker_host_network_receive_bytes_total{{device="{device}"}}'] <= after[device]
