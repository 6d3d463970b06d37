"""Files that processes on a GPU write to are found and followed; nobody says where they are."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from followed import Followed
from machines import Clock, write
from stoker.config.settings import SourceSettings
from stoker.logs.finder_gpu import GpuOutputsFinder
from stoker.sources.outputs import device_users

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gpus import GpuBench

WRITES = "import sys\nfor line in sys.stdin: sys.stdout.write(line); sys.stdout.flush()"
CONTAINER = "0123456789ab" + "c" * 52
POD = "0f1c5d3e-8a2b-4c7d-9e10-112233445566"


class Node:
    """A machine with a simulated GPU, programs of the test's own that hold it, and an engine that discovers them."""

    def __init__(self, gpus: Callable[..., GpuBench], folder: Path, stack: ExitStack) -> None:
        self.bench = gpus(1)
        self.folder = folder
        self.proc = self.bench.folder / "proc"
        self.clock = Clock(1_700_000_000.0)
        self.programs: list[subprocess.Popen[str]] = []
        self._stack = stack
        self.followed = self.engine()

    def engine(self, **keys: Any) -> Followed:  # noqa: ANN401 - those of a source
        """A new life of the exporter."""
        source = SourceSettings(name="gpu", discover="gpu_processes", **keys)

        def find(settings: SourceSettings, _: Counter[str]) -> GpuOutputsFinder:
            return GpuOutputsFinder(
                settings,
                self.bench.gate.processes,
                clock=self.clock,
                steady=self.clock,
                host="h",
                procfs=str(self.proc),
            )

        return Followed(source, state=self.folder / "state", clock=self.clock, find=find)

    def program(self, output: Any, env: dict[str, str] | None = None, *, gpu: bool = True) -> subprocess.Popen[str]:  # noqa: ANN401 - what subprocess takes
        """Start a program that writes what it is told to `output`, and let it have the GPU."""
        plain = {"PATH": os.environ["PATH"], **(env or {})}
        program = subprocess.Popen(
            [sys.executable, "-c", WRITES],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.DEVNULL,
            env=plain,
            text=True,
        )
        self._stack.callback(self.end, program)
        (self.proc / str(program.pid)).symlink_to(f"/proc/{program.pid}")
        if gpu:
            self.programs.append(program)
        return program

    def file(self, name: str) -> Any:  # noqa: ANN401 - an open file
        """A file that is opened to be written to."""
        return self._stack.enter_context((self.folder / name).open("a"))

    def turn(self, seconds: float = 6.0) -> dict[str, float]:
        """What is exposed after NVML was asked and everything was read."""
        pids = " ".join(f"{each.pid}:5" for each in self.programs)
        self.bench.machine.devices[0].values |= {"compute": pids, "graphics": ""}
        self.bench.change()
        self.bench.collect()
        return self.followed.turn(seconds)

    def tell(self, program: subprocess.Popen[str], line: str, file: str) -> None:
        """Let it write a line, and wait until it is there."""
        path = self.folder / file
        before = path.stat().st_size
        assert program.stdin is not None
        program.stdin.write(line + "\n")
        program.stdin.flush()
        while path.stat().st_size < before + len(line) + 1:
            assert program.poll() is None

    def end(self, program: subprocess.Popen[str]) -> None:
        """End a program."""
        if program in self.programs:
            self.programs.remove(program)
        program.kill()
        program.communicate()


@pytest.fixture
def node(gpus: Callable[..., GpuBench], tmp_path: Path) -> Iterator[Node]:
    with ExitStack() as stack:
        yield Node(gpus, tmp_path, stack)


def test_the_file_of_a_process_on_a_gpu_is_followed_beyond_its_end(node: Node) -> None:
    assert node.turn()["stoker_log_files{source=gpu}"] == 0
    program = node.program(node.file("train.out"))
    node.tell(program, "step 1 loss 2.5", "train.out")
    assert node.turn()["stoker_train_step{source=gpu,run=h-train}"] == 1
    node.tell(program, "step 2", "train.out")
    node.end(program)
    assert node.turn()["stoker_train_step{source=gpu,run=h-train}"] == 2
    with (node.folder / "train.out").open("a") as late:
        late.write("step 3\n")
    seen = node.turn()
    assert seen["stoker_train_step{source=gpu,run=h-train}"] == 3
    assert seen["stoker_log_outputs{source=gpu,kind=file}"] == 0
    assert seen["stoker_log_rotations_total{source=gpu}"] == 0
    for _ in range(20):
        node.turn(60)
    assert node.turn(90_000)["stoker_log_files{source=gpu}"] == 1  # it leaves
    assert node.turn(61)["stoker_log_rotations_total{source=gpu}"] == 0
    assert node.turn(61)["stoker_log_files{source=gpu}"] == 0


def test_a_program_that_was_there_before_us_is_read_from_its_present_end(node: Node) -> None:
    program = node.program(node.file("train.out"))
    node.tell(program, "step 1 loss 2.5", "train.out")
    assert not [series for series in node.turn() if series.startswith("stoker_train")]
    node.tell(program, "step 2 loss 2.5", "train.out")
    assert node.turn()["stoker_train_reports_total{source=gpu,run=h-train}"] == 1


def test_a_restart_goes_on_with_a_file_whose_process_ended_meanwhile(node: Node) -> None:
    node.turn()
    program = node.program(node.file("train.out"), {"SLURM_JOB_ID": "4711"})
    node.tell(program, "step 1", "train.out")
    node.turn()
    node.tell(program, "step 2", "train.out")
    node.end(program)
    node.followed.engine.stop()
    node.followed = node.engine()
    seen = node.turn()
    assert seen["stoker_train_reports_total{source=gpu,run=4711}"] == 2


