from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from machines import Clock
from stoker.errors import UnavailableError
from stoker.sources.kernel import KernelLog, is_device, parse

if TYPE_CHECKING:
    from pathlib import Path


class Device:
    """A pipe that stands for /dev/kmsg: one record is written, then a turn is taken, so that one read gives one record."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._writer = os.open(path, os.O_RDWR)

    def say(self, record: bytes) -> None:
        os.write(self._writer, record)


def test_a_record_has_a_number_a_time_and_a_message() -> None:
    assert parse(b"4,1234,5000000,-;NVRM: Xid\n SUBSYSTEM=pci\n DEVICE=+pci:0000:91:00.0\n") == (
        1234,
        5.0,
        b"NVRM: Xid",
    )
    assert parse(b"30,5,7,c,caller=T1;a;b\n") == (5, 7e-06, b"a;b")
    for wrong in (b"", b"no record", b"1,2;x", b"1,x,3;y"):
        assert parse(wrong) is None, wrong


def test_records_are_read_with_the_time_of_the_event(tmp_path: Path) -> None:
    device = Device(tmp_path / "kmsg")
    log = KernelLog(str(tmp_path / "kmsg"), Clock(1000.0), Clock(100.0), "boot-a")
    device.say(b"4,7,50000000,-;one\n")
    assert [(record.text, record.when, record.old) for record in log.turn()] == [(b"one", 950.0, False)]
    log.close()


@pytest.mark.parametrize(("stamp", "when"), [(105, 1005), (-30, 1000), (300, 1010)])
def test_a_record_that_comes_is_of_now_whatever_the_kernels_own_clock_says(
    tmp_path: Path, stamp: int, when: float
) -> None:
    device = Device(tmp_path / "kmsg")
    clock, uptime = Clock(1000.0), Clock(100.0)
    log = KernelLog(str(tmp_path / "kmsg"), clock, uptime, "boot-a")
    device.say(b"4,7,50000000,-;one\n")
    assert [record.when for record in log.turn()] == [950.0]  # history, read to its end
    clock.now += 10
    uptime.now += 10
    device.say(b"4,8,%d000000,-;two\n" % stamp)
    assert [record.when for record in log.turn()] == [when]
    log.close()


def test_a_restart_in_the_same_boot_knows_what_it_has_read_and_another_boot_is_new(tmp_path: Path) -> None:
    device = Device(tmp_path / "kmsg")
    log = KernelLog(str(tmp_path / "kmsg"), Clock(), Clock(), "boot-a")
    device.say(b"4,7,0,-;one\n")
    list(log.turn())
    state = log.state()
    log.close()
    for boot, old in (("boot-a", True), ("boot-b", False)):
        again = KernelLog(str(tmp_path / "kmsg"), Clock(), Clock(), boot)
        again.restore(state)
        device.say(b"4,7,0,-;one\n")
        assert [record.old for record in again.turn()] == [old], boot
        again.close()


def test_a_machine_without_the_device_is_a_normal_state(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="nothing"):
        list(KernelLog(str(tmp_path / "nothing")).turn())


def test_a_plain_file_is_no_device(tmp_path: Path) -> None:
    assert not is_device(str(tmp_path / "yet-to-come"))
    assert is_device("/dev/null")
    assert is_device("/dev/no-kmsg-in-this-container")
