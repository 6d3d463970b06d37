from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from followed import PACK, REQUESTS, Followed, append, settings
from stoker.config.settings import KernelSettings, Limits

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_line_becomes_a_series_with_the_labels_of_its_file(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "step 10/100 loss 2.5\n")
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_train_loss{source=s,run=h-a}"] == 2.5
    assert seen["stoker_train_steps{source=s,run=h-a}"] == 100


def test_counters_of_a_run_are_at_zero_from_its_first_line(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "step 10/100 loss 2.5\n")
    seen = Followed(settings(tmp_path)).turn()
    for series in (
        "stoker_train_errors_total{source=s,run=h-a,kind=oom}",
        "stoker_train_nonfinite_total{source=s,run=h-a,value=loss}",
        "stoker_train_checkpoints_total{source=s,run=h-a}",
        "stoker_train_finished{source=s,run=h-a,status=completed}",
        "stoker_train_finished{source=s,run=h-a,status=failed}",
        "stoker_train_finished{source=s,run=h-a,status=cancelled}",
    ):
        assert seen[series] == 0, series
    assert "stoker_train_error_last_timestamp_seconds{source=s,run=h-a,kind=oom}" not in seen


def test_a_serving_log_gets_zeros_of_serving_and_none_of_training(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "GET /a 200 0.5\n")
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_serve_errors_total{source=s,service=s,kind=oom}"] == 0
    assert seen["stoker_serve_request_seconds{source=s,service=s,route=/a}"] == 1
    assert not [series for series in seen if series.startswith("stoker_train_")]


def test_none_of_the_formats_and_known_errors_are_at_zero_before_the_first_line(tmp_path: Path) -> None:
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_log_matched_lines_total{source=s,format=none}"] == 0
    assert seen["stoker_log_errors_total{source=s,reason=decode}"] == 0
    assert seen["stoker_log_lines_total{source=s}"] == 0
    assert "stoker_log_last_line_timestamp_seconds{source=s}" not in seen


def test_lines_are_counted_by_the_format_that_understood_them(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "step 1\nnonsense\nGET /a 200\n")
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_log_lines_total{source=s}"] == 3
    assert seen["stoker_log_matched_lines_total{source=s,format=none}"] == 1
    assert seen["stoker_log_matched_lines_total{source=s,format=trainer}"] == 1
    assert seen["stoker_log_matched_lines_total{source=s,format=server}"] == 1


