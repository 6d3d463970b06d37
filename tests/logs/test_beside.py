"""Patterns that only say more of a line that another pattern of the format reads."""

from __future__ import annotations

from datetime import UTC

import pytest

from followed import DESCS
from sampled import NOW
from stoker.documents import Problems
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter
from stoker.spec.format import FormatSpec, PatternSpec

FORMATS = {
    "ours": FormatSpec(
        kind="training",
        patterns=(
            PatternSpec(sample="round 1", regex=r"round (?P<step>\d+)", set={"stoker_train_step": "step"}),
            PatternSpec(
                sample="round 1 at 5 tok/s",
                regex=r"(?P<rate>\d+) tok/s",
                set={"stoker_train_tokens_per_second": "rate"},
                beside=True,
            ),
            PatternSpec(
                sample="round 1, rate of 3",
                regex=r"(?P<lr>\d+)$",
                set={"stoker_train_learning_rate": "lr"},
                beside=True,
            ),
        ),
    )
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("round 7 at 50 tok/s", {"stoker_train_step": 7, "stoker_train_tokens_per_second": 50}),
        (
            "50 tok/s in round 7",
            {"stoker_train_step": 7, "stoker_train_tokens_per_second": 50, "stoker_train_learning_rate": 7},
        ),
        ("round seven at 50 tok/s", {}),
        ("50 tok/s", {}),
    ],
)
def test_one_is_looked_for_where_another_has_matched(line: str, expected: dict[str, float]) -> None:
    compiled = compile_formats(FORMATS, "auto", DESCS, Problems())
    one = Interpreter(compiled, line_length=65536, timezone=UTC, clock=lambda: NOW)
    found = one.feed(f"{line}\n".encode())
    assert {each.target.metric: each.value for each in found} == expected
    assert +one.stats.matched == {"ours" if expected else "none": 1}
