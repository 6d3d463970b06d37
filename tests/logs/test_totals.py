"""A counter made of a running total that each line repeats: what is added is its growth, once, whoever else counts in the same series."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from followed import Followed, append, settings
from packs import pack_of
from served import Program
from stoker.config.settings import Limits

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.spec.pack import Pack

PACK = """
metrics:
  etl_records_total: {type: counter, help: Records, labels: [source]}
  etl_shard_bytes_total: {type: counter, help: Bytes, labels: [source, shard]}
  etl_depth: {type: gauge, help: Depth, labels: [source]}
formats:
  etl:
    patterns:
      - {sample: "records so far: 7", regex: 'records so far: (?P<n>{number})', total: {etl_records_total: n}}
      - sample: shard a has 1.5 GB
        regex: 'shard (?P<shard>{word}) has (?P<size>{number}) GB'
        total: {etl_shard_bytes_total: size}
        labels: {shard: "{shard}"}
        units: {size: GB}
"""
RECORDS = "etl_records_total{source=s}"


@cache
def pack() -> Pack:
    found, problems = pack_of(PACK)
    assert not list(problems)
    return found


def followed(folder: Path, **keys: Any) -> Followed:  # noqa: ANN401 - those of Followed
    source = settings(folder, **keys.pop("source", {}))
    return Followed(source, pack=pack(), **keys)


def said(*totals: float | str, rank: str = "") -> str:
    prefix = f"[rank{rank}]: " if rank else ""
    return "".join(f"{prefix}records so far: {total}\n" for total in totals)


def test_what_is_added_is_the_growth_and_after_a_new_beginning_all_of_it(tmp_path: Path) -> None:
    append(tmp_path / "a.log", said(10, 25, 25))
    engine = followed(tmp_path)
    assert engine.exposed()[RECORDS] == 0, "it is there before its first line"
    assert engine.turn()[RECORDS] == 25, "a log that is read whole begins at 0"
    append(tmp_path / "a.log", "\r".join(f"records so far: {total}" for total in (30, 30, 31)) + "\n")
    assert engine.turn()[RECORDS] == 31, "a redraw of the same value adds nothing"
    append(tmp_path / "a.log", said(4, 6))
    assert engine.turn()[RECORDS] == 37, "less than before: it began again at 0"


def test_a_log_that_is_begun_in_the_middle_is_counted_from_there(tmp_path: Path) -> None:
    append(tmp_path / "known.log", said(1000, 1200))
    append(tmp_path / "unknown.log", "hello\n")
    engine = followed(tmp_path, source={"from_": "end"})
    assert engine.turn()[RECORDS] == 0
    append(tmp_path / "known.log", said(1250))
    assert engine.turn()[RECORDS] == 50, "the lines before say where it was"
    append(tmp_path / "unknown.log", said(5000))
    assert engine.turn()[RECORDS] == 50, "how much of it came before nobody knows"
    append(tmp_path / "unknown.log", said(5003))
    append(tmp_path / "new.log", said(7))
    assert engine.turn()[RECORDS] == 60, "a log that appears later is read whole"


def test_logs_ranks_and_labels_do_not_begin_one_another_again(tmp_path: Path) -> None:
    append(tmp_path / "a.log", said(100) + said(10, rank="0") + said(90, rank="1"))
    append(tmp_path / "b.log", said(5))
    engine = followed(tmp_path)
    assert engine.turn()[RECORDS] == 205
    append(tmp_path / "a.log", said(12, rank="0") + said(91, rank="1") + said(101))
    append(tmp_path / "b.log", said(6) + "shard a has 2 GB\nshard b has 1 GB\nshard a has 2.5 GB\n")
    found = engine.turn()
    assert found[RECORDS] == 210
    assert found["etl_shard_bytes_total{source=s,shard=a}"] == 2.5e9
    assert found["etl_shard_bytes_total{source=s,shard=b}"] == 1e9


@pytest.mark.parametrize("value", ["nan", "inf", "-5"])
def test_what_is_no_total_is_counted_and_left_out(tmp_path: Path, value: str) -> None:
    append(tmp_path / "a.log", said(10, value, 12))
    found = followed(tmp_path).turn()
    assert found[RECORDS] == 12
    reason = "negative" if value == "-5" else "non_finite"
    assert found[f"stoker_log_errors_total{{source=s,reason={reason}}}"] == 1


@pytest.mark.parametrize("beginning", ["beginning", "end"])
def test_a_kill_at_any_line_loses_nothing_and_counts_nothing_twice(tmp_path: Path, beginning: str) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    keys: dict[str, Any] = {"state": state, "source": {"from_": beginning}}
    append(logs / "a.log", "hello\n" + said(1000) * (beginning == "end"))
    engine = followed(logs, **keys)
    engine.turn()
    total, truth = 1000.0 * (beginning == "end"), 0.0
    for number in range(1, 40):
        total = total + number if number % 10 else 3.0
        truth += number if number % 10 else 3.0
        append(logs / "a.log", said(total)[:-1])
        engine.turn(2)
        append(logs / "a.log", "\n" + said(total))
        if number % 11 == 0:
            (logs / "a.log").rename(logs / f"a.log.{number}")
            append(logs / "a.log", said(total))
        if number % 3 == 0:
            engine.kill()
            engine = followed(logs, clock=engine.clock, **keys)
    assert engine.turn(2)[RECORDS] == truth


def test_a_log_that_said_nothing_before_a_restart_is_still_read_whole(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", "hello\n")
    engine = followed(logs, state=state)
    engine.turn()
    engine.engine.save()
    engine.kill()
    append(logs / "a.log", said(7))
    assert followed(logs, state=state, clock=engine.clock).turn()[RECORDS] == 7


def test_a_format_that_is_added_later_begins_where_the_log_was(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    append(logs / "a.log", said(400))
    engine = Followed(settings(logs), state=state)
    engine.turn()
    engine.engine.save()
    engine.kill()
    append(logs / "a.log", said(410))
    assert followed(logs, state=state, clock=engine.clock).turn()[RECORDS] == 10


def test_totals_without_room_are_left_out_and_counted(tmp_path: Path) -> None:
    append(tmp_path / "a.log", "".join(said(10, rank=str(rank)) for rank in range(5)))
    found = followed(tmp_path, limits=Limits(series_per_metric=3)).turn()
    assert found[RECORDS] == 30
    assert found["stoker_log_errors_total{source=s,reason=series_limit}"] == 2


def test_of_many_logs_the_one_begun_first_gives_way_in_the_state_alone(tmp_path: Path) -> None:
    logs, state = tmp_path / "logs", tmp_path / "state"
    logs.mkdir()
    for name in "abcd":
        append(logs / f"{name}.log", said(10))
    engine = followed(logs, state=state, limits=Limits(series_per_metric=2))
    assert engine.turn()[RECORDS] == 40
    for name in "abcd":
        append(logs / f"{name}.log", said(11))
    assert engine.turn()[RECORDS] == 44
    engine.engine.save()
    engine.kill()
    for name in "abcd":
        append(logs / f"{name}.log", said(13))
    again = followed(logs, state=state, clock=engine.clock, limits=Limits(series_per_metric=2))
    assert again.turn()[RECORDS] == 52, "the lines before say what the state does not"


TABLE = """
metrics:
  etl_records_total: {type: counter, help: Records, labels: [source]}
  etl_depth: {type: gauge, help: Depth, labels: [source]}
