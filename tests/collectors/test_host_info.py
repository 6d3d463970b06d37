"""What machine it is, and its load."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from machines import host, values
from stoker.collectors.host_info import HostInfo
from stoker.collectors.host_load import HostLoad

if TYPE_CHECKING:
    from pathlib import Path


def test_kernel_distribution_architecture_and_boot_time(tmp_path: Path) -> None:
    files = {
        "proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
        "proc/stat": "cpu  1 2 3 4\nbtime 1700000000\n",
        "etc/os-release": 'NAME="Debian GNU/Linux"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n',
    }
    arch = platform.machine()
    assert values(HostInfo(host(tmp_path, files)).collect()) == {
        f'stoker_host_info{{kernel="6.1.0-18-amd64",os="Debian GNU/Linux 12 (bookworm)",arch="{arch}"}}': 1,
        "stoker_host_boot_time_seconds": 1_700_000_000,
    }


def test_a_system_that_does_not_name_itself_is_linux(tmp_path: Path) -> None:
    files = {"proc/sys/kernel/osrelease": "6\n", "proc/stat": "cpu  1\nbtime 1700000000\n"}
    assert 'os="Linux"' in next(iter(values(HostInfo(host(tmp_path, files)).collect())))


def test_the_three_load_averages(tmp_path: Path) -> None:
    assert values(HostLoad(host(tmp_path, {"proc/loadavg": "0.52 1.58 12.59 1/93 8231\n"})).collect()) == {
        "stoker_host_load1": 0.52,
        "stoker_host_load5": 1.58,
        "stoker_host_load15": 12.59,
    }
