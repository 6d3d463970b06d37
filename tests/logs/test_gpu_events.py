"""XIDs through the log engine: what NVML tells and what the kernel's log says are one count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from followed import PACK, Followed
from machines import Clock
from stoker.config.settings import KernelSettings, SourceSettings
from stoker.logs.gpu_events import GpuEvents
from stoker.sources.nvml_events import XidEvent

if TYPE_CHECKING:
    from pathlib import Path

UUID = "GPU-5170ce4a-0000-4000-8000-000000000000"
COUNT = f"stoker_gpu_xid_errors_total{{gpu=0,uuid={UUID},xid=79}}"
LAST = f"stoker_gpu_xid_last_timestamp_seconds{{gpu=0,uuid={UUID},xid=79}}"


class Machine:
    """A machine whose NVML and whose kernel the test speaks for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "kernel.log"
        self.file.touch()
        self.clock = Clock(1_800_000_000.0)
        self.queue: list[XidEvent] = []
        self.start()

    def start(self) -> None:
        """Begin, or go on after a kill; the kernel's log is one of the plain kind, whose lines have no time."""
        self.engine = Followed(
            SourceSettings(name="kernel", kernel=KernelSettings(path=str(self.file))),
            state=self.folder / "state",
            clock=self.clock,
            identify=lambda _: ("0", UUID),
            formats={"kernel": PACK.formats["kernel"]},
            events=GpuEvents(self._take),
        )

    def _take(self) -> list[XidEvent]:
        came, self.queue = self.queue, []
        return came

    def nvml(self, xid: int) -> None:
        now = self.clock()
        self.queue.append(XidEvent("0", UUID, str(xid), now - 1, now, 0))

    def kernel(self, xid: int, says: str = "pid=1", ago: float | None = None) -> None:
        """Write a line; with the time of so many seconds ago, if that is given."""
        when = "" if ago is None else f"{datetime.fromtimestamp(self.clock() - ago, UTC):%Y-%m-%dT%H:%M:%SZ} n kernel: "
        with self.file.open("a") as file:
            file.write(f"{when}NVRM: Xid (PCI:0000:11:00): {xid}, {says}\n")

    def kill(self) -> None:
        """Kill -9 and a new start."""
        self.engine.kill()
        self.start()

    def counts(self, seconds: float = 1.0) -> dict[str, float]:
        """The XIDs that are counted, by code and severity."""
        head, tail = f"stoker_gpu_xid_errors_total{{gpu=0,uuid={UUID},xid=", "}"
        seen = self.engine.turn(seconds)
        return {name[len(head) : -len(tail)]: value for name, value in seen.items() if name.startswith(head)}


def test_both_ways_are_one_event_with_the_same_labels_and_the_time_of_the_event(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.kernel(79)
    machine.nvml(79)
    seen = machine.engine.turn()
    assert seen[COUNT] == 1
    assert seen[LAST] == machine.clock()
    machine.nvml(79)
    assert machine.engine.turn()[COUNT] == 2
    machine.kernel(79)
    assert machine.engine.turn(5)[COUNT] == 2


def test_eleven_minutes_later_it_is_another_event_whoever_tells_of_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.kernel(79, ago=660)  # the line comes late
    assert machine.counts() == {"79": 1}
    machine.nvml(79)
    assert machine.counts() == {"79": 2}
    machine.kernel(79, ago=3)
    assert machine.counts() == {"79": 2}
    assert machine.counts(660) == {"79": 2}
    machine.kernel(79, ago=1)
    assert machine.counts() == {"79": 3}


def test_five_real_events_are_five_however_they_are_told(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    for _ in range(5):
        machine.nvml(31)
    assert machine.counts() == {"31": 5}
    for _ in range(5):
        machine.kernel(31)
    assert machine.counts() == {"31": 5}


def test_a_kill_between_the_two_tellings_counts_once(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.nvml(94)
    machine.counts(0)
    machine.counts()  # those who wait get their answer, which saves
    machine.kill()
    machine.kernel(94)
    machine.clock.now += 3000
    assert machine.counts() == {"94": 1}
    machine.nvml(48)
    machine.counts(0)  # counted and not saved: the line is read again, and counts
    machine.kernel(48)
    machine.kill()
    assert machine.counts() == {"94": 1, "48": 1}


def test_an_event_waits_for_the_line_that_says_how_bad_it_is(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.nvml(149)
    machine.nvml(154)
    assert machine.counts() == {}
    machine.kernel(149, "NETIR_LINK_EVT Fatal XC0 i0 Link 01 (0x021425c6)")
    machine.kernel(154, "GPU recovery action changed from 0x0 (None) to 0x4 (Drain and Reset)")
    both = {"149,severity=fatal": 1, "154,severity=fatal": 1}
    assert machine.counts() == both
    assert machine.counts(20) == both


def test_where_no_line_comes_it_counts_without_and_a_kill_loses_it_not(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.nvml(149)
    machine.counts()
    machine.counts()
    machine.kill()
    assert machine.counts() == {}
    assert machine.counts(10) == {"149": 1}


def test_a_fatal_line_that_comes_late_is_told_all_the_same(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.counts()
    machine.nvml(149)
    machine.counts(15)
    machine.kernel(149, "NETIR_LINK_EVT Fatal XC0 i0 Link 01 (0x021425c6)")
    assert machine.counts() == {"149": 1, "149,severity=fatal": 1}


def test_two_sources_with_the_kernels_lines_count_once(tmp_path: Path) -> None:
    line = "NVRM: Xid (PCI:0000:11:00): 79, pid=1\n"
    for name in ("a", "b"):
        (tmp_path / name).write_text(line * 3)
    sources = [SourceSettings(name=name, kernel=KernelSettings(path=str(tmp_path / name))) for name in ("a", "b")]
    both = Followed(*sources, identify=lambda _: ("0", UUID), formats={"kernel": PACK.formats["kernel"]})
    both.turn()
    for name in ("a", "b"):
        with (tmp_path / name).open("a") as file:
            file.write(line * 2)
    # history of no known time is nobody's double; what both wrote while we looked is one
    assert both.turn()[COUNT] == 3 + 3 + 2


def test_events_that_cannot_be_taken_cost_nothing_else(tmp_path: Path) -> None:
    def broken() -> list[XidEvent]:
        raise OSError("no pipe")

    machine = Machine(tmp_path)
    machine.engine.engine._events = GpuEvents(broken)
    machine.kernel(79)
    assert machine.counts() == {"79": 1}


@pytest.mark.parametrize("answers", [True, False])
def test_the_kernels_log_waits_a_while_for_the_names_of_the_gpus(
    tmp_path: Path,
    answers: bool,  # noqa: FBT001 - a parameter
) -> None:
    (tmp_path / "kernel.log").write_text("NVRM: Xid (PCI:0000:11:00): 79, pid=1\n")
    names: list[str] = []
    engine = Followed(
        SourceSettings(name="kernel", kernel=KernelSettings(path=str(tmp_path / "kernel.log"))),
        SourceSettings(name="files", files=(f"{tmp_path}/*.out",)),
        identify=lambda _: ("0", UUID) if names else None,
        formats={"kernel": PACK.formats["kernel"]},
        gpus_known=lambda: bool(names),
    )
    seen = engine.turn()
    assert not [name for name in seen if "xid" in name]
    assert seen["stoker_log_files{source=files}"] == 0  # the other sources do not wait
    names += ["known"] * answers
    seen = engine.turn(1 if answers else 16)
    assert seen[COUNT if answers else "stoker_gpu_xid_errors_total{uuid=pci:0000:11:00,xid=79}"] == 1
