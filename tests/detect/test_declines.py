from __future__ import annotations

import pytest

from stoker.detect.declines import Declines, direction


def counts(metric: str, *values: float, directions: dict[str, str] | None = None) -> dict[str, int]:
    declines = Declines(directions or {})  # type: ignore[arg-type] # tests write them as users do
    for number, value in enumerate(values):
        declines.report(metric, value, float(number))
    return declines.counts()


@pytest.mark.parametrize(
    "metric", ["accuracy", "acc", "f1", "auc", "bleu", "rougeL", "rouge1", "exact_match", "squad/f1"]
)
def test_more_is_better(metric: str) -> None:
    assert counts(metric, 0.9, 0.8, 0.7, 0.6) == {metric: 3}
    assert counts(metric, 0.6, 0.7, 0.8) == {metric: 0}


@pytest.mark.parametrize("metric", ["loss", "perplexity", "wer", "error", "wiki_loss", "Loss"])
def test_less_is_better(metric: str) -> None:
    assert counts(metric, 1, 2, 3, 4) == {metric: 3}
    assert counts(metric, 4, 3, 2) == {metric: 0}


@pytest.mark.parametrize(
    "metric", ["runtime", "loss_scale", "learning_rate", "accuracy_steps", "flossy", "train_accuracy", "train/loss", ""]
)
def test_nothing_is_said_of_what_has_no_known_direction(metric: str) -> None:
    assert direction(metric, {}) is None
    assert counts(metric, 1, 2, 3) == {}


def test_the_source_can_say_which_way_is_better() -> None:
    assert counts("reward", 3, 2, 1, directions={"reward": "up"}) == {"reward": 2}
    assert counts("accuracy", 1, 2, 3, directions={"accuracy": "down"}) == {"accuracy": 2}


def test_it_is_zero_from_the_first_evaluation_on() -> None:
    assert counts("accuracy", 0.9) == {"accuracy": 0}


def test_an_evaluation_that_is_as_good_ends_the_row() -> None:
    assert counts("accuracy", 0.9, 0.8, 0.7, 0.7) == {"accuracy": 0}


def test_the_same_evaluation_told_twice_counts_once() -> None:
    declines = Declines({})
    for step, value in ((1, 0.9), (2, 0.8), (2, 0.8), (3, 0.7), (3, 0.7)):
        declines.report("accuracy", value, float(step))
    assert declines.counts() == {"accuracy": 2}


def test_a_table_that_rounds_the_last_evaluation_is_none_of_its_own() -> None:
    declines = Declines({})
    for step, value in ((100, 0.9), (200, 0.81239), (200, 0.8123)):
        declines.report("accuracy", value, float(step))
    assert declines.counts() == {"accuracy": 1}


def test_it_survives_a_restart() -> None:
    declines, other = Declines({}), Declines({})
    for step, value in ((1, 0.9), (2, 0.8)):
        declines.report("accuracy", value, float(step))
    other.restore(declines.state())
    other.report("accuracy", 0.7, 3.0)
    assert other.counts() == {"accuracy": 2}
