"""`stoker run` is not noticed by its command: the same bytes, the same exit code, the same signals; and it keeps a log."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from running import Bench, wait_for

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = sys.executable
BYTES = bytes(range(256)) * 1200
WRITES = """
import sys
whole = bytes(range(256)) * 1200
for start in range(0, len(whole), 777):
    sys.stdout.buffer.write(whole[start:start + 777])
    sys.stderr.buffer.write(whole[start:start + 777][::-1])
"""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_both_outputs_are_passed_on_byte_for_byte_and_kept(bench: Bench) -> None:
    done = bench.run("--", PYTHON, "-c", WRITES)
    assert done.returncode == 0
    assert done.stdout == BYTES
    assert done.stderr == b"".join(BYTES[start : start + 777][::-1] for start in range(0, len(BYTES), 777))
    assert len(bench.log()) == 2 * len(BYTES) + 1, "and the end of the last line"


def test_lines_of_the_two_outputs_are_kept_whole_in_the_log(bench: Bench) -> None:
    program = (
        "import os, time\n"
        "for n in range(50):\n"
        "    os.write(1, b'step %d ' % n); time.sleep(0.001); os.write(2, b'warning\\n'); os.write(1, b'loss 0.5\\n')\n"
    )
    assert bench.run("--", PYTHON, "-c", program).returncode == 0
    lines = bench.log().decode().splitlines()
    assert sorted(set(lines)) == sorted({"warning", *(f"step {n} loss 0.5" for n in range(50))})


def test_standard_input_is_the_commands_own(bench: Bench) -> None:
    done = bench.run("--", PYTHON, "-c", "import sys; print(sys.stdin.read()[::-1])", input=b"abc")
    assert done.stdout == b"cba\n"


@pytest.mark.parametrize(
    ("program", "code"),
    [("raise SystemExit(0)", 0), ("raise SystemExit(7)", 7), ("import os; os.kill(os.getpid(), 9)", 137)],
)
def test_the_exit_code_is_the_commands(program: str, code: int, bench: Bench) -> None:
    assert bench.run("--", PYTHON, "-c", program).returncode == code
    record = bench.record()
    assert record["exit_code"] == code
    assert record["ended"] >= record["started"]


def test_a_command_that_cannot_be_started_says_so_as_in_a_shell(bench: Bench, tmp_path: Path) -> None:
    done = bench.run("--", "no-such-command")
    assert (done.returncode, done.stderr) == (127, b"stoker run: no-such-command: No such file or directory\n")
    plain = tmp_path / "plain"
    plain.write_text("")
    assert bench.run("--", str(plain)).returncode == 126


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no command; write"),
        (["--name", "a b", "--", "true"], "is no name"),
        (["--label", "vision", "--", "true"], "write key=value"),
        (["--dir", "/dev/null/x", "--", "true"], "name a folder"),
    ],
)
def test_a_wrong_flag_is_one_line_and_runs_nothing(arguments: list[str], says: str, bench: Bench) -> None:
    done = bench.run(*arguments)
    assert done.returncode == 2
    assert says in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1
    assert not list(bench.runs.glob("*")) or "--dir" in arguments


def test_a_configuration_that_is_wrong_keeps_no_command_from_running(bench: Bench) -> None:
    bench.config.write_text("hosst: {}\n")
    done = bench.run("--", "echo", "hi", env={**os.environ, "XDG_STATE_HOME": str(bench.state)})
    assert (done.returncode, done.stdout) == (0, b"hi\n")
    assert b"hosst" in done.stderr


def test_arguments_of_the_command_are_its_own(bench: Bench) -> None:
    done = bench.run("--name", "a", "--", PYTHON, "-c", "import sys; print(sys.argv[1:])", "--name", "b", "--", "-x")
    assert done.stdout == b"['--name', 'b', '--', '-x']\n"
    assert bench.record()["run"] == "a"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_a_signal_is_passed_on_once(number: signal.Signals, bench: Bench) -> None:
    program = (
        "import os, signal, sys, time\n"
        "got = []\n"
        f"signal.signal({int(number)}, lambda *_: got.append(os.write(1, b'got it\\n')))\n"
        "os.write(1, b'ready\\n')\n"
        "while not got: time.sleep(0.01)\n"
        "time.sleep(0.2); sys.exit(5)\n"
    )
    process = bench.start("--", PYTHON, "-c", program)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    rest, _ = process.communicate()
    assert (rest, process.returncode) == (b"got it\n", 5)


def test_a_signal_that_ends_the_command_is_its_exit_code(bench: Bench) -> None:
    process = bench.start("--", PYTHON, "-c", "import os, time; os.write(1, b'ready\\n'); time.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    process.terminate()
    process.communicate()
    assert process.returncode == 128 + signal.SIGTERM


def test_a_reader_that_goes_away_ends_the_command_as_without_us(bench: Bench) -> None:
    process = bench.start("--", "yes")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 128 + signal.SIGPIPE
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def test_what_the_commands_own_children_write_afterwards_is_passed_on(bench: Bench) -> None:
    done = bench.run("--", "sh", "-c", "(sleep 0.4; echo late) & echo early")
    assert done.stdout == b"early\nlate\n"


def _small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


def test_a_log_that_cannot_grow_costs_the_command_nothing(bench: Bench) -> None:
    program = "import os\nfor n in range(20000): os.write(1, b'step %d loss 0.5\\n' % n)\n"
    done = bench.run("--", PYTHON, "-c", program, preexec_fn=_small_files)
    assert done.returncode == 0
    assert done.stdout == b"".join(b"step %d loss 0.5\n" % n for n in range(20000))
    record = bench.record()
    assert (record["exit_code"], record["lost_bytes"]) == (0, len(done.stdout) - len(bench.log()))
    assert b"bytes of the output are missing in " in done.stderr
    assert done.stderr.endswith(b"File too large\n")


def test_a_folder_that_is_gone_costs_the_command_nothing(bench: Bench) -> None:
    program = (
        "import os, shutil\nprint('a', flush=True)\n"
        f"while os.path.exists({str(bench.runs)!r}): shutil.rmtree({str(bench.runs)!r}, ignore_errors=True)"
    )
    done = bench.run("--", PYTHON, "-c", program)
    assert (done.returncode, done.stdout) == (0, b"a\n")
    assert done.stderr.startswith(b"stoker run: ")
    assert done.stderr.count(b"\n") == 1


def test_the_record_says_whose_it_is(bench: Bench) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "RANK", "KUBERNETES"))}
    job = {"SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "0", "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3"}
    bench.run("--label", "team=vision", "--", "python3", "-c", "pass", env={**env, **job})
    record = bench.record()
    assert (record["run"], record["rank"], record["labels"]) == ("4711", "3", {"team": "vision"})
    assert (record["program"], record["service"]) == ("python3", "python3")
    assert "pass" not in str(record)


def test_without_a_job_the_run_is_called_by_host_program_and_time(bench: Bench, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("print('hi')")
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM", "KUBERNETES", "TORCH"))}
    bench.run("--", PYTHON, "-u", str(script), env=env)
    (log,) = bench.runs.glob("*.log")
    assert log.name.startswith("train-")
    assert bench.record()["run"] == f"{os.uname().nodename}-{log.stem}"


def test_kill_9_leaves_a_record_that_says_who_ran(bench: Bench) -> None:
    process = bench.start("--", PYTHON, "-c", "import os, time; os.write(1, b'ready\\n'); time.sleep(60)")
    assert process.stdout is not None
    process.stdout.readline()
    wait_for(lambda: list(bench.runs.glob("*.log")) and bench.log())
    children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, check=True).stdout
    process.kill()
    process.communicate()
    for pid in children.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    record = bench.record()
    assert (record["ended"], record["exit_code"], record["pid"]) == (None, None, process.pid)
    assert bench.log() == b"ready\n"
    wait_for(lambda: not bench.targets())
