"""Counters of a user's own formats are there at 0 before their first event, wherever it is known what labels they will have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from followed import Followed, settings
from packs import pack_of
from stoker.config.settings import KernelSettings, Limits

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = """
metrics:
  etl_events_total: {type: counter, help: Events, labels: [source, event]}
  etl_records_total: {type: counter, help: Records, labels: [source]}
  etl_answers_total: {type: counter, help: Answers, labels: [source, code], zero: {code: ["200", "503"]}}
  etl_faults_total: {type: counter, help: Faults, labels: [source, run, rank, fault]}
  etl_users_total: {type: counter, help: Users, labels: [source, user]}
formats:
  etl:
    kind: training
    patterns:
      - {sample: lost connection, regex: lost connection, inc: {etl_events_total: 1}, labels: {event: lost}}
      - {sample: no room, regex: no room, inc: {etl_events_total: 1}, labels: {event: full}}
      - {sample: read 7 records, regex: 'read (?P<n>{int}) records', inc: {etl_records_total: n}}
      - {sample: answer 200, regex: 'answer (?P<c>{int})', inc: {etl_answers_total: 1}, labels: {code: "{c}"}}
      - {sample: fault in fan, regex: fault in fan, inc: {etl_faults_total: 1}, labels: {fault: fan}}
      - {sample: user bob, regex: 'user (?P<u>{word})', inc: {etl_users_total: 1}, labels: {user: "{u}"}}
      - {sample: loss is 0.5, regex: 'loss is (?P<l>{number})', set: {stoker_train_loss: l}}
"""


def own(found: dict[str, float]) -> dict[str, float]:
    return {series: value for series, value in found.items() if series.startswith("etl_")}


def test_they_are_there_before_the_first_line_and_those_of_a_run_with_its_first_line(tmp_path: Path) -> None:
    pack, problems = pack_of(FORMAT)
    assert not list(problems)
    followed = Followed(settings(tmp_path), pack=pack, state=tmp_path / "state")
    nothing = dict.fromkeys(
        (
            "etl_events_total{source=s,event=lost}",
            "etl_events_total{source=s,event=full}",
            "etl_records_total{source=s}",
            "etl_answers_total{source=s,code=200}",
            "etl_answers_total{source=s,code=503}",
        ),
        0.0,
    )
    assert own(followed.exposed()) == nothing
    with (tmp_path / "a.log").open("w") as log:
        log.write("loss is 0.5\n")
    assert own(followed.turn()) == {**nothing, "etl_faults_total{source=s,run=h-a,fault=fan}": 0.0}
    with (tmp_path / "a.log").open("a") as log:
        log.write("fault in fan\nno room\nread 7 records\nanswer 404\nuser bob\n")
    seen = {
        **nothing,
        "etl_faults_total{source=s,run=h-a,fault=fan}": 1.0,
        "etl_events_total{source=s,event=full}": 1.0,
        "etl_records_total{source=s}": 7.0,
        "etl_answers_total{source=s,code=404}": 1.0,
        "etl_users_total{source=s,user=bob}": 1.0,
    }
    assert own(followed.turn()) == seen
    followed.engine.save()
    followed.kill()
    assert own(Followed(settings(tmp_path), pack=pack, state=tmp_path / "state").turn()) == seen


def test_sources_that_are_there_by_themselves_have_none(tmp_path: Path) -> None:
    pack, _ = pack_of(FORMAT)
    kernel = settings(tmp_path, files=None, kernel=KernelSettings(path=str(tmp_path / "kmsg")))
    assert not own(Followed(kernel, pack=pack).exposed())


def test_they_count_within_the_limit_of_series(tmp_path: Path) -> None:
    pack, _ = pack_of(FORMAT)
    found = Followed(settings(tmp_path), pack=pack, limits=Limits(series_per_metric=1)).exposed()
    assert len([series for series in found if series.startswith("etl_events_total")]) == 1
    assert found["stoker_log_errors_total{source=s,reason=series_limit}"] == 2