@pytest.mark.parametrize(
    ("env", "labels"),
    [
        ({"SLURM_JOB_ID": "4711"}, "run=4711"),
        (
            {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "3"},
            "run=4711,rank=3",
        ),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "HOSTNAME": "llm-0", "RANK": "02"}, "run=llm-0,rank=2"),
        ({"TORCHELASTIC_RUN_ID": "abc", "RANK": "1"}, "run=abc,rank=1"),
        ({"TORCHELASTIC_RUN_ID": "none", "RANK": "1"}, "run=h-train,rank=1"),
    ],
)
def test_the_run_is_called_as_its_job(env: dict[str, str], labels: str, node: Node) -> None:
    node.turn()
    program = node.program(node.file("train.out"), env)
    node.tell(program, "step 1", "train.out")
    assert node.turn()[f"stoker_train_step{{source=gpu,{labels}}}"] == 1


@pytest.mark.parametrize(
    ("group", "run"),
    [
        (f"0::/system.slice/docker-{CONTAINER}.scope\n", "0123456789ab"),
        (f"12:devices:/docker/{CONTAINER}\n1:name=systemd:/docker/{CONTAINER}\n", "0123456789ab"),
        (f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{CONTAINER}.scope\n", POD),
        (f"4:memory:/kubepods/burstable/pod{POD}/{CONTAINER}\n", POD),
        ("0::/system.slice/slurmstepd.scope/job_812/step_0/user/task_0\n", "812"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "h-train"),
    ],
)
def test_without_an_environment_the_control_group_tells_whose_it_is(group: str, run: str, node: Node) -> None:
    node.turn()
    program = node.program(node.file("train.out"))
    here = node.proc / str(program.pid)
    here.unlink()
    write(
        node.proc, {f"{program.pid}/cgroup": group, f"{program.pid}/stat": (f"{program.pid} (x) S 1 1 1 " + "0 " * 20)}
    )
    (here / "fd").symlink_to(f"/proc/{program.pid}/fd")
    node.tell(program, "step 1", "train.out")
    assert node.turn()[f"stoker_train_step{{source=gpu,run={run}}}"] == 1


def test_what_the_settings_say_comes_first(node: Node) -> None:
    node.followed = node.engine(run="{name}")
    node.turn()
    program = node.program(node.file("train.out"), {"SLURM_JOB_ID": "4711"})
    node.tell(program, "step 1", "train.out")
    assert node.turn()["stoker_train_step{source=gpu,run=train.out}"] == 1


def test_what_cannot_be_followed_is_counted(node: Node, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    master, slave = os.openpty()
    gone = node.file("gone.out")
    node.program(subprocess.PIPE)
    node.program(slave)
    node.program(gone)
    node.program(subprocess.DEVNULL)
    (node.folder / "gone.out").unlink()
    for _ in range(2):
        seen = node.turn()
    os.close(master)
    os.close(slave)
    found = {
        kind: seen[f"stoker_log_outputs{{source=gpu,kind={kind}}}"]
        for kind in ("file", "pipe", "terminal", "deleted", "other")
    }
    assert found == {"file": 0, "pipe": 1, "terminal": 1, "deleted": 1, "other": 1}
    assert seen["stoker_log_files{source=gpu}"] == 0
    assert sorted(
        record.message.split("leads_to=")[1].split()[0] for record in caplog.records if "leads_to" in record.message
    ) == [
        "deleted",
        "other",
        "pipe",
        "terminal",
    ]


def test_two_processes_on_one_file_are_one_log(node: Node) -> None:
    node.turn()
    file = node.file("train.out")
    first, second = node.program(file), node.program(file)
    node.tell(first, "step 1", "train.out")
    node.tell(second, "step 2", "train.out")
    seen = node.turn()
    assert seen["stoker_log_files{source=gpu}"] == 1
    assert seen["stoker_train_reports_total{source=gpu,run=h-train}"] == 2


def test_without_nvml_those_that_have_a_device_open_are_found(node: Node, tmp_path: Path) -> None:
    for pid, device in (
        ("11", "/dev/nvidia3"),
        ("12", "/dev/nvidiactl"),
        ("13", "/dev/null"),
        ("14", "/dev/nvidia-uvm"),
    ):
        (tmp_path / "p" / pid / "fd").mkdir(parents=True)
        (tmp_path / "p" / pid / "fd" / "5").symlink_to(device)
    assert device_users(str(tmp_path / "p")) == {11}


def test_while_nvml_says_nothing_the_search_takes_over(node: Node) -> None:
    program = node.program(node.file("train.out"), gpu=False)
    fake = node.proc / str(program.pid)
    fake.unlink()
    write(node.proc, {f"{program.pid}/stat": (f"{program.pid} (x) S 1 1 1 " + "0 " * 20)})
    (fake / "fd").mkdir()
    for number in ("1", "2"):
        (fake / "fd" / number).symlink_to(f"/proc/{program.pid}/fd/{number}")
    (fake / "fd/1").unlink()
    (fake / "fd/1").symlink_to(node.folder / "train.out")
    (fake / "fd/9").symlink_to("/dev/nvidia0")
    node.followed.turn()
    node.followed.turn(31)
    node.tell(program, "step 1", "train.out")
    assert node.followed.turn(31)["stoker_train_step{source=gpu,run=h-train}"] == 1
