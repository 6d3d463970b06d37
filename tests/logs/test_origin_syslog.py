"""Syslog from the socket to the series: streams by sender, times of the header, an orderly end."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from followed import Followed, settings
from machines import Clock
from served import Program
from stoker.config.settings import Limits, SyslogSettings
from stoker.logs.origin_syslog import Syslog
from wire import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

TIMES = "2023-11-14T22:10:00Z"
CHECKPOINT = "stoker_train_last_checkpoint_timestamp_seconds{source=s,run=%s}"


def until_read(followed: Followed, lines: int) -> dict[str, float]:
    until = time.monotonic() + PATIENCE
    while (seen := followed.turn(0.01)).get("stoker_log_lines_total{source=s}", 0) < lines:
        assert time.monotonic() < until, seen
        time.sleep(0.005)
    return seen


def test_senders_are_streams_of_their_own(tmp_path: Path) -> None:
    source = settings(tmp_path, files=None, syslog=SyslogSettings(listen="127.0.0.1:0", protocol="tcp"))
    followed = Followed(source, limits=Limits(streams_per_source=4))
    followed.turn()
    origin = followed.engine._sources[0].origin
    assert isinstance(origin, Syslog)
    try:
        with socket.create_connection(("127.0.0.1", origin.receiver.port), timeout=PATIENCE) as sender:
            for number in range(3):
                for host in ("n1", "n2"):
                    sender.sendall(b"<13>1 %s %s train 7 - - step %d\n" % (TIMES.encode(), host.encode(), number))
            sender.sendall(b"<13>1 %s n1 train 8 - - saved checkpoint\n<13>hello\n" % TIMES.encode())
            seen = until_read(followed, 8)
    finally:
        followed.kill()
    assert seen["stoker_train_reports_total{source=s,run=n1-train}"] == 3
    assert seen["stoker_train_reports_total{source=s,run=n2-train}"] == 3
    assert seen[CHECKPOINT % "n1-train"] == 1_699_999_800
    assert seen["stoker_log_errors_total{source=s,reason=stream_limit}"] == 0


def test_counters_are_shown_as_they_were_saved_so_that_none_falls_after_a_kill(tmp_path: Path) -> None:
    source = settings(tmp_path, files=None, syslog=SyslogSettings(listen="127.0.0.1:0", protocol="tcp"))
    clock = Clock(1_700_000_000.0)
    counters = (
        "stoker_train_reports_total{source=s,run=n1-train}",
        "stoker_log_lines_total{source=s}",
        "stoker_log_matched_lines_total{source=s,format=trainer}",
    )
    shown = dict.fromkeys(counters, 0.0)
    for life in range(6):
        followed = Followed(source, state=tmp_path / "state", clock=clock)
        first = followed.turn()
        assert all(first.get(each, 0.0) >= shown[each] for each in counters), life
        origin = followed.engine._sources[0].origin
        assert isinstance(origin, Syslog)
        read = followed.engine._sources[0].totals.lines
        with socket.create_connection(("127.0.0.1", origin.receiver.port), timeout=PATIENCE) as sender:
            sender.sendall(b"".join(b"<13>1 %s n1 train 7 - - step %d\n" % (TIMES.encode(), each) for each in range(9)))
            until = time.monotonic() + PATIENCE
            while (
                followed.engine._sources[0].totals.lines < read + 1 + life
            ):  # killed with some of them read, mostly not saved
                followed.turn(0.0)
                assert time.monotonic() < until
        seen = followed.exposed()
        shown = {each: seen.get(each, 0.0) for each in counters}
        followed.kill()
    assert followed.turn(5.0)[counters[0]] > shown[counters[0]]  # once it is saved


def test_a_port_in_use_costs_this_source_alone_until_it_is_free(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("step 1\n")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        taken = settings(tmp_path, name="t", files=None, syslog=SyslogSettings(listen=f"127.0.0.1:{port}"))
        followed = Followed(settings(tmp_path), taken)
        followed.turn()
        seen = followed.turn()
        assert seen["stoker_train_step{source=s,run=h-a}"] == 1
        assert seen["stoker_log_errors_total{source=t,reason=unavailable}"] == 1
        assert seen["stoker_log_files{source=t}"] == 0
        assert followed.engine.status()[1].says == (
            f"cannot listen on 127.0.0.1:{port} (udp): Address already in use; it is tried again"
        )
    assert followed.turn()["stoker_log_files{source=t}"] == 1
    assert followed.engine.status()[1].says == ""
    followed.kill()


def test_what_was_received_is_counted_before_an_orderly_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    setting = f"sources: [{{name: s, syslog: {{listen: '127.0.0.1:{port}', protocol: tcp}}}}]\n"
    series = 'stoker_log_lines_total{source="s"}'
    program = Program(tmp_path, setting)
    try:
        program.until('stoker_log_files{source="s"}', "1")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as sender:
            sender.sendall(b"<13>one\n")
            program.until(series, "1")
            sender.sendall(b"<13>two\n<13>three\n")
            time.sleep(0.1)  # the last lines are with the receiver, and most times not read yet
            program.process.terminate()
            assert program.process.wait(PATIENCE) == 0
    finally:
        program.end()
    program = Program(tmp_path, setting)
    try:
        program.until(series, "3")
    finally:
        program.end()
