from __future__ import annotations

import pytest

from stoker.logs.quoting import quoted


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
