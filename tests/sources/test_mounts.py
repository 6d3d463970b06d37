"""Mounted file systems, and those that do not answer."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from machines import Clock, write
from stoker.errors import DeadlineError, SourceError
from stoker.sources.mounts import Mounts, Patience, Usage, parse

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.sources.deadline import Done

ROOT = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard\n"


def mount(point: str, fstype: str = "ext4", device: str = "/dev/vda", root: str = "/", options: str = "rw") -> str:
    return f"40 27 254:0 {root} {point} rw,relatime shared:7 master:2 - {fstype} {device} {options}\n"


class Servers:
    """Stands for statvfs: some paths hang until they are released."""

    def __init__(self, *hanging: str) -> None:
        self.release = {path: threading.Event() for path in hanging}
        self.hung = threading.Event()
        self.asked: list[str] = []
        self.threads: set[threading.Thread] = set()
        self.clock = Clock()

    def statvfs(self, path: str) -> os.statvfs_result:
        self.asked.append(path)
        self.threads.add(threading.current_thread())
        if path in self.release:
            self.hung.set()
            self.release[path].wait(60)
        return os.statvfs("/")

    def wait(self, done: Done, seconds: float) -> bool:
        """Wait until the calls are done or one is known to hang, for which alone time passes."""
        while not done.wait(0.001):
            if self.hung.is_set():
                self.hung.clear()
                self.clock.now += seconds
                return False
        return True


def test_pseudo_file_systems_and_the_places_of_container_runtimes_are_left_out() -> None:
    text = (
        ROOT
        + mount("/proc", "proc")
        + mount("/sys/fs/cgroup", "cgroup2")
        + mount("/dev/shm", "tmpfs", "tmpfs")
        + mount("/run", "tmpfs", "tmpfs")
        + mount("/device", "xfs", "/dev/sdb")
        + mount("/snap/core/1", "squashfs", "/dev/loop0")
        + mount("/var/lib/docker/overlay2/abc/merged", "overlay", "overlay")
        + mount("/var/lib/docker", "xfs", "/dev/sdc")
        + mount("/var/lib/kubelet/pods/1/volumes/secret", "tmpfs", "tmpfs")
        + mount("/merged", "overlay", "overlay")
        + mount("/data", "nfs4", "server:/data")
    )
    assert [one.mountpoint for one in parse(text)] == ["/", "/device", "/var/lib/docker", "/data", "/run"]


def test_block_devices_come_first_so_that_a_dead_server_costs_them_nothing() -> None:
    text = mount("/a", "nfs4", "server:/a") + ROOT + mount("/b", "fuse.s3fs", "s3fs")
    assert [one.mountpoint for one in parse(text)] == ["/", "/a", "/b"]


def test_the_later_mount_hides_the_earlier_even_when_it_is_left_out() -> None:
    text = (
        ROOT
        + mount("/data", device="/dev/sdb")
        + mount("/data", device="/dev/sdc")
        + mount("/x")
        + mount("/x", "autofs")
    )
    assert [(one.mountpoint, one.device) for one in parse(text)] == [("/", "/dev/vda"), ("/data", "/dev/sdc")]


def test_a_containers_root_is_shown_although_it_is_an_overlay() -> None:
    assert [one.fstype for one in parse(mount("/", "overlay", "overlay"))] == ["overlay"]


def test_names_with_blanks_are_read_as_they_are() -> None:
    assert parse(mount(r"/my\040disk", device=r"//nas/a\011b", fstype="cifs"))[0][:2] == ("//nas/a\tb", "/my disk")


def test_read_only_is_what_the_file_system_says_and_not_a_sandbox_around_us() -> None:
    said = {
        "b": "ro,errors=remount-ro",
        "c": "rw,errors=remount-ro",
        "d": "rw,errors=remount-ro,emergency_ro",
        "e": "rw,shutdown",
    }
    text = "27 1 254:0 / / ro,relatime - ext4 /dev/vda rw\n" + "".join(
        mount(f"/{name}", device=f"/dev/sd{name}", options=options) for name, options in said.items()
    )
    assert [one.readonly for one in parse(text)] == [False, True, False, True, True]


def test_a_line_in_another_form_is_a_failure_that_names_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"self/mountinfo": "nonsense\n"})
    with pytest.raises(SourceError, match="mountinfo: not in the expected form"):
        Mounts(str(tmp_path)).listed()


def test_the_first_process_is_asked_and_ourselves_where_it_may_not_be(tmp_path: Path) -> None:
    write(tmp_path, {"self/mountinfo": mount("/self")})
    mounts = Mounts(str(tmp_path))
    assert [one.mountpoint for one in mounts.listed()] == ["/self"]
    write(tmp_path, {"1/mountinfo": mount("/first")})
    assert [one.mountpoint for one in mounts.listed()] == ["/first"]


def test_usage_is_what_statvfs_says(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    mounts = Mounts(rootfs=str(tmp_path))
    found = mounts.usages(parse(mount("/data") + mount("/gone")))
    answer = os.statvfs(tmp_path / "data")
    usage = found["/data"]
    assert isinstance(usage, Usage)
    assert usage.size == answer.f_blocks * answer.f_frsize
    assert usage.avail == pytest.approx(answer.f_bavail * answer.f_frsize, rel=0.1)
    assert "/gone" not in found


def test_a_single_file_that_a_runtime_mounts_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, {"etc/hosts": "127.0.0.1 localhost\n"})
    (tmp_path / "bound").mkdir()
    found = Mounts(rootfs=str(tmp_path)).usages(
        parse(mount("/etc/hosts", root="/x/hosts") + mount("/bound", root="/x"))
    )
    assert list(found) == ["/bound"]


def test_mounts_that_answer_are_asked_by_one_thread_round_after_round() -> None:
    servers = Servers()
    mounts = Mounts(statvfs=servers.statvfs)
    listed = parse(ROOT + mount("/a", "nfs4", "server:/a") + mount("/b", "nfs4", "server:/b"))
    for _ in range(2):
        assert len(mounts.usages(listed)) == 3
    assert len(servers.asked) == 6
    assert len(servers.threads) == 1


def test_a_mount_that_hangs_is_named_costs_one_thread_and_nobody_else() -> None:
    servers = Servers("/dead")
    mounts = Mounts(statvfs=servers.statvfs, wait=servers.wait, monotonic=servers.clock)
    listed = parse(ROOT + mount("/dead", "nfs4", "server:/dead") + mount("/live", "nfs4", "other:/live"))
    found = mounts.usages(listed)
    assert [type(found[point]) for point in ("/", "/dead", "/live")] == [Usage, DeadlineError, Usage]
    assert len(servers.threads) == 2
    for _ in range(3):
        assert str(mounts.usages(listed)["/dead"]) == "an earlier statvfs has not returned"
    assert servers.asked.count("/dead") == 1
    assert mounts.stuck() == ["/dead"]
    begun = servers.clock.now - mounts.stuck_seconds()
    servers.clock.now += 60
    assert mounts.stuck_seconds() == servers.clock.now - begun > 60
    servers.release.pop("/dead").set()
    while mounts.stuck():
        pass
    assert mounts.stuck_seconds() == 0
    assert isinstance(mounts.usages(listed)["/dead"], Usage)


def test_many_dead_mounts_together_do_not_use_up_the_collectors_deadline() -> None:
    points = [f"/dead{number}" for number in range(5)]
    servers = Servers(*points)
    clock = servers.clock
    patience = Patience(each=2.0, together=5.0)
    mounts = Mounts(patience=patience, statvfs=servers.statvfs, wait=servers.wait, monotonic=clock)
    listed = parse("".join(mount(point, "nfs4", "server:/x") for point in points) + ROOT)
    begun = clock.now
    found = mounts.usages(listed)
    assert clock.now - begun == 5.0
    assert isinstance(found["/"], Usage)
    assert "not asked" in str(found["/dead4"])
    mounts.usages(listed)
    assert servers.asked.count("/dead4") == 1  # its turn comes in the next round, which skips the others
    for event in servers.release.values():
        event.set()
