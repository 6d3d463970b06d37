"""Logs as nobody writes them: the samples, cut, doubled, spliced, with other numbers and quotes; and what may come of them."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from followed import DESCS
from sampled import FORMATS, LOGS, NOW, WITH_SAMPLES, same, whole_of
from stoker.logs.finding import Keys
from stoker.logs.lines import Line, Splitter
from stoker.logs.readers import READERS
from stoker.logs.times import line_time, start_time
from stoker.logs.units import convert
from stoker.metrics import Kind

if TYPE_CHECKING:
    import random

NUMBERS = (
    "0", "-1", "9" * 25, "9" * 400, "9" * 5000, "1e999", "-1e-999", "nan", "NaN", "inf", "-Infinity", "1_000", "1,234,567.8", "0x1f",
    "\u0663\u0664", "\U0001d7d7", "1.2.3", "+", "1e", "\u0660.\u0665", "00000", "1" + "0" * 308, "2" * 310, "-0", "1__0", "²", "½",
)  # fmt: skip
PIECES = (
    "'", '"', "{", "}", "[", "]", "(", ")", "\\", "\t", "  ", "|", ":", ",", "=", "\r", "\b", "\n", "\r\n", "\0", "\x1b[2K", "\x1b]0;",
    "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "é", "中", "\u2028", "\x85", "K", "[rank1]: ", "[rank1] ", "12: ", "{'", '{"',
    "it/s]", "Traceback (most recent call last):", "=" * 60, "***** train metrics *****", "step,epoch,loss", '{"message":"', "x" * 70_000,
)  # fmt: skip
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
NAMES = sorted({*LOGS, *WITH_SAMPLES})


def mutated(dice: random.Random, most: int = 40) -> bytes:
    """Some lines of some samples, changed in some places."""
    lines = [line for name in dice.sample(NAMES, 3) for line in whole_of(name).decode(errors="replace").split("\n")]
    start = dice.randrange(len(lines))
    return b"".join(_changed(line, lines, dice) for line in lines[start : start + most])


def _changed(line: str, others: list[str], dice: random.Random) -> bytes:
    for _ in range(dice.randrange(4)):
        at = dice.randrange(len(line) + 1)
        how = dice.randrange(7)
        if how == 0:
            line = line[:at]
        elif how == 1:
            line += line[at:]
        elif how == 2:
            other = dice.choice(others)
            line = line[:at] + other[dice.randrange(len(other) + 1) :]
        elif how == 3:
            line = line[:at] + dice.choice(PIECES) + line[at:]
        elif how == 4:
            line = line[:at] + line[at + 1 :]
        else:
            found = list(_NUMBER.finditer(line))
            if found:
                one = dice.choice(found)
                line = line[: one.start()] + dice.choice(NUMBERS) + line[one.end() :]
    raw = line.encode("utf-8", "surrogatepass")
    if dice.randrange(20) == 0:
        at = dice.randrange(len(raw) + 1)
        raw = raw[:at] + bytes([dice.randrange(256)]) + raw[at + 1 :]
    return raw + dice.choice((b"\n", b"\n", b"\n", b"\n", b"\r\n", b"\r", b"\b"))


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data, cut at these places."""
    places = sorted({min(cut, len(data)) for cut in cuts})
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def check_splitter(data: bytes, cuts: list[int], longest: int) -> None:
    """The same lines whatever the cuts, and never more kept than the longest line."""
    whole, other = Splitter(longest), Splitter(longest)
    expected = whole.feed(data) + whole.flush()
    found: list[Line] = []
    for piece in pieces(data, cuts):
        found += other.feed(piece)
        assert len(other._rest) <= longest
    found += other.flush()
    assert found == expected
    assert (other.number, other.errors) == (whole.number, whole.errors)
    assert all(line.text.strip(" \t") for line in found)


def check_readers(lines: list[str]) -> None:
    """A reader takes any line; what is no number in it may raise, as the interpreter expects."""
    keys = Keys(dict.fromkeys(("loss", "lr", "step"), "stoker_train_loss"), {"lr": "auto"}, "stoker_train_value")
    for make in READERS.values():
        reader = make(keys)
        for number, text in enumerate(lines, 1):
            try:
                found = reader.read(Line(number, text), text, "") or []
            except (ValueError, OverflowError):
                continue
            for each in found:
                assert each.metric in DESCS
                assert (DESCS[each.metric].kind is Kind.COUNTER) == (each.op == "inc")
                assert all(isinstance(value, str) for value in each.labels.values())


def check_times(text: str) -> None:
    """A text is a time or none."""
    for form in ("iso", "epoch", "%Y-%m-%d %H:%M:%S", "%b %d %H:%M:%S", "%d/%b/%Y:%H:%M:%S %z"):
        found = line_time(text, form, None, NOW)
        assert found is None or -1e12 < found <= NOW + 3600
    start_time(text, None, NOW)


def check_units(text: str, unit: str) -> None:
    """A text is a number or none."""
    with suppress(ValueError):
        assert isinstance(convert(text, unit), float)


def check_log(data: bytes, size: int) -> None:
    """A log is read without fault and by both ways in the same manner."""
    same(data, size)
    assert FORMATS.formats