formats:
  etl:
    reader: csv
    keys: {records so far: etl_records_total, depth: etl_depth}
    total: [records so far]
    sample: "time,records so far,depth\\n1,7,2\\n"
"""


def test_a_column_of_a_table_may_be_a_running_total(tmp_path: Path) -> None:
    table, problems = pack_of(TABLE)
    assert not list(problems)
    append(tmp_path / "a.log", "time,records so far,depth\n1,7,2\n2,9,1\n")
    engine = Followed(settings(tmp_path), pack=table, state=tmp_path / "state")
    assert engine.exposed()[RECORDS] == 0
    assert engine.turn()[RECORDS] == 9
    engine.engine.save()
    engine.kill()
    append(tmp_path / "a.log", "3,12,5\n")
    found = Followed(settings(tmp_path), pack=table, state=tmp_path / "state", clock=engine.clock).turn()
    assert (found[RECORDS], found["etl_depth{source=s}"]) == (12, 5)


WRONG_TABLES = {
    "total: [depth]": "etl: etl_depth is a gauge and cannot be total; use set",
    "total: [record so far]": "etl: record so far under total is none of its keys; did you mean records so far?",
    "total: []": "etl: etl_records_total is a counter and cannot be set; use inc where each line says how much was added, total where",
}


@pytest.mark.parametrize("keys", WRONG_TABLES)
def test_a_mistake_about_a_column_is_said_with_its_place(keys: str) -> None:
    _, problems = pack_of(TABLE.replace("total: [records so far]", keys))
    found = [str(each) for each in problems if WRONG_TABLES[keys] in str(each)]
    assert len(found) == 1, list(problems)
    assert found[0].startswith(f"stoker.yaml:{9 if 'record so' in keys else 8}:")


WRONG = {
    "total: {etl_depth: n}": "etl: etl_depth is a gauge and cannot be total; use set",
    "set: {etl_records_total: n}": "etl: etl_records_total is a counter and cannot be set; use inc where each line says how much was"
    " added, total where it repeats the running total",
    "total: {etl_records_total: m}": "etl: there is no group m; its groups: n",
    "total: {etl_records_total: 1}": "etl_records_total is a whole number; it has to be a text",
    "total: {etl_record_total: n}": "etl: etl_record_total does not exist; did you mean etl_records_total?",
    "{inc: {etl_records_total: n}, total: {etl_records_total: n}}": "etl: etl_records_total is both inc and total; keep one of them",
    "{ends: x, total: {etl_records_total: elapsed}}": "etl: there is no group elapsed; its groups: n",
}


@pytest.mark.parametrize("keys", WRONG)
def test_a_mistake_is_said_with_its_place(keys: str) -> None:
    given = keys[1:-1] if keys.startswith("{") else keys
    text = PACK.replace("total: {etl_records_total: n}", given, 1)
    _, problems = pack_of(text)
    found = [str(each) for each in problems if WRONG[keys] in str(each)]
    assert len(found) == 1, list(problems)
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "records so far" in each)
    assert found[0].startswith(f"stoker.yaml:{line}:")


def test_the_exporter_itself_counts_across_kills(tmp_path: Path) -> None:
    log = tmp_path / "etl.log"
    append(log, said(100))
    indented = PACK.replace("\n", "\n  ")
    text = f"host: {{enabled: false}}\nsources: [{{name: s, files: ['{log}'], from: beginning}}]\npack:{indented}\n"
    series = 'etl_records_total{source="s"}'
    total, truth = 100.0, 100.0
    for step in (20, 5, 1):
        program = Program(tmp_path, text)
        try:
            program.until(series, f"{truth:g}")
            append(log, said(total + step, total + step))
            total, truth = total + step, truth + step
            program.until(series, f"{truth:g}")
        finally:
            program.end()
        append(log, said(total + 1))  # while nobody looks
        total, truth = total + 1, truth + 1
