"""Files that are kept open between readings."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from machines import Clock
from stoker.sources.kept import KeptFiles, share_of_descriptors

if TYPE_CHECKING:
    from pathlib import Path

linux = pytest.mark.skipif(sys.platform != "linux", reason="takes /proc")


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@linux
def test_a_file_of_proc_is_kept_open_and_says_what_is_true_now() -> None:
    before = descriptors()
    uptime = KeptFiles("/proc")
    times = [float(uptime.read("uptime").split()[0]) for _ in range(2)]
    while times[-1] == times[0]:
        times.append(float(uptime.read("uptime").split()[0]))
    assert times[-1] > times[0]
    assert descriptors() == before + 1


@linux
def test_a_file_larger_than_what_is_read_at_once_is_read_whole() -> None:
    small, large = (KeptFiles("/proc", chunk=size) for size in (64, 1 << 16))
    for _ in range(2):
        assert small.read("cpuinfo")[:40] == large.read("cpuinfo")[:40]
        assert small.read("filesystems") == large.read("filesystems")


@linux
def test_a_table_of_more_than_a_page_is_read_whole_each_time() -> None:
    files = KeptFiles("/proc")
    name = f"{os.getpid()}/maps"
    for _ in range(3):
        last = files.read(name).splitlines()[-1]
        with open(f"/proc/{name}", "rb") as file:
            lines = file.readlines()
        assert sum(map(len, lines)) > 4096
        assert last == lines[-1].rstrip(b"\n")


@linux
def test_what_was_read_a_moment_ago_is_given_again_and_no_longer_than_that() -> None:
    clock = Clock()
    files = KeptFiles("/proc", fresh=0.05, monotonic=clock)
    files.read("uptime")
    first = files.read("uptime")
    with open("/proc/uptime", "rb") as uptime:
        while uptime.read() == first:
            uptime.seek(0)
    clock.now += 0.04
    assert files.read("uptime") == first
    clock.now += 0.02
    assert files.read("uptime") != first


@linux
def test_no_more_than_allowed_are_kept_and_all_are_closed_with_the_last_one_who_reads() -> None:
    before = descriptors()
    files = KeptFiles("/proc", most=2)
    for name in ("uptime", "loadavg", "stat", "uptime"):
        assert files.read(name)
    assert descriptors() == before + 2
    files.keep_only({"uptime"})
    assert descriptors() == before + 1
    del files
    gc.collect()
    assert descriptors() == before


@linux
def test_a_process_that_ended_is_an_error_and_not_its_last_state() -> None:
    files = KeptFiles("/proc", form="*/task/*/stat")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        for _ in range(2):
            assert files.read(str(child.pid)).startswith(f"{child.pid} (".encode())
        child.kill()
    with pytest.raises(OSError, match="No such"):
        files.read(str(child.pid))


def test_a_plain_file_is_opened_each_time_since_its_name_may_mean_another(tmp_path: Path) -> None:
    files = KeptFiles(str(tmp_path))
    for text in ("one", "two"):
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").rename(tmp_path / "file")
        assert files.read("file") == text.encode()
    (tmp_path / "file").unlink()
    with pytest.raises(FileNotFoundError):
        files.read("file")


def test_a_share_of_the_descriptors_is_bounded() -> None:
    assert 0 <= share_of_descriptors(4) <= 4096
