"""Processes by state."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_processes import HostProcesses
from stoker.errors import UnavailableError
from stoker.sources.host import Host
from stoker.sources.machine import Machine
from stoker.sources.process_states import ProcessStates

if TYPE_CHECKING:
    from pathlib import Path

STUCK = "stoker_host_processes_stuck"


def process(
    pid: int, state: str, *, start: int = 500, switches: int = 7, name: str = "python", flags: int = 0
) -> dict[str, str]:
    numbers = " ".join(["0"] * 12)
    return {
        f"proc/{pid}/stat": f"{pid} ({name}) {state} 0 0 0 0 0 {flags} {numbers} {start} 1000 200\n",
        f"proc/{pid}/status": f"Name:\tx\nvoluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t1\n",
    }


def test_processes_are_counted_by_state_whatever_their_name_is(tmp_path: Path) -> None:
    files = process(1, "S") | process(2, "R") | process(3, "R", name="a) D (b") | process(4, "Z") | process(5, "D")
    files |= {"proc/meminfo": "", "proc/sys/kernel/osrelease": "6\n"}
    assert values(HostProcesses(host(tmp_path, files), Clock()).collect()) == {
        'stoker_host_processes{state="running"}': 2,
        'stoker_host_processes{state="blocked"}': 1,
        'stoker_host_processes{state="zombie"}': 1,
        STUCK: 0,
    }


def test_a_process_is_stuck_after_more_than_a_minute_in_which_it_did_not_run(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostProcesses(host(tmp_path, process(5, "D")), clock)
    seen = []
    for seconds in (0, 15, 45, 1, 600):
        clock.now += seconds
        seen.append(values(collector.collect())[STUCK])
    assert seen == [0, 0, 0, 1, 1]


def test_a_process_that_is_in_d_at_every_run_but_ran_in_between_is_busy_and_not_stuck(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostProcesses(host(tmp_path, process(5, "D")), clock)
    collector.collect()
    clock.now += 100
    write(tmp_path, process(5, "D", switches=8))
    assert values(collector.collect())[STUCK] == 0


def test_another_process_under_the_same_pid_starts_anew(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostProcesses(host(tmp_path, process(5, "D")), clock)
    collector.collect()
    clock.now += 100
    write(tmp_path, process(5, "D", start=900))
    assert values(collector.collect())[STUCK] == 0


def test_the_kernels_own_threads_are_looked_at_each_minute_and_those_that_are_blocked_always(tmp_path: Path) -> None:
    clock = Clock()
    files = process(2, "R", flags=0x208040) | process(3, "D", flags=0x208040) | process(4, "R")
    collector = HostProcesses(host(tmp_path, files), clock)
    seen = []
    for seconds in (0, 59, 1):
        clock.now += seconds
        found = values(collector.collect())
        seen.append((found['stoker_host_processes{state="running"}'], found['stoker_host_processes{state="blocked"}']))
        write(tmp_path, process(2, "S", flags=0x208040) | process(3, "S", flags=0x208040) | process(4, "S"))
    assert seen == [(2, 1), (1, 0), (0, 0)]


def test_a_process_that_leaves_the_state_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostProcesses(host(tmp_path, process(5, "D")), clock)
    collector.collect()
    write(tmp_path, process(5, "S"))
    collector.collect()
    clock.now += 100
    write(tmp_path, process(5, "D"))
    assert values(collector.collect())[STUCK] == 0


def test_a_process_that_ended_during_the_run_is_left_out(tmp_path: Path) -> None:
    machine = host(tmp_path, process(2, "R"))
    (tmp_path / "proc" / "3").mkdir()  # listed, and its stat is gone
    assert values(HostProcesses(machine, Clock()).collect())['stoker_host_processes{state="running"}'] == 1


def numbered(last: int) -> dict[str, str]:
    """A /proc of the reader's own container, in which this number was given last."""
    return {"proc/self/status": "Name:\tx\nNSpid:\t1\n", "proc/loadavg": f"0 0 0 1/9 {last}\n"}


