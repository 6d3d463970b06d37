"""Logs that are not UTF-8: PowerShell's UTF-16, Chinese Windows' GBK, Western Latin-1."""

from __future__ import annotations

from datetime import UTC

import pytest

from sampled import FORMATS, NOW
from stoker.logs.interpreter import Interpreter

TEXT = "第 3 轮训练, 损失: 0.4123, 准确率: 0.91\r\nstep 10 loss 2.31\r\n步数: 120/1000, 损失: 0.5123\r\n"
SAID = [
    ("epoch", 3.0),
    ("loss", 0.4123),
    ("step", 10.0),
    ("loss", 2.31),
    ("step", 120.0),
    ("steps", 1000.0),
    ("loss", 0.5123),
]


def said(data: bytes, size: int = 1 << 20) -> tuple[list[tuple[str, float]], Interpreter]:
    made = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    found = [each for piece in pieces for each in made.feed(piece)] + made.flush()
    return [(each.metric.removeprefix("stoker_train_"), each.value) for each in found], made


@pytest.mark.parametrize("data", [b"\xff\xfe" + TEXT.encode("utf-16-le"), TEXT.encode("utf-16-le"), TEXT.encode("gbk")])
@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_a_log_of_windows_says_the_same(data: bytes, size: int) -> None:
    found, made = said(data, size)
    assert found == SAID
    assert not made.stats.errors
    assert made.stats.lines == 3


def test_western_letters_are_no_chinese_ones() -> None:
    found, made = said("Maße für Zeile: step 10 loss 2.31 äöü\n".encode("latin-1"))
    assert found == [("step", 10.0), ("loss", 2.31)]
    assert made.stats.errors == {"decode": 1}


def test_a_run_of_zero_bytes_is_no_wide_text() -> None:
    found, made = said(b"\0" * 4096 + b"step 10 loss 2.31\n")
    assert found == [("step", 10.0), ("loss", 2.31)]
    assert made.stats.errors == {"nul": 1}