def test_an_event_has_the_time_of_the_event_beside_it(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    append(tmp_path / "a.log", "boom\n")
    seen = followed.turn()
    assert seen["stoker_train_errors_total{source=s,run=h-a,kind=cuda}"] == 1
    assert seen["stoker_train_error_last_timestamp_seconds{source=s,run=h-a,kind=cuda}"] == followed.clock.now


def test_a_nan_is_counted_and_not_set(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "step 1 loss 2.5\nstep 2 loss nan\n")
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_train_loss{source=s,run=h-a}"] == 2.5
    assert seen["stoker_train_nonfinite_total{source=s,run=h-a,value=loss}"] == 1
    assert "stoker_train_nonfinite_last_timestamp_seconds{source=s,run=h-a,value=loss}" in seen


def test_the_longest_gap_is_the_longest_of_a_day_and_not_the_running_one(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    log = tmp_path / "a.log"
    for pause in (1, 300, 10):
        append(log, "x\n")
        followed.turn(pause)
    seen = followed.turn(5000)
    assert seen["stoker_log_gap_max_seconds{source=s}"] == 300
    append(log, "x\n")
    followed.turn(1)
    seen = followed.turn(26 * 3600)
    assert "stoker_log_gap_max_seconds{source=s}" not in seen


def test_a_run_ends_a_day_after_its_last_line_and_fifteen_minutes_after_it_completed(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    append(tmp_path / "a.log", "step 1/10\n")
    append(tmp_path / "b.log", "step 10/10\n")
    followed.turn()
    seen = followed.turn(890)
    assert seen["stoker_train_finished{source=s,run=h-b,status=completed}"] == 1
    seen = followed.turn(20)
    assert not [series for series in seen if "run=h-b" in series]
    append(tmp_path / "a.log", "a line that says nothing\n")
    followed.turn(1)
    seen = followed.turn(86_380)
    assert seen["stoker_train_step{source=s,run=h-a}"] == 1
    seen = followed.turn(30)
    assert not [series for series in seen if "run=h-a" in series]


def test_a_run_that_comes_back_after_its_end_begins_anew(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    append(tmp_path / "a.log", "boom\n")
    followed.turn()
    followed.turn(90_000)
    append(tmp_path / "a.log", "boom\n")
    seen = followed.turn()
    assert seen["stoker_train_errors_total{source=s,run=h-a,kind=cuda}"] == 1
    assert seen["stoker_train_errors_total{source=s,run=h-a,kind=oom}"] == 0


def test_series_over_the_limit_are_left_out_and_counted(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "".join(f"GET /{number} 200\n" for number in range(5)) + "GET /0 200\n")
    seen = Followed(settings(tmp_path), limits=Limits(series_per_metric=3)).turn()
    routes = {series: value for series, value in seen.items() if series.startswith("stoker_serve_requests_total")}
    assert len(routes) == 3
    assert max(routes.values()) == 2, "a series that is there goes on counting"
    assert seen["stoker_log_errors_total{source=s,reason=series_limit}"] >= 2


def test_a_long_label_is_cut_and_the_names_of_values_are_bounded(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "value " + "x" * 50 + " 1\nvalue b 1\nvalue c 1\n")
    seen = Followed(settings(tmp_path), limits=Limits(label_length=8, values_per_run=2)).turn()
    names = [series for series in seen if series.startswith("stoker_train_value")]
    assert names == [
        "stoker_train_value{source=s,run=h-a,name=xxxxxxxx}",
        "stoker_train_value{source=s,run=h-a,name=b}",
    ]
    assert seen["stoker_log_errors_total{source=s,reason=label_cut}"] == 1
    assert seen["stoker_log_errors_total{source=s,reason=series_limit}"] == 1


def test_an_xid_names_the_gpu_where_it_is_known_and_its_address_where_not(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "Xid (PCI:0000:91:00): 79\nXid (PCI:0000:17:00): 48\n")
    source = settings(tmp_path)
    seen = Followed(source, identify=lambda pci: ("3", "GPU-x") if "91" in pci else None).turn()
    assert seen["stoker_gpu_xid_errors_total{gpu=3,uuid=GPU-x,xid=79}"] == 1
    assert seen["stoker_gpu_xid_errors_total{uuid=pci:0000:17:00,xid=48}"] == 1
    assert "stoker_gpu_xid_last_timestamp_seconds{gpu=3,uuid=GPU-x,xid=79}" in seen


def test_ranks_of_one_log_have_their_own_series(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "rank 0 step 5 loss 1\nrank 1 step 6 loss 2\nrank 01 step 7\n")
    seen = Followed(settings(tmp_path)).turn()
    assert seen["stoker_train_step{source=s,run=h-a,rank=0}"] == 5
    assert seen["stoker_train_step{source=s,run=h-a,rank=1}"] == 7
    assert seen["stoker_train_reports_total{source=s,run=h-a,rank=1}"] == 2


def test_one_source_that_fails_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path / "a.log", "GET /a 200\n")
    broken = settings(tmp_path, name="broken")
    followed = Followed(broken, settings(tmp_path))

    def fail(*_: object) -> None:
        raise RuntimeError("our bug")

    monkeypatch.setattr(followed.engine._sources[0], "turn", fail)
    seen = followed.turn()
    assert seen[REQUESTS] == 1
    assert seen["stoker_log_errors_total{source=broken,reason=internal}"] >= 1


def test_a_kernel_log_in_a_plain_file_is_read_from_its_beginning(tmp_path: Path) -> None:
    append(tmp_path / "dmesg", "Xid (PCI:0000:91:00): 79\n")
    source = settings(tmp_path, files=None, from_="end", kernel=KernelSettings(path=str(tmp_path / "dmesg")))
    seen = Followed(source).turn()
    assert seen["stoker_gpu_xid_errors_total{uuid=pci:0000:91:00,xid=79}"] == 1


def test_nobody_expects_lines_of_the_kernel_or_understands_all_of_them(tmp_path: Path) -> None:
    file = tmp_path / "dmesg"
    file.write_text("usb 1-1: new device\n")
    followed = Followed(settings(tmp_path, files=None, kernel=KernelSettings(path=str(file))))
    followed.turn()
    file.write_text("usb 1-1: new device\nXid (PCI:0000:91:00): 79\n")
    seen = followed.turn(1000)
    assert seen["stoker_log_lines_total{source=s}"] == 2
    assert seen["stoker_log_matched_lines_total{source=s,format=kern}"] == 1
    assert "stoker_log_matched_lines_total{source=s,format=none}" not in seen
    assert "stoker_log_gap_max_seconds{source=s}" not in seen


def test_the_status_says_what_a_source_does(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "step 1\nnonsense\n")
    followed = Followed(settings(tmp_path))
    followed.turn()
    status = followed.engine.status()[0]
    assert (status.name, status.files, status.lag, status.lines, status.matched) == ("s", 1, 0, 2, 1)
    assert status.errors == {}
    assert status.last_line == followed.clock.now


def test_standard_input_is_read_to_its_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    kept = os.dup(0)
    os.dup2(reading, 0)
    try:
        followed = Followed(settings(tmp_path, files=None, stdin=True))
        os.write(writing, b"GET /a 200\nGET /a 2")
        assert followed.turn()[REQUESTS] == 1
        os.write(writing, b"00")
        os.close(writing)
        seen = followed.turn()
        assert seen[REQUESTS] == 2, "the last line needs no end"
        assert seen["stoker_log_files{source=s}"] == 0
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(reading)


def test_numbers_as_large_as_can_be_stop_nothing(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", ("skipped " + "9" * 309 + "\n") * 2 + "skipped 1" + "0" * 307 + "\n")
    first = Followed(settings(logs), state=state)
    first.turn()
    assert first.turn(6)["stoker_state_writable{}"] == 1
    first.engine.stop()
    second = Followed(settings(logs), state=state, clock=first.clock)
    before = first.exposed()
    # how much there is to read, the second one knows only when it has looked
    unknown = {"stoker_log_files{source=s}", "stoker_log_lag_bytes{source=s}"}
    assert set(before) - set(second.exposed()) == unknown
    assert {series: before[series] for series in set(before) - unknown}.items() <= second.exposed().items()


def test_the_engine_runs_by_itself_and_stops_when_told(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path), state=tmp_path / "state")
    engine = followed.engine
    append(tmp_path / "a.log", "GET /a 200\n")
    engine.start()
    try:
        until = time.monotonic() + 30
        while not engine.ready and time.monotonic() < until:
            time.sleep(0.01)
        assert followed.exposed()[REQUESTS] == 1
    finally:
        engine.stop()
    assert (tmp_path / "state" / "logs.json").exists()


def test_an_xid_of_the_past_has_its_own_time(tmp_path: Path) -> None:
    line = "Nov 10 04:12:09 node kernel: NVRM: Xid (PCI:0000:04:00): 79, pid=1, GPU has fallen off the bus.\n"
    append(
        tmp_path / "kern.log", line + "2023-11-11T00:00:00+00:00 node kernel: NVRM: Xid (PCI:0000:04:00): 48, pid=1\n"
    )
    source = settings(tmp_path, files=None, timezone="UTC", kernel=KernelSettings(path=str(tmp_path / "kern.log")))
    seen = Followed(source, formats=PACK.formats).turn()  # the clock stands at 2023-11-14
    assert seen["stoker_gpu_xid_last_timestamp_seconds{uuid=pci:0000:04:00,xid=79}"] == 1_699_589_529
    assert seen["stoker_gpu_xid_last_timestamp_seconds{uuid=pci:0000:04:00,xid=48}"] == 1_699_660_800


def test_routes_of_a_service_are_bounded_and_the_rest_share_one(tmp_path: Path) -> None:
    state = tmp_path / "state"
    limits = Limits(routes_per_service=3)
    append(tmp_path / "a.log", "".join(f"GET /scan{letter} 404 0.1\n" for letter in "abcdef"))
    followed = Followed(settings(tmp_path), state=state, limits=limits)
    followed.turn()
    followed.kill()
    followed = Followed(settings(tmp_path), state=state, limits=limits, clock=followed.clock)
    append(tmp_path / "a.log", "GET /scang 404 0.1\nGET /scana 404 0.1\n")
    seen = followed.turn()
    prefix = "stoker_serve_requests_total{source=s,service=s,method=GET,route="
    assert {series[len(prefix) :]: value for series, value in seen.items() if series.startswith(prefix)} == {
        "/scana,code=404}": 2,
        "/scanb,code=404}": 1,
        "/scanc,code=404}": 1,
        "{other},code=404}": 4,
    }
    assert seen["stoker_serve_request_seconds{source=s,service=s,route={other}}"] == 4
    assert seen["stoker_log_errors_total{source=s,reason=series_limit}"] > 0
