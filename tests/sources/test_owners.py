"""Whose the processes on a GPU are: numbers that are used again, processes that end while they are looked at, and /proc that hides things."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from machines import Clock, write
from stoker.sources import owners as module
from stoker.sources.control_groups import Groups
from stoker.sources.owners import INITIAL, Owner, Owners

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
POD = "22fd933a-ee61-46bd-93ae-ebace73c1160"
IN_POD = f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{ID}.scope\n"


class Proc:
    """A /proc of the test's own, and what is looked up in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.process(1, "systemd")
        (folder / "self/ns").mkdir(parents=True)
        self.namespace(INITIAL)
        self.owners = Owners(folder, monotonic=self.clock)

    def namespace(self, name: str) -> None:
        link = self.folder / "self/ns/pid"
        link.unlink(missing_ok=True)
        link.symlink_to(name)

    def process(self, pid: int, command: str = "python3.11", *, start: int = 100, state: str = "S") -> Path:
        here = self.folder / str(pid)
        stat = f"{pid} (x) y) {state} 1 1 1 " + "0 " * 15 + f"{start} 0\n"
        write(here, {"stat": stat, "cgroup": "0::/\n", f"task/{pid}/stat": stat})
        exe = here / "exe"
        exe.unlink(missing_ok=True)
        exe.symlink_to(f"/usr/bin/{command}")
        return here

    def look(self, pid: int, seconds: float = 15) -> Owner:
        self.clock.now += seconds
        self.owners.begin()
        return self.owners.owner(pid)


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_the_owner_of_a_process_of_a_pod(proc: Proc) -> None:
    write(proc.process(11), {"cgroup": IN_POD})
    assert proc.look(11) == Owner("living", "python3.11", "", "", POD, ID)


def test_the_job_is_read_from_the_environment_where_no_group_tells_it(proc: Proc) -> None:
    write(proc.process(11), {"environ": "A=1\0SLURM_JOB_ID=4711\0"})
    assert proc.look(11).slurm_job == "4711"
    write(proc.process(12), {"environ": 'SLURM_JOB_ID=4"; drop\n\0'})
    assert proc.look(12).slurm_job == ""
    write(proc.process(13), {"environ": "SLURM_JOB_ID=4711\0", "cgroup": IN_POD})
    assert proc.look(13).slurm_job == ""
    write(proc.process(14), {"environ": "SLURM_JOB_ID=4711\0", "cgroup": "0::/slurm/uid_0/job_12/step_0\n"})
    assert proc.look(14).slurm_job == "12"


def test_a_number_that_is_used_again_is_another_process(proc: Proc) -> None:
    proc.process(11, "train", start=100)
    assert proc.look(11).command == "train"
    proc.process(11, "sshd", start=200)
    assert proc.look(11).command == "sshd"


def test_a_program_that_replaces_itself_is_seen_within_a_minute(proc: Proc) -> None:
    proc.process(11, "bash")
    assert proc.look(11).command == "bash"
    proc.process(11, "python3.11")
    assert proc.look(11).command == "bash"  # not looked at again: it costs four files
    assert proc.look(11, 60).command == "python3.11"


def test_what_was_read_of_a_process_that_became_another_one_is_thrown_away(
    proc: Proc, monkeypatch: pytest.MonkeyPatch
) -> None:
    proc.process(11, "train", start=100)

    def groups(pid: int, procfs: str) -> Groups:
        proc.process(11, "sshd", start=200)  # it ends just now, and its number is given away
        monkeypatch.undo()
        return Groups("1")

    monkeypatch.setattr(module, "groups", groups)
    assert proc.look(11) == Owner("unseen")
    assert proc.look(11) == Owner("living", "sshd")


def test_a_process_that_ends_between_two_reads_leaves_the_rest_empty(proc: Proc) -> None:
    here = proc.process(11)
    (here / "exe").unlink()
    (here / "cgroup").unlink()
    assert proc.look(11) == Owner("living")


@pytest.mark.parametrize("state", ["Z", "X"])
def test_a_process_that_is_dead_or_gone_has_ended(proc: Proc, state: str) -> None:
    proc.process(11, state=state)
    assert proc.look(11) == Owner("ended")
    assert proc.look(12) == Owner("ended")


def test_a_process_that_hangs_in_the_driver_lives_and_holds_what_it_has(proc: Proc) -> None:
    """Whose memory it is stays known: nobody looks for a leak where somebody has to be asked."""
    proc.process(11, state="D")
    found = proc.look(11)
    assert found.state == "living"
    assert found.command


