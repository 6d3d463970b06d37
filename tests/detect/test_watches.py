from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from stoker.catalog import catalog
from stoker.config.settings import SourceSettings
from stoker.detect.run_watch import RunWatch
from stoker.detect.service_watch import ServiceWatch
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from stoker.detect.run_watch import Labels

SOURCE = SourceSettings(name="s", files=("x",))


def readings(watch: RunWatch | ServiceWatch, now: float) -> dict[str, float]:
    return {
        metric + "".join(f" {value}" for _, value in labels): number for metric, labels, number in watch.readings(now)
    }


def trained(reports: int) -> RunWatch:
    """A run that reported step, loss, norm, speed and step time every ten seconds, evaluated and saved every hundred steps."""
    watch = RunWatch(SOURCE)
    for number in range(1, reports + 1):
        now = 10.0 * number
        for metric, value in (
            ("step", 10.0 * number),
            ("loss", 2.0 + 1 / number),
            ("grad_norm", 1.0),
            ("tokens_per_second", 100.0),
            ("step_seconds", 1.0),
        ):
            watch.see(f"stoker_train_{metric}", (), value, now, now)
        if number % 10 == 0:
            watch.see("stoker_train_eval", (("metric", "accuracy"),), 1.0 / number, now, now)
            watch.see("stoker_train_checkpoints_total", (), 1.0, now, now)
    return watch


def test_a_watch_gives_everything_that_it_owns_and_nothing_else() -> None:
    watch = trained(300)
    end = "stoker_train_finished_timestamp_seconds"
    given = {metric for metric, _, __ in watch.readings(3000.0)}
    assert given == watch.owns - {end}
    watch.see("stoker_train_finished", (("status", "failed"),), 1.0, 3001.0, 3005.0)
    assert {metric for metric, _, __ in watch.readings(3005.0)} == watch.owns
    assert readings(watch, 3005.0)[end] == 3001
    service = ServiceWatch(SOURCE)
    service.see("stoker_serve_running_requests", (), 1.0, 5.0, 5.0)
    service.see("stoker_serve_eval", (("metric", "accuracy"),), 1.0, 6.0, 6.0)
    assert {metric for metric, _, __ in service.readings(6.0)} == service.owns


def test_every_reading_is_a_declared_metric_with_its_labels() -> None:
    descs = catalog(load_pack(alerts=False).metrics)
    for metric, labels, value in trained(300).readings(3000.0):
        assert {name for name, _ in labels} == set(descs[metric].labels) - {"source", "run", "rank"}, metric
        assert math.isfinite(value)


def test_a_watch_of_which_nothing_is_known_says_that_nothing_happened() -> None:
    assert readings(RunWatch(SOURCE), 1.0) == {
        "stoker_train_finished completed": 0,
        "stoker_train_finished failed": 0,
        "stoker_train_finished cancelled": 0,
        "stoker_train_reports_total": 0,
        "stoker_train_nonfinite_streak loss": 0,
        "stoker_train_nonfinite_streak grad_norm": 0,
    }


def test_values_of_a_long_run() -> None:
    seen = readings(trained(300), 3000.0)
    assert seen["stoker_train_reports_total"] == 300
    assert seen["stoker_train_report_interval_seconds"] == 10
    assert seen["stoker_train_report_interval_max_seconds"] == 10
    assert seen["stoker_train_steps_since_start"] == 2990
    assert seen["stoker_train_throughput_ratio"] == 1
    assert seen["stoker_train_step_seconds_ratio"] == 1
    assert seen["stoker_train_checkpoint_interval_seconds"] == 100
    assert seen["stoker_train_eval_declines accuracy"] == 29
    assert seen["stoker_train_last_step_timestamp_seconds"] == 3000
    assert seen["stoker_train_last_activity_timestamp_seconds"] == 3000


