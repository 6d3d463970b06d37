"""NVMe drives."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_nvme import HostNvme
from stoker.errors import DeadlineError, SourceError, UnavailableError
from stoker.sources.nvme import Drives, parse, read_log

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.sources.deadline import Done
    from stoker.sources.host import Host

NVME = "sys/class/nvme"


def log(  # the fields of a health log, by their offsets in the specification
    *, warning: int = 0, spare: int = 100, threshold: int = 10, used: int = 3, written: int = 0, media: int = 0
) -> bytes:
    page = bytearray(512)
    page[0], page[3], page[4], page[5] = warning, spare, threshold, used
    page[1:3] = (310).to_bytes(2, "little")
    page[48:64] = written.to_bytes(16, "little")
    page[128:144] = (1000).to_bytes(16, "little")
    page[160:176] = media.to_bytes(16, "little")
    return bytes(page)


class Shelf:
    """Stands for the device nodes: what each drive answers, and how often it was asked."""

    def __init__(self, **answers: bytes | Exception) -> None:
        self.answers = answers
        self.asked: list[str] = []
        self.release = threading.Event()

    def read(self, path: str) -> bytes:
        drive = path.rpartition("/")[2]
        self.asked.append(drive)
        answer = self.answers.get(drive)
        if answer is None:
            assert self.release.wait(60)
            return log()
        if isinstance(answer, Exception):
            raise answer
        return answer


def wait(done: Done, _: float) -> bool:
    return done.wait(0.2)


def machine(root: Path, *drives: str, state: str = "live") -> Host:
    return host(root, {f"{NVME}/{drive}/state": f"{state}\n" for drive in drives})


def test_a_drive_tells_its_state_and_its_health(tmp_path: Path) -> None:
    shelf = Shelf(nvme0=log(warning=0b1001, spare=90, used=104, written=2**70, media=5))
    collector = HostNvme(machine(tmp_path, "nvme0"), Clock(), Drives(read=shelf.read))
    found = values(collector.collect())
    warnings = {name: value for name, value in found.items() if "_warning{" in name}
    assert {name.split('"')[3] for name, value in warnings.items() if value} == {"spare", "read_only"}
    assert len(warnings) == 6
    assert {name: value for name, value in found.items() if name not in warnings} == {
        'stoker_host_nvme_up{device="nvme0"}': 1,
        'stoker_host_nvme_health_readable{device="nvme0"}': 1,
        'stoker_host_nvme_wear_ratio{device="nvme0"}': 1.04,
        'stoker_host_nvme_spare_ratio{device="nvme0"}': 0.9,
        'stoker_host_nvme_spare_threshold_ratio{device="nvme0"}': 0.1,
        'stoker_host_nvme_media_errors_total{device="nvme0"}': 5,
        'stoker_host_nvme_written_bytes_total{device="nvme0"}': float(2**70 * 512_000),
        'stoker_host_nvme_powered_seconds_total{device="nvme0"}': 3_600_000,
    }


def test_without_the_right_to_ask_only_the_state_is_known_and_that_is_no_failure(tmp_path: Path) -> None:
    shelf = Shelf(nvme0=UnavailableError("/dev/nvme0: Permission denied"))
    reading = HostNvme(machine(tmp_path, "nvme0"), Clock(), Drives(read=shelf.read)).collect()
    assert not reading.failures
    assert values(reading) == {
        'stoker_host_nvme_up{device="nvme0"}': 1,
        'stoker_host_nvme_health_readable{device="nvme0"}': 0,
    }


def test_the_log_is_asked_for_every_five_minutes_and_served_meanwhile(tmp_path: Path) -> None:
    clock, shelf = Clock(), Shelf(nvme0=log())
    collector = HostNvme(machine(tmp_path, "nvme0"), clock, Drives(read=shelf.read))
    for seconds in (0, 15, 284.9, 0.2):
        clock.now += seconds
        assert len(values(collector.collect())) == 14
    assert len(shelf.asked) == 2


def test_a_drive_that_does_not_answer_costs_only_itself(tmp_path: Path) -> None:
    shelf = Shelf(nvme1=log())
    clock = Clock()
    drives = Drives(read=shelf.read, wait=wait)
    collector = HostNvme(machine(tmp_path, "nvme0", "nvme1"), clock, drives)
    reading = collector.collect()
    assert values(reading)['stoker_host_nvme_wear_ratio{device="nvme1"}'] == 0.03
    assert reading.failures == ["drive nvme0: no answer within 3 s"]
    clock.now += 300
    assert collector.collect().failures == ["drive nvme0: an earlier question has not been answered"]
    assert shelf.asked.count("nvme0") == 1
    shelf.release.set()
    while True:
        try:
            drives.health("nvme0")
        except DeadlineError:
            continue
        break
    clock.now += 300
    assert not collector.collect().failures


def test_a_drive_that_does_not_work_is_shown_and_not_asked(tmp_path: Path) -> None:
    shelf = Shelf(nvme0=log())
    reading = HostNvme(machine(tmp_path, "nvme0", state="dead"), Clock(), Drives(read=shelf.read)).collect()
    assert values(reading) == {
        'stoker_host_nvme_up{device="nvme0"}': 0,
        'stoker_host_nvme_health_readable{device="nvme0"}': 0,
    }
    assert (reading.failures, shelf.asked) == ([], [])


def test_a_drive_that_is_taken_out_is_forgotten_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    shelf = Shelf(nvme0=log(), nvme1=log())
    collector = HostNvme(machine(tmp_path, "nvme0", "nvme1"), Clock(), Drives(read=shelf.read))
    assert len(values(collector.collect())) == 28
    (tmp_path / NVME / "nvme1/state").unlink()
    (tmp_path / NVME / "nvme2/state").mkdir(parents=True)
    reading = collector.collect()
    assert len(values(reading)) == 14
    assert reading.failures == ["drive nvme2: Is a directory"]


def test_a_machine_without_drives_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        HostNvme(host(tmp_path, {}), Clock()).collect()
    write(tmp_path, {f"{NVME}/nvme-fabrics": ""})
    with pytest.raises(UnavailableError, match="no drive"):
        HostNvme(host(tmp_path, {}), Clock()).collect()


@pytest.mark.parametrize("page", [b"", b"\1" * 511, bytes(512)])
def test_an_empty_log_is_a_failure_and_not_a_new_drive(page: bytes) -> None:
    with pytest.raises(SourceError, match="the health log is empty"):
        parse(page)


def test_what_is_no_drive_is_not_asked_twice_over(tmp_path: Path) -> None:
    write(tmp_path, {"dev/nvme0": "a file"})
    for path in (tmp_path / "dev/nvme0", tmp_path / "dev/nvme1"):
        with pytest.raises(UnavailableError):
            read_log(str(path))
