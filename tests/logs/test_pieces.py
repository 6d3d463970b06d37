"""Lines that container runtimes cut into pieces, and the times that they write beside them."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from sampled import FORMATS, NOW, line_by_line
from stoker.logs.interpreter import Interpreter
from stoker.logs.lines import Line
from stoker.logs.pieces import Pieces

if TYPE_CHECKING:
    from stoker.metrics import Observation

AT = "2026-01-23T06:33:37.123456789Z"
WHEN = datetime(2026, 1, 23, 6, 33, 37, 123456, tzinfo=UTC).timestamp()


def cri(text: str, tag: str, stream: str = "stdout") -> str:
    return f"{AT} {stream} {tag} {text}\n"


def docker(text: str, stream: str = "stdout") -> str:
    return json.dumps({"log": text, "stream": stream, "time": AT}, separators=(",", ":")) + "\n"


def read(text: str, *, by_line: bool = False, size: int = 1 << 20) -> tuple[list[Observation], Interpreter]:
    one = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    if by_line:
        line_by_line(one)
    data = text.encode()
    found = [each for start in range(0, len(data), size) for each in one.feed(data[start : start + size])]
    return found + one.flush(), one


def losses(found: list[Observation]) -> list[tuple[float, int]]:
    return [(each.value, each.line) for each in found if each.metric == "stoker_train_loss"]


CUT = [
    cri("step 7: lo", "P") + cri("ss=0.", "P") + cri("25 and more", "F"),
    cri("step 7: lo", "P:x") + cri("nothing", "F", "stderr") + cri("ss=0.25", "F"),
    cri("step 7: lo", "P") + cri("warn", "P", "stderr") + cri("ss=0.25", "F") + cri("ing", "F", "stderr"),
    docker("step 7: lo") + docker("ss=0.25\n"),
    docker('a path "C:\\n') + docker('\\new"\n') + docker("step 7: loss=0.25\n"),
]


@pytest.mark.parametrize("log", CUT)
@pytest.mark.parametrize("by_line", [False, True])
def test_pieces_are_joined_before_anything_is_read(log: str, by_line: bool) -> None:  # noqa: FBT001 - a parameter of the test
    found, one = read("nothing here\n" + log + "nor here\n", by_line=by_line)
    assert [value for value, _ in losses(found)] == [0.25]
    assert one.stats.lines == log.count("\n") + 2
    assert +one.stats.matched == Counter({"plain": 1, "none": one.stats.lines - 1})


@pytest.mark.parametrize("log", CUT)
def test_it_makes_no_difference_where_blocks_end(log: str) -> None:
    whole, _ = read(log * 3)
    for size in (1, 7, 50):
        assert read(log * 3, size=size)[0] == whole


def test_the_line_is_that_of_the_first_piece_and_the_time_is_the_runtimes() -> None:
    found, _ = read("\n" + CUT[0])
    assert losses(found) == [(0.25, 2)]
    assert found
    assert all(each.time == pytest.approx(WHEN, abs=1e-3) for each in found)
    found, _ = read(docker("step 7: loss=0.25\n"))
    assert found
    assert all(each.time == pytest.approx(WHEN, abs=1e-3) for each in found)


@pytest.mark.parametrize(
    "field",
    [
        '"ts":1769150017.123456',
        '"timestamp": 1769150017123',
        '"__REALTIME_TIMESTAMP":"1769150017123456"',
        f'"time":"{AT}"',
    ],
)
def test_a_records_own_time_is_used(field: str) -> None:
    found, _ = read(f'{{"message":"step 7: loss=0.25",{field}}}\n')
    assert found
    assert all(each.time == pytest.approx(WHEN, abs=1e-3) for each in found)


def test_what_never_ends_is_read_when_the_file_ends() -> None:
    found, one = read(cri("step 7: loss=0.25", "P"))
    assert losses(found) == [(0.25, 1)]
    assert +one.stats.matched == Counter({"plain": 1})


def test_pieces_without_end_are_cut_and_counted_once() -> None:
    errors: Counter[str] = Counter()
    pieces = Pieces(1000, errors)
    for number in range(1, 100):
        assert pieces.add(Line(number, cri("x" * 100, "P").strip())) is None
    joined = pieces.add(Line(100, cri("end", "F").strip()))
    assert joined is not None
    assert len(joined.text) < 1100
    assert errors == {"too_long": 1}
    assert not pieces.pending