def test_activity_is_a_step_an_evaluation_or_a_checkpoint_and_nothing_else() -> None:
    def after(metric: str, labels: Labels = ()) -> float:
        watch = trained(5)
        watch.see(metric, labels, 1.0, 900.0, 900.0)
        return readings(watch, 900.0)["stoker_train_last_activity_timestamp_seconds"]

    assert after("stoker_train_eval", (("metric", "loss"),)) == 900
    assert after("stoker_train_checkpoints_total") == 900
    assert after("stoker_train_nonfinite_total", (("value", "eval"),)) == 900
    assert after("stoker_train_loss") == 50
    assert after("stoker_train_steps") == 50


def test_a_streak_of_nans_ends_with_a_number() -> None:
    watch = trained(5)
    for _ in range(3):
        watch.see("stoker_train_nonfinite_total", (("value", "grad_norm"),), 1.0, 60.0, 60.0)
    assert readings(watch, 60.0)["stoker_train_nonfinite_streak grad_norm"] == 3
    watch.see("stoker_train_grad_norm", (), 1.0, 70.0, 70.0)
    assert readings(watch, 70.0)["stoker_train_nonfinite_streak grad_norm"] == 0


def test_a_restart_from_a_checkpoint_begins_what_is_counted_since_the_start() -> None:
    watch = trained(300)
    watch.see("stoker_train_step", (), 500.0, 3100.0, 3100.0)
    watch.see("stoker_train_loss", (), 9.0, 3100.0, 3100.0)
    seen = readings(watch, 3100.0)
    assert seen["stoker_train_steps_since_start"] == 0
    assert "stoker_train_steps_since_improvement" not in seen
    assert "stoker_train_loss_trend_ratio" not in seen
    assert "stoker_train_throughput_ratio" not in seen
    assert seen["stoker_train_reports_total"] == 301
    assert seen["stoker_train_loss_band_ratio"] > 1, "a spike is one against the last hour, whatever the step"


def test_a_state_goes_through_json_and_changes_nothing() -> None:
    watch, other = trained(300), RunWatch(SOURCE)
    other.restore(json.loads(json.dumps(watch.state(), allow_nan=False)))
    for each in (watch, other):
        each.see("stoker_train_step", (), 3010.0, 3010.0, 3010.0)
        each.see("stoker_train_loss", (), 7.0, 3010.0, 3010.0)
    assert readings(other, 3010.0) == readings(watch, 3010.0)


def test_the_state_of_a_run_is_small() -> None:
    assert len(json.dumps(trained(5000).state())) < 200_000


def test_a_statistics_line_has_its_time() -> None:
    watch = ServiceWatch(SOURCE)
    assert readings(watch, 1.0) == {}
    watch.see("stoker_serve_running_requests", (), 3.0, 50.0, 51.0)
    assert readings(watch, 60.0) == {"stoker_serve_last_report_timestamp_seconds": 50.0}
    other = ServiceWatch(SOURCE)
    other.restore(json.loads(json.dumps(watch.state())))
    assert readings(other, 60.0) == readings(watch, 60.0)


def test_a_run_that_never_says_its_step_has_a_rhythm_all_the_same() -> None:
    watch = RunWatch(SOURCE)
    for number in range(1, 5):
        watch.see("stoker_train_loss", (), 1.0, 60.0 * number, 60.0 * number)
    watch.see("stoker_train_nonfinite_total", (("value", "loss"),), 1.0, 300.0, 300.0)
    given = readings(watch, 301.0)
    assert given["stoker_train_report_interval_seconds"] == 60.0
    assert given["stoker_train_reports_total"] == 5.0
    assert given["stoker_train_last_activity_timestamp_seconds"] == 300.0
    assert "stoker_train_steps_since_start" not in given
    watch.see("stoker_train_step", (), 100.0, 360.0, 360.0)
    watch.see("stoker_train_loss", (), 1.0, 360.0, 360.0)
    assert readings(watch, 361.0)["stoker_train_reports_total"] == 6.0
