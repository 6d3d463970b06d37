from __future__ import annotations

import pytest

from stoker.logs.quoting import quoted, spoken


@pytest.mark.parametrize(
    "text",
    [
        "request: prompt: 'HERE",
        'request: prompt: "HERE and more"',
        '{"prompt": "first", "text": "HERE"}',
        'raise RuntimeError("HERE',
        "prompt='it''s HERE', n=1",
        'msg="a \\"b\\" HERE"',
    ],
)
def test_text_inside_a_quotation_is_quoted(text: str) -> None:
    assert quoted(text, text.index("HERE"))


@pytest.mark.parametrize(
    "text",
    [
        "HERE",
        "it's HERE and it's fine",
        "the 'first' part HERE",
        '{"a": "b"} HERE',
        "{'loss': 1.0, 'HERE",
        "5' 10\" HERE",
    ],
)
def test_text_outside_a_quotation_is_not(text: str) -> None:
    start = text.index("HERE")
    assert not quoted(text, start - 1 if text[start - 1 : start] == "'" else start)


def test_a_sentence_is_told_from_a_report_by_words_that_programs_do_not_use() -> None:
    for text in (
        "Please explain: step 10",
        "I think step 10",
        "The paper says: step 10",
        "> step 10",
        "GET /log?a=1&step 10",
    ):
        assert spoken(text, text.index("step")), text
    for text in ("2026-01-01 INFO my.module: step 10", "user=alice step 10", "/home/user/run.py step 10", "=> step 10"):
        assert not spoken(text, text.index("step")), text
    far = "please " + "x " * 400
    assert not spoken(f"{far}step 10", len(far)), "only the sentence around a find is looked at"
