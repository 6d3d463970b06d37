"""Logs that nobody means well with: what they cost is bounded, what is left out is counted, and the page stays one that can be read."""

from __future__ import annotations

import json
import os
import resource
from typing import TYPE_CHECKING

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from followed import PACK, Followed, settings
from stoker.config.settings import Limits
from stoker.server.exposition import Exposition

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = "stoker_log_errors_total{source=s,reason=series_limit}"


def series(found: dict[str, float], metric: str) -> int:
    return sum(name.startswith(metric + "{") for name in found)


@pytest.mark.parametrize(
    ("metric", "line"),
    [
        ("stoker_train_step", "rank {} step 10/100 loss 2.5"),
        ("stoker_train_reports_total", "rank {} step 10/100 loss 2.5"),
        ("stoker_train_finished", "rank {} step 10/100 loss 2.5"),
    ],
)
def test_ranks_without_end_have_bounded_series(tmp_path: Path, metric: str, line: str) -> None:
    followed = Followed(settings(tmp_path), limits=Limits(parts_per_source=20))
    (tmp_path / "a.log").write_text("".join(f"{line.format(number)}\n" for number in range(500)))
    found = followed.turn()
    assert 20 <= series(found, metric) <= 60
    assert found[LIMIT] >= 480


def test_runs_without_end_have_bounded_series(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path), limits=Limits(parts_per_source=20))
    for number in range(60):
        (tmp_path / f"run{number}.log").write_text("step 10/100 loss 2.5\n")
    found = followed.turn()
    assert series(found, "stoker_train_reports_total") == 20
    assert found[LIMIT] >= 40


def test_a_run_that_has_ended_makes_room(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path, series_end=60), limits=Limits(parts_per_source=1))
    (tmp_path / "a.log").write_text("step 10/100 loss 2.5\n")
    followed.turn()
    (tmp_path / "b.log").write_text("step 11/100 loss 2.5\n")
    assert series(followed.turn(), "stoker_train_step") == 1
    followed.turn(120)
    with (tmp_path / "b.log").open("a") as file:
        file.write("step 12/100 loss 2.5\n")
    assert "stoker_train_step{source=s,run=h-b}" in followed.turn()


