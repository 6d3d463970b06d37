"""What goes wrong on a machine goes wrong in its recording: files and calls that fail, processes that cannot be seen, drives that hang."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NoReturn

import pytest

import recordings
from machines import write
from stoker.app import load_all
from stoker.collectors import gpu_accounts
from stoker.collectors.gpu_ledger import without_users
from stoker.collectors.rehearsal import lacking
from stoker.errors import SourceError, UnavailableError
from stoker.parts import CollectorsPart, replayed_parts
from stoker.sources import recording_files
from stoker.sources.calls import Noted, told
from stoker.sources.control_groups import Groups, parse, written
from stoker.sources.pseudofile import read_raw
from stoker.sources.recording import load, save
from stoker.sources.replay import Replay
from whole import EVERY, Bench, replayed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def bench(nvml_library: Path, tmp_path: Path) -> Bench:
    return Bench(nvml_library, tmp_path / "machine")


def raising(error: Exception) -> Callable[..., NoReturn]:
    def call(*_: object) -> NoReturn:
        raise error

    return call


def same(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> tuple[str, dict[str, str]]:
    """The page of the machine and what fails there, which are those of its recording, too."""
    live, _, says = bench.live(monkeypatch)
    again, _, says_again, _ = replayed(bench.recording(), monkeypatch)
    assert again.splitlines() == live.splitlines()
    assert says_again == says
    return live, says


REFUSED = {
    "sys/class/hwmon/hwmon0/temp1_input": errno.EIO,
    "sys/class/infiniband/mlx5_0/ports/1/counters/link_downed": errno.EINVAL,
    "sys/class/infiniband/mlx5_0/ports/1/counters/symbol_error": errno.EIO,
    "sys/devices/system/edac/mc/mc0/ue_count": errno.EACCES,
    "sys/class/net/bond0/bonding/slaves": errno.EPERM,
    "proc/pressure/cpu": errno.EOPNOTSUPP,
    "proc/sys/fs/file-nr": errno.EACCES,
    f"sys/{recordings.GROUP}/memory.max": errno.EACCES,
}


def test_files_that_cannot_be_read_fail_as_they_did(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        name = os.path.relpath(path, bench.root)
        if name in REFUSED:
            asked.append(name)
            raise OSError(REFUSED[name], os.strerror(REFUSED[name]))
        return read_raw(path)

    write(bench.root, dict.fromkeys(REFUSED, "1\n"))
    bench.read_file = read
    monkeypatch.setattr(recording_files, "read_raw", read)
    _, says = same(bench, monkeypatch)
    assert set(says) == {
        "host_temperature",
        "host_infiniband",
        "host_memory_errors",
        "host_bond",
        "host_pressure",
        "host_files",
        "host_cgroup",
    }
    asked.clear()
    bench.recording()
    counters = [name for name in asked if "/counters/" in name]
    assert len(counters) == len(set(counters)) == 2, "a refusal is a line in the kernel's log, so it is asked for once"


@pytest.mark.parametrize(
    "changes",
    [
        {"clock": UnavailableError("adjtimex: Operation not permitted")},
        {"clock": SourceError("adjtimex: Bad address")},
        {"drive": UnavailableError("/dev/nvme0: Permission denied")},
        {"drive": SourceError("/dev/nvme0: the drive answered with status 0x2")},
        {"kubelet": UnavailableError("no kubelet")},
        {"kubelet": SourceError("kubelet.sock: closed the connection")},
    ],
    ids=str,
)
def test_calls_that_fail_fail_as_they_did(
    changes: dict[str, Exception], bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.calls = bench.calls._replace(**{name: raising(error) for name, error in changes.items()})
    same(bench, monkeypatch)


def test_an_empty_health_log_is_one_that_failed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.calls = bench.calls._replace(drive=lambda _: bytes(512))
    _, says = same(bench, monkeypatch)
    assert says == {"host_nvme": "drive nvme0: the health log is empty"}


def test_a_drive_that_hangs_hung(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(_: str) -> bytes:
        release.wait()
        return recordings.drive_log("")

    bench.calls = bench.calls._replace(drive=hang)
    try:
        _, says = same(bench, monkeypatch)
    finally:
        release.set()
    assert says == {"host_nvme": "drive nvme0: no answer within 3 s"}


def test_in_a_namespace_of_its_own_only_processes_with_a_device_are_believed_in(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = bench.root / "proc/self/ns/pid"
    link.unlink()
    link.symlink_to("pid:[4026532999]")
    (bench.root / "proc/4000001/fd").mkdir()
    (bench.root / "proc/4000001/fd/7").symlink_to("/dev/nvidia1")
    live, _ = same(bench, monkeypatch)
    assert "\nstoker_gpu_processes_visible 0\n" in live
    assert 'workload="ml/chat-7d9"' in live
    assert 'workload="812"' not in live


def test_a_process_whose_first_thread_has_ended_lives_and_a_dead_one_does_not(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (4_000_000, 4_000_002):
        write(bench.root, {f"proc/{number}/stat": f"{number} (x) Z 1 9 9 {'0 ' * 15}30\n"})
    write(bench.root, {"proc/4000000/task/4000009/stat": ""})
    live, _ = same(bench, monkeypatch)
    assert 'workload="812",kind="slurm"' in live
    assert 'owner="ended"} 95563022336' in live
    assert 'kind="container"' not in live


def test_limits_of_the_first_version_of_control_groups(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(bench.root / "sys/fs/cgroup")
    files = {"memory/memory.limit_in_bytes": "1000000\n", "memory/memory.usage_in_bytes": "500000\n"}
    files |= {"cpu,cpuacct/cpu.cfs_quota_us": "300000\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"}
    write(bench.root, {f"sys/fs/cgroup/{name}": text for name, text in files.items()})
    (bench.root / "sys/fs/cgroup/cpu").symlink_to("cpu,cpuacct")
    write(bench.root, {"proc/self/cgroup": "4:cpu,cpuacct:/docker/ab\n3:memory:/docker/ab\n0::/\n"})
    live, watch, _ = bench.live(monkeypatch)
    again, *_ = replayed(bench.recording(), monkeypatch)
    assert again.splitlines() == live.splitlines()
    assert "\nstoker_host_cgroup_cpu_limit 3\n" in live
    assert bench.unrecorded(watch) == []


def test_accounts_begin_with_what_the_exporter_knew_and_without_users(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = recordings.BEGUN - 60
    rows = [
        ["812", "slurm", "", user, 100.0, 10.0, 1.0, 5000.0, seen]
        for user, seen in (("alice", begun - 86000), ("bob", begun))
    ]
    gpus = [["GPU-gone", "7", begun, 1.0, 2.0, 3.0, 4.0]]
    kept = without_users({"accounts": {"workloads": rows, "gpus": gpus, "forgotten": 2.0}})
    assert "alice" not in str(kept)
    page, *_ = replayed(bench.recording(accounts=kept), monkeypatch)
    fresh, *_ = replayed(bench.recording(), monkeypatch)

    def of(page: str, series: str) -> float:
        return float(next(line for line in page.splitlines() if line.startswith(series)).rpartition(" ")[2])

    busy = 'stoker_gpu_workload_seconds_total{workload="812",kind="slurm",state="busy"}'
    assert of(page, busy) == pytest.approx(of(fresh, busy) + 200)
    joules = 'stoker_gpu_workload_energy_joules_total{workload="812",kind="slurm"}'
    assert of(page, joules) == pytest.approx(of(fresh, joules) + 10_000)
    assert of(page, 'stoker_gpu_seconds_total{gpu="7",uuid="GPU-gone",state="idle"}') == 4
    assert of(page, "stoker_gpu_workloads_forgotten_total") == 2


def test_accounts_go_on_after_a_reload(bench: Bench) -> None:
    replay = Replay(bench.recording())
    loaded, pack = load_all(None)
    settings = loaded.settings
    found = []
    try:
        for wanted in (settings, replace(settings, gpu=replace(settings.gpu, enabled=True))):
            (part,) = replayed_parts(replay, wanted, pack, replay.machine)
            assert isinstance(part, CollectorsPart)
            for number in range(len(replay.recording.rounds)):
                replay.go_to(number)
                part.schedule.run_once()
            page = recordings.rendered([each for each in part.samples() if each.desc is gpu_accounts.SECONDS])
            found.append(sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line[0] != "#"))
            part.stop()
    finally:
        replay.close()
    assert found == [pytest.approx(5 * EVERY), pytest.approx(10 * EVERY)]


def test_accounts_that_are_damaged_begin_anew() -> None:
    for kept in (
        {},
        {"accounts": 1},
        {"accounts": {"workloads": [["x", "y", "", "", 10**400, 0, 0, 0, 0]], "gpus": [], "forgotten": 0}},
    ):
        assert without_users(kept)["accounts"] == {"workloads": [], "gpus": [], "forgotten": 0.0}


def test_whose_a_process_is_and_nothing_else_of_it_is_written_down(bench: Bench, tmp_path: Path) -> None:
    write(bench.root / "proc/4000000", {"cmdline": "python3\0--token=secret\0", "comm": "secret"})
    save(tmp_path / "found", bench.recording())
    text = "".join(file.read_text() for file in (tmp_path / "found").iterdir())
    for word in ("4711", "my tool", "pod22fd933a", "chat-7d9_ml_server"):
        assert word in text
    for word in ("secret", "TOKEN", "session-3", "user-1000", "/usr/bin", "slurmstepd", "kubepods"):
        assert word not in text


@pytest.mark.parametrize("job", ["", "812"])
@pytest.mark.parametrize("pod", ["", recordings.POD, "0123456789abcdef" * 2])
@pytest.mark.parametrize("container", ["", "0123456789abcdef" * 4])
def test_what_is_written_of_control_groups_says_the_same(job: str, pod: str, container: str) -> None:
    found = Groups(job, pod, container)
    assert parse(written(found)) == found


def test_an_answer_that_no_round_has_is_unavailable() -> None:
    calls = told(dict)
    for ask in (calls.clock, partial(calls.drive, "/dev/nvme0"), partial(calls.kubelet, "x")):
        with pytest.raises(UnavailableError, match="not in the recording"):
            ask()


def test_what_was_asked_is_told_again() -> None:
    given = recordings.calls(["GPU-1"])
    noted = Noted(given)
    again = told(lambda: noted.said)
    assert noted.calls.clock() == again.clock() == given.clock()
    assert noted.calls.drive("/dev/nvme3") == again.drive("/x/nvme3") == given.drive("")
    assert noted.calls.kubelet("") == again.kubelet("") == given.kubelet("")


def test_a_recording_of_an_older_stoker_says_what_it_lacks() -> None:
    first = load(recordings.RECORDED / recordings.FIRST)
    lacks = lacking(first)
    assert {"host_clock", "host_cgroup", "gpu_owners", "gpu_accounts", "host_infiniband_link"} < set(lacks)
    page = recordings.golden(recordings.FIRST).read_text("utf-8")
    assert not [name for name in lacks if f'{{collector="{name}"}}' in page]
    assert "stoker_gpu_workload_seconds_total" not in page
    assert lacking(load(recordings.RECORDED / "mig")) == []
