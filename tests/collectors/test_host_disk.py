"""Block devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import host, values
from stoker.collectors.host_disk import HostDisk
from stoker.errors import SourceError, UnavailableError
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

TAIL = "100 0 2000 15 50 0 4000 7 0 1500 23 0 0 0 0 0 0"
DEVICES = (
    "sda sda1 sdaa sdaa3 vda vda1 nvme0n1 nvme0n1p2 mmcblk0 mmcblk0p1 dm-0 md127 sr0 ram0 loop0 zram0 fd0 nbd1 nbd1p1"
)


def test_whole_disks_and_volumes_are_shown_without_partitions_and_memory_devices(tmp_path: Path) -> None:
    lines = "".join(f" 8 {number} {name} {TAIL}\n" for number, name in enumerate(DEVICES.split()))
    reading = HostDisk(host(tmp_path, {"proc/diskstats": lines})).collect()
    shown = {sample.labels[0] for sample in reading.samples}
    assert shown == {"sda", "sdaa", "vda", "nvme0n1", "mmcblk0", "dm-0", "md127", "sr0", "nbd1"}


def test_sectors_are_512_bytes_and_busy_time_is_seconds(tmp_path: Path) -> None:
    assert values(HostDisk(host(tmp_path, {"proc/diskstats": f" 8 0 sda {TAIL}\n"})).collect()) == {
        'stoker_host_disk_read_bytes_total{device="sda"}': 2000 * 512,
        'stoker_host_disk_written_bytes_total{device="sda"}': 4000 * 512,
        'stoker_host_disk_reads_total{device="sda"}': 100,
        'stoker_host_disk_writes_total{device="sda"}': 50,
        'stoker_host_disk_io_seconds_total{device="sda"}': 1.5,
    }


def test_a_machine_with_loop_devices_only_has_no_disk(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no disk"):
        HostDisk(host(tmp_path, {"proc/diskstats": f" 7 0 loop0 {TAIL}\n"})).collect()


def test_a_line_in_another_form_is_a_failure_and_no_crash(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="diskstats: not in the expected form"):
        HostDisk(host(tmp_path, {"proc/diskstats": " 8 0 sda 1 2 3\n"})).collect()


def test_it_agrees_with_proc_on_this_machine() -> None:
    def reads() -> dict[str, int]:
        with open("/proc/diskstats") as file:
            return {line.split()[2]: int(line.split()[3]) for line in file}

    before = reads()
    found = values(HostDisk(Host(Machine())).collect())
    after = reads()
    shown = {series.split('"')[1] for series in found}
    assert shown
    for device in shown:
        assert before[device] <= found[f'stoker_host_disk_reads_total{{device="{device}"}}'] <= after[device]