def test_what_was_kept_counts_after_a_restart(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("rank 0 step 10/100 loss 2.5\n")
    first = Followed(settings(tmp_path), state=tmp_path / "state", limits=Limits(parts_per_source=1))
    first.turn()
    first.engine.save()
    first.kill()
    second = Followed(
        settings(tmp_path), state=tmp_path / "state", limits=Limits(parts_per_source=1), clock=first.clock
    )
    with (tmp_path / "a.log").open("a") as file:
        file.write("rank 1 step 10/100 loss 2.5\nrank 0 step 11/100 loss 2.5\n")
    found = second.turn()
    assert found["stoker_train_step{source=s,run=h-a,rank=0}"] == 11
    assert "stoker_train_step{source=s,run=h-a,rank=1}" not in found


def test_routes_and_names_without_end_are_counted_together_or_left_out(tmp_path: Path) -> None:
    limits = Limits(routes_per_service=5, values_per_run=5, series_per_metric=50)
    followed = Followed(settings(tmp_path), limits=limits)
    lines = [f"GET /{number} 200 0.5\nvalue n{number} 1" for number in range(300)]
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    found = followed.turn()
    assert series(found, "stoker_serve_requests_total") == 6
    (other,) = (value for name, value in found.items() if "requests_total" in name and "route={other}" in name)
    assert other == 295
    assert series(found, "stoker_train_value") == 5
    assert found[LIMIT] >= 295 + 295


HOSTILE = (
    'a"b', "a\\", "\\n", "a\\nb", "a{b}", "a}b", 'x" 1\\n', "#", "# EOF", "é" * 200, "\u2028", "\x85", "\x1b[31m", "a\tb", "\x7f",
    "\u202e", "😀", "NaN", "x" * 60_000,
)  # fmt: skip


def test_no_value_of_a_label_breaks_the_page(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    log = b"".join(f"value {each} 1\nGET /{each} 200 0.5\n".encode() for each in HOSTILE)
    (tmp_path / "a.log").write_bytes(log + b"value \xff\xfe 1\nvalue a\x00b 1\nGET /\xc3( 200 1\n")
    followed.turn()
    check_page(followed)


def test_halves_of_characters_in_json_do_not_break_the_page(tmp_path: Path) -> None:
    paths = (
        "/\ud800",
        "/\ud801",
        "/\udfff\ud800",
        "/\n",
        "/\r\n# EOF\n",
        "/\x00",
        "/a\x1b]0;x\x07",
        '/"} 1\n',
        "/\u0085",
    )
    followed = Followed(settings(tmp_path), formats={"json": PACK.formats["json_access"]})
    lines = [json.dumps({"method": "GET", "path": path, "status": 200, "request_time": 0.5}) for path in paths]
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    found = followed.turn()
    assert sum(value for name, value in found.items() if name.startswith("stoker_serve_requests_total")) == len(paths)
    assert found["stoker_log_errors_total{source=s,reason=decode}"] > 0
    check_page(followed)


def check_page(followed: Followed) -> None:
    samples = list(followed.engine.samples())
    page = Exposition().render(samples).decode()
    whole = [each for family in plain(page) for each in family.samples]
    assert len({(each.name, tuple(sorted(each.labels.items()))) for each in whole}) == len(whole)
    assert all(len(value) <= 128 for each in whole for value in each.labels.values())
    assert len(page.split("\n")) == len([line for line in page.split("\n") if line.startswith("#")]) + len(whole) + 1
    strict = [
        each
        for family in openmetrics(Exposition().render(samples, openmetrics=True).decode())  # type: ignore[no-untyped-call]
        for each in family.samples
    ]
    assert len(strict) == len(whole)


def test_numbers_of_any_length_are_counted_and_no_fault_of_ours(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path), formats=PACK.formats)
    digits = "9" * 5000
    lines = [
        f"Epoch {digits[:400]}/5",
        f"{digits[:400]}/{digits[:400]} [====] - 2s 1ms/step - loss: 0.3",
        f"Epoch [{digits[:400]}/5], Step [100/{digits[:400]}], Loss: 0.2712",
        f"Epoch [{digits}/5], Step [100/600], Loss: 0.2712",
        f"[{digits[:400]}, {digits[:400]}] loss: 2.173",
        f"[{digits}]  train-rmse:0.51",
        f"rank: {digits} step {digits}: loss={digits}",
        f"Epoch {digits[:400]}:  100%|##| 30/30 [00:00<00:00, 168.90it/s, v_num=0, train_loss=0.198]",
        "step 4: loss=0.5",
    ]
    (tmp_path / "a.log").write_text("\n".join(lines) + "\n")
    found = followed.turn()
    assert found["stoker_log_errors_total{source=s,reason=internal}"] == 0
    assert found["stoker_train_loss{source=s,run=h-a}"] == 0.5


def test_a_line_without_end_costs_no_more_than_the_longest_line(tmp_path: Path) -> None:
    followed = Followed(settings(tmp_path))
    with (tmp_path / "a.log").open("wb") as file:
        for _ in range(20):
            file.write(b"loss: 1 step " * 80_000)
        file.write(b"\nstep 3/100 loss 2.5\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = followed.turn()
    assert found["stoker_log_errors_total{source=s,reason=too_long}"] == 1
    assert found["stoker_train_step{source=s,run=h-a}"] == 3
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kilobytes; the line has 20 megabytes


def test_a_hole_of_a_terabyte_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("step 1/100 loss 2.5\n")
    os.truncate(path, 1 << 40)
    followed = Followed(settings(tmp_path))
    found = followed.turn()
    assert found["stoker_train_step{source=s,run=h-a}"] == 1
    assert found["stoker_log_errors_total{source=s,reason=nul}"] == 1
    with path.open("a") as file:
        file.write("\nstep 2/100 loss 2.5\n")
    found = followed.turn()
    assert found["stoker_train_step{source=s,run=h-a}"] == 2
    assert found["stoker_log_bytes_total{source=s}"] < 1 << 20


def test_a_run_of_nul_bytes_is_one_however_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.touch()
    os.truncate(path, 1 << 40)
    followed = Followed(settings(tmp_path))
    nul = "stoker_log_errors_total{source=s,reason=nul}"
    assert followed.turn()[nul] == 1
    os.truncate(path, 1 << 41)
    assert followed.turn()[nul] == 1
    with path.open("ab") as file:
        file.write(b"\0" * 1_000_000 + b"step 1/100 loss 2.5\n")
    found = followed.turn()
    assert (found["stoker_train_step{source=s,run=h-a}"], found[nul]) == (1, 1)
    with path.open("ab") as file:
        file.write(b"\0" * 1_000_000 + b"step 2/100 loss 2.5\n")
    found = followed.turn()
    assert (found["stoker_train_step{source=s,run=h-a}"], found[nul]) == (2, 2)


def test_what_is_no_file_is_counted_and_costs_nothing_else(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.log")
    (tmp_path / "zero.log").symlink_to("/dev/zero")
    (tmp_path / "loop.log").symlink_to(tmp_path / "loop.log")
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "a.log").write_text("step 1/100 loss 2.5\n")
    found = Followed(settings(tmp_path)).turn()
    assert found["stoker_train_step{source=s,run=h-a}"] == 1
    reasons = {"no_file": 2, "directory": 1, "unreadable": 1}
    assert {reason: found[f"stoker_log_errors_total{{source=s,reason={reason}}}"] for reason in reasons} == reasons


def test_garbage_and_deep_json_are_lines_like_others(tmp_path: Path) -> None:
    deep = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
    log = [
        bytes(range(256)) * 100,
        b"[" * 100_000,
        deep,
        b'{"message":"' + b"x" * 10_000_000 + b'"}',
        b"step 7: loss=0.5",
    ]
    (tmp_path / "a.log").write_bytes(b"\n".join(log) + b"\n")
    found = Followed(settings(tmp_path), formats=PACK.formats).turn()
    assert found["stoker_train_step{source=s,run=h-a}"] == 7
    assert found["stoker_log_errors_total{source=s,reason=internal}"] == 0
    assert found["stoker_log_errors_total{source=s,reason=too_long}"] == 2
