"""File systems as metrics."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from machines import host, values, write
from stoker.collectors.host_filesystem import HostFilesystem
from stoker.errors import SourceError
from stoker.sources.host import Host
from stoker.sources.machine import Machine
from stoker.sources.mounts import Mounts

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = "27 1 8:0 / / rw - ext4 /dev/sda1 rw\n40 27 0:50 / /data ro - nfs4 server:/data ro\n"


def test_size_space_inodes_and_read_only_by_device_and_mount_point(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    reading = HostFilesystem(host(tmp_path, {"proc/self/mountinfo": MOUNTS})).collect()
    assert not reading.failures
    found = values(reading)
    answer = os.statvfs(tmp_path)
    data = '{device="server:/data",mountpoint="/data",fstype="nfs4"}'
    root = '{device="/dev/sda1",mountpoint="/",fstype="ext4"}'
    assert found[f"stoker_host_filesystem_size_bytes{root}"] == answer.f_blocks * answer.f_frsize
    assert found[f"stoker_host_filesystem_files{data}"] == answer.f_files
    assert found[f"stoker_host_filesystem_readonly{root}"] == 0
    assert found[f"stoker_host_filesystem_readonly{data}"] == 1


def test_a_mount_that_fails_is_named_and_the_others_are_served(tmp_path: Path) -> None:
    write(tmp_path, {"proc/self/mountinfo": MOUNTS})

    def statvfs(path: str) -> os.statvfs_result:
        if path.endswith("/data"):
            raise OSError(116, "Stale file handle")
        return os.statvfs(tmp_path)

    machine = Machine(str(tmp_path / "proc"), str(tmp_path / "sys"))
    mounts = Mounts(machine.proc, str(tmp_path), statvfs=statvfs)
    reading = HostFilesystem(Host(machine, rootfs=str(tmp_path), mounts=mounts, linux=True)).collect()
    assert reading.failures == ["mount /data: Stale file handle"]
    assert {sample.labels[1] for sample in reading.samples} == {"/"}


def test_no_list_of_mounts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="mountinfo"):
        HostFilesystem(host(tmp_path, {})).collect()


def test_a_name_that_is_no_utf8_becomes_a_label_with_a_mark(tmp_path: Path) -> None:
    machine = host(tmp_path, {})
    point = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(point)
    (tmp_path / "proc" / "self").mkdir()
    (tmp_path / "proc/self/mountinfo").write_bytes(b"40 27 0:50 / /caf\xe9 rw - xfs /dev/sdb rw\n")
    found = values(HostFilesystem(machine).collect())
    assert 'mountpoint="/caf\ufffd"' in next(iter(found))


def test_it_agrees_with_statvfs_on_this_machine() -> None:
    found = values(HostFilesystem(Host(Machine())).collect())
    sizes = {series.split('"')[3]: value for series, value in found.items() if "_size_bytes" in series}
    for mountpoint, size in sizes.items():
        answer = os.statvfs(mountpoint)
        assert size == answer.f_blocks * answer.f_frsize
