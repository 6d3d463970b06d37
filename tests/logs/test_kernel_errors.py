"""Errors of the kernel's log: there at 0 before the first, each once, with the time that the kernel says."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from followed import PACK, Followed, settings
from read_files import append
from stoker.config.settings import KernelSettings
from stoker.logs.origin_kernel import Kernel

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.logs.origin import Intake

ERRORS = "stoker_host_kernel_errors_total"
LAST = "stoker_host_kernel_error_last_timestamp_seconds"
FORMATS = {name: PACK.formats[name] for name in ("kernel", "kernel_errors")}


def test_what_a_kernel_log_may_tell_is_there_at_0_before_it_happens(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    append(path, b"Nov 10 04:12:09 node kernel: NVRM: loading NVIDIA UNIX x86_64 Kernel Module\n")
    followed = Followed(settings(tmp_path, files=None, kernel=KernelSettings(path=str(path))), formats=FORMATS)
    seen = followed.turn()
    kinds = PACK.metrics[ERRORS].zero["kind"]
    assert {name: value for name, value in seen.items() if name.startswith(ERRORS)} == {
        f"{ERRORS}{{kind={kind}}}": 0 for kind in kinds
    }
    assert not [name for name in seen if name.startswith(LAST)]


def test_a_log_that_is_not_the_kernels_says_nothing_of_the_kernel(tmp_path: Path) -> None:
    append(tmp_path / "a.log", b"{'loss': 0.5, 'epoch': 1.0}\n")
    seen = Followed(settings(tmp_path), formats=PACK.formats).turn()
    assert not [name for name in seen if name.startswith("stoker_host_")]


def test_an_error_has_the_time_at_which_the_kernel_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "kern.log"
    append(path, b"Nov 10 04:12:09 node kernel: nvme nvme0: I/O 12 QID 3 timeout, aborting\n")
    append(path, b"Nov 10 04:12:39 node kernel: nvme nvme0: I/O 12 QID 3 timeout, reset controller\n")
    source = settings(tmp_path, files=None, timezone="UTC", kernel=KernelSettings(path=str(path)))
    seen = Followed(source, formats=FORMATS).turn()  # the clock stands at 2023-11-14
    assert (seen[f"{ERRORS}{{kind=nvme}}"], seen[f"{LAST}{{kind=nvme}}"]) == (1, 1_699_589_529)
    assert seen[f"{ERRORS}{{kind=disk}}"] == 0


def test_a_restart_amid_a_lockup_does_not_count_it_again(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    for seconds in (26, 52, 78):
        line = f"[{100 + seconds}.5] watchdog: BUG: soft lockup - CPU#3 stuck for {seconds}s! [a:1]\n"
        append(logs / "a.log", line.encode())
        followed = Followed(settings(logs), state=state, formats=FORMATS)
        seen = followed.turn()
        followed.kill()
        assert seen[f"{ERRORS}{{kind=soft_lockup}}"] == 1


def test_records_of_the_device_are_told_apart_by_the_kernels_clock(tmp_path: Path) -> None:
    """A week lies between two reports of one CPU, and no other line: two errors."""
    device = tmp_path / "kmsg"
    os.mkfifo(device)
    writer = os.open(device, os.O_RDWR)
    followed = Followed(settings(tmp_path, files=None, kernel=KernelSettings(path=str(device))), formats=FORMATS)
    source = followed.engine._sources[0]
    origin = Kernel(str(device), followed.clock)
    intake: Intake = source._intake
    for number, (uptime, count) in enumerate([(100, 1), (122, 1), (604_900, 2)]):
        record = b"0,%d,%d000000,-;watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [a:1]\n" % (number, uptime)
        os.write(writer, record)
        origin.turn(intake, 0.0, lambda: False)
        assert followed.exposed()[f"{ERRORS}{{kind=soft_lockup}}"] == count
    origin.close()
    os.close(writer)