def test_a_program_whose_first_thread_has_ended_lives(proc: Proc) -> None:
    here = proc.process(11, state="Z")
    write(here, {"task/12/stat": "12 (x) S"})
    assert proc.look(11).state == "living"


def test_in_a_namespace_of_its_own_only_a_process_with_a_device_is_believed(proc: Proc) -> None:
    """The number may be the machine's, and in here somebody else's."""
    proc.namespace("pid:[4026532198]")
    here = proc.process(11)
    assert proc.look(11) == Owner("unseen")
    assert proc.look(12) == Owner("unseen")  # it may live outside
    assert not proc.owners.whole
    (here / "fd").mkdir()
    (here / "fd/3").symlink_to("/dev/nvidia0")
    assert proc.look(11) == Owner("living", "python3.11")


def test_where_proc_hides_other_users_nobody_is_taken_for_ended(proc: Proc) -> None:
    (proc.folder / "1/stat").unlink()
    assert proc.look(12) == Owner("unseen")
    assert not proc.owners.whole


def test_what_proc_has_in_odd_shapes_is_no_failure(proc: Proc) -> None:
    for pid, stat in enumerate(["", "11 (x", "11 (x) S", "11 (x) S 1 1 1 " + "a " * 20, "\xff\x00"], start=20):
        write(proc.folder, {f"{pid}/stat": stat})
        assert proc.look(pid).state == "ended"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ('evil"} 1\nup 0', 'evil"} 1\nup 0'),
        ("训练", "训练"),
        ("b\udcffd", "b\ufffdd"),
        ("train (deleted)", "train"),
        ("a" * 255, "a" * 255),
    ],
)
def test_names_of_programs_are_told_as_they_are(proc: Proc, name: str, told: str) -> None:
    proc.process(11, name)
    assert proc.look(11).command == told


def test_a_process_on_several_gpus_is_the_same_one_in_one_look(proc: Proc) -> None:
    here = proc.process(11)
    found = proc.look(11)
    (here / "stat").unlink()
    assert proc.owners.owner(11) is found
    assert proc.look(11).state == "ended"


def test_processes_that_nobody_asks_for_are_forgotten(proc: Proc) -> None:
    for pid in range(100, 200):
        proc.process(pid)
        proc.owners.owner(pid)
    proc.owners.begin()
    proc.owners.owner(100)
    proc.owners.begin()
    assert set(proc.owners._known) == {100}


def test_an_environment_that_cannot_be_read_costs_half_a_second_once(proc: Proc) -> None:
    here = proc.process(11)
    os.mkfifo(here / "environ")  # opening it blocks, as a lock of a process that hangs does
    try:
        begun = time.monotonic()
        assert proc.look(11) == Owner("living", "python3.11")
        assert proc.look(11) == Owner("living", "python3.11")
        assert proc.look(11, 100) == Owner("living", "python3.11")
        print(f"{time.monotonic() - begun:.3f} s")
        assert sum(thread.name == "environment" for thread in threading.enumerate()) == 1
        write(proc.process(12), {"environ": "SLURM_JOB_ID=5\0"})
        assert proc.look(12).slurm_job == "5"
    finally:
        (here / "environ").open("w").close()  # lets the thread go


@pytest.fixture
def child() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    children = []

    def start(*arguments: str, **env: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, *arguments]
        children.append(subprocess.Popen(command, stdin=subprocess.PIPE, env={**os.environ, **env}))
        return children[-1]

    yield start
    for each in children:
        each.kill()
        each.communicate()


def test_a_process_of_this_machine_from_its_birth_to_its_end(child: Callable[..., subprocess.Popen[bytes]]) -> None:
    owners = Owners(Path("/proc"), "name")
    owners.begin()
    one = child("-c", "input()", SLURM_JOB_ID="4711")
    found = owners.owner(one.pid)
    if owners.whole:
        assert found.state == "living"
        assert found.command == Path(os.readlink("/proc/self/exe")).name
        assert found.user == pwd.getpwuid(os.getuid()).pw_name
        if not (found.pod_uid or found.container_id):
            assert found.slurm_job == "4711"
    one.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, one.pid, os.WEXITED | os.WNOWAIT)  # dead, and not yet taken away by its parent
    owners.begin()
    assert owners.owner(one.pid).state == ("ended" if owners.whole else "unseen")
    one.wait()
    owners.begin()
    assert owners.owner(one.pid).state == ("ended" if owners.whole else "unseen")
