"""Logs of many versions, prefixes and ranks, each beside what has to be read from it; and every sample of the shipped formats."""

from __future__ import annotations

import random
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from followed import DESCS, PACK
from sampled import FOLDER, FORMATS, LOGS, NOW, WITH_SAMPLES, samples, whole_of
from stoker.documents import Problems
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stoker.logs.formats import CompiledFormats
    from stoker.metrics import Observation


def read(pieces: Iterable[bytes], formats: CompiledFormats = FORMATS) -> tuple[list[Observation], Interpreter]:
    made = Interpreter(formats, line_length=65536, timezone=UTC, clock=lambda: NOW)
    found = [each for piece in pieces for each in made.feed(piece)]
    return found + made.flush(), made


def shown(each: Observation) -> str:
    labels = ",".join(f"{name}={value}" for name, value in each.labels)
    metric = f"{each.metric}{{{labels}}}" if labels else each.metric
    return f"{each.line:>4} {each.format:<12} {each.op:<7} {metric} {each.value:g}"


@pytest.mark.parametrize("name", LOGS)
def test_a_log_gives_what_stands_beside_it(name: str) -> None:
    found, _ = read([whole_of(name)])
    assert [shown(each) for each in found] == (FOLDER / f"{name}.expected").read_text().splitlines()


@pytest.mark.parametrize("name", sorted({*LOGS, *WITH_SAMPLES}))
def test_the_pieces_in_which_bytes_come_change_nothing(name: str) -> None:
    data = whole_of(name)
    expected, one = read([data])
    assert expected, "a log of which nothing is read shows nothing"
    dice = random.Random(name)
    cuts = sorted(dice.sample(range(1, len(data)), min(20, len(data) // 3)))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    for found, other in (read(bytes([byte]) for byte in data), read(pieces)):
        assert found == expected
        assert (other.stats.lines, other.stats.bytes) == (one.stats.lines, one.stats.bytes)
        assert (other.stats.matched, other.stats.errors) == (one.stats.matched, one.stats.errors)


@pytest.mark.parametrize("name", WITH_SAMPLES)
def test_a_sample_gives_the_same_among_all_formats_as_alone(name: str) -> None:
    alone = compile_formats(PACK.formats, (name,), DESCS, Problems())
    for sample in samples(PACK.formats[name]):
        line = f"{sample}\n".encode()
        (own, _), (found, _) = read([line], alone), read([line])
        assert own, sample
        assert {(each.metric, each.labels, each.value) for each in own} <= {
            (each.metric, each.labels, each.value) for each in found
        }


def test_two_records_on_one_line_are_one_line() -> None:
    bar = "17%|##   | 10/60 [00:00<00:01, 29.17it/s, loss=0.738]"
    logged = "11/22/2026 19:18:40 - INFO - __main__ - [RANK 0] epoch 0 step 10: loss=0.7380 lr=9.01e-04"
    found, one = read([f" {bar}{logged}\n".encode()])
    assert [each.value for each in found if each.metric == "stoker_train_loss"] == [0.738]
    assert (one.stats.lines, one.stats.matched.total()) == (1, 1)