def test_processes_are_listed_when_the_kernel_has_given_many_numbers_since_or_a_minute_is_over(tmp_path: Path) -> None:
    clock = Clock()
    collector = HostProcesses(host(tmp_path, process(1, "R") | numbered(41)), clock)

    def running() -> float:
        return values(collector.collect())['stoker_host_processes{state="running"}']

    assert running() == 1
    write(tmp_path, process(2, "R"))
    assert running() == 1
    write(tmp_path, numbered(43))
    assert running() == 2
    write(tmp_path, process(3, "R") | numbered(7))  # the numbers begin anew after the highest
    assert running() == 3
    shutil.rmtree(tmp_path / "proc" / "1")
    assert running() == 2
    write(tmp_path, process(4, "R"))
    clock.now += 60
    assert running() == 3


def test_of_few_numbers_given_since_each_is_looked_at_and_threads_are_none(tmp_path: Path) -> None:
    files: dict[str, str] = {}
    for pid in range(1, 21):
        files |= process(pid, "S")
    collector = HostProcesses(host(tmp_path, files | numbered(20)), Clock())
    collector.collect()
    new = process(22, "R") | process(23, "R") | process(24, "R")
    new["proc/22/status"] = "Name:\tx\nTgid:\t22\nPid:\t22\n"
    new["proc/23/status"] = "Name:\tx\nTgid:\t22\nPid:\t23\n"
    write(tmp_path, new | numbered(23))
    for _ in range(2):
        assert values(collector.collect())['stoker_host_processes{state="running"}'] == 1


@pytest.mark.parametrize("status", ["NSpid:\t7\t1\n", "Pid:\t1\n"])
def test_the_kernels_last_number_says_nothing_of_processes_outside_of_our_own_container(
    tmp_path: Path, status: str
) -> None:
    files = process(1, "R") | {"proc/self/status": f"Name:\tx\n{status}", "proc/loadavg": "0 0 0 1/9 41\n"}
    collector = HostProcesses(host(tmp_path, files), Clock())
    collector.collect()
    write(tmp_path, process(2, "R"))
    assert values(collector.collect())['stoker_host_processes{state="running"}'] == 2


@pytest.mark.skipif(sys.platform != "linux", reason="takes /proc")
def test_a_program_that_begins_between_two_looks_is_seen_and_one_that_ended_is_not() -> None:
    processes = ProcessStates()
    before = processes.look().states.get("T", 0)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert [processes.look(kernel=False).states["T"] for _ in range(2)] == [before + 1] * 2
        child.kill()
    assert processes.look(kernel=False).states.get("T", 0) == before


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("cc") is None, reason="takes a C compiler on Linux")
def test_a_real_process_that_waits_in_the_kernel_is_found(tmp_path: Path) -> None:
    # after vfork the parent is in state D until the child ends or executes something
    (tmp_path / "d.c").write_text(
        "#include <unistd.h>\nint main(void) { char c; if (vfork() == 0) { _exit(read(0, &c, 1)); } return 0; }\n"
    )
    subprocess.run(["cc", "-o", tmp_path / "d", tmp_path / "d.c"], check=True, timeout=60)
    machine, clock = Host(Machine()), Clock()
    collector = HostProcesses(machine, clock)
    before = values(collector.collect())[STUCK]
    with subprocess.Popen([tmp_path / "d"], stdin=subprocess.PIPE) as waiting:
        while waiting.pid not in {one.pid for one in machine.processes.look().blocked}:
            assert waiting.poll() is None
        collector.collect()
        clock.now += 61
        assert values(collector.collect())[STUCK] >= before + 1
        assert waiting.stdin is not None
        waiting.stdin.close()


def test_it_reads_this_machine() -> None:
    found = values(HostProcesses(Host(Machine()), Clock()).collect())
    assert set(found) >= {'stoker_host_processes{state="running"}', STUCK}


def test_another_system_than_linux_says_so_in_one_line() -> None:
    with pytest.raises(UnavailableError, match="can only be read on Linux"):
        HostProcesses(Host(Machine(), linux=False), Clock()).collect()
