"""The log of a run: bounded, and a disk that is full or hangs costs lines of it and nothing else."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from running import wait_for
from stoker.sources.run_log import RunLog

if TYPE_CHECKING:
    from pathlib import Path


def nothing(*_: object) -> None:
    """Of a record that is not looked at."""


def test_a_log_is_rotated_at_line_ends_and_old_ones_go(tmp_path: Path) -> None:
    log = RunLog(str(tmp_path / "a.log"), begin=nothing, beat=nothing, size=100)
    log.start()
    lines = [b"line %03d\n" % number for number in range(200)]
    for line in lines:
        log.write(line)
        wait_for(lambda: not log._held)
    assert log.close(nothing, 10)
    kept = [(tmp_path / name).read_bytes() for name in ("a.log.3", "a.log.2", "a.log.1", "a.log")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert all(100 <= len(each) < 120 for each in kept[:-1])
    assert b"".join(lines).endswith(b"".join(kept))
    assert log.lost == 0


def test_a_full_disk_is_counted_and_what_follows_begins_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.symlink_to("/dev/full")  # refused as a link is; then there is a file
    log = RunLog(str(path), begin=nothing, beat=nothing)
    log.start()
    log.write(b"lost\nhalf ")
    wait_for(lambda: log.lost)
    path.unlink()
    log.write(b"a line\nkept\n")
    told: list[int] = []
    assert log.close(told.append, 10)
    assert path.read_bytes() == b"kept\n"
    assert told == [len(b"lost\nhalf a line\n")] == [log.lost]


def test_a_disk_that_hangs_holds_the_command_up_once_and_for_a_moment(tmp_path: Path) -> None:
    fifo = tmp_path / "a.log"
    os.mkfifo(fifo)  # opening it hangs until somebody reads
    log = RunLog(str(fifo), begin=nothing, beat=nothing, queue=100)
    log.start()
    done = threading.Event()

    def write() -> None:
        for _ in range(10_000):
            log.write(b"x" * 99 + b"\n")
        done.set()

    threading.Thread(target=write, daemon=True).start()
    assert done.wait(20)
    assert log.says == "the disk is too slow"
    assert log.lost > 900_000
    assert not log.close(nothing, 0.1)
    with fifo.open("rb") as reader:
        log._thread.join(20)
        assert len(reader.read()) + log.lost == 1_000_000
