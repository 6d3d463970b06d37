"""Words and grok's names in the regular expressions of a format."""

from __future__ import annotations

import re

import pytest

from stoker.spec.words import GROK, WORDS, expand, unknown_grok, unknown_words

EXAMPLES = {
    "NUMBER": "-1.5e-3",
    "INT": "-12",
    "POSINT": "12",
    "WORD": "loss",
    "NOTSPACE": "a,b",
    "DATA": "any thing",
    "GREEDYDATA": "any thing",
    "QUOTEDSTRING": '"any thing"',
    "UUID": "c5e7b47e-d09c-4b0f-afe9-cd8a95518545",
    "IP": "fe80::1",
    "IPORHOST": "node-1.cluster",
    "HOSTPORT": "node-1:8000",
    "URIPATHPARAM": "/v1/models?x=1",
    "URI": "http://node-1:8000/v1",
    "LOGLEVEL": "WARNING",
    "TIME": "10:00:01,123",
    "TIMESTAMP_ISO8601": "2026-11-20T08:00:01.204Z",
    "HTTPDATE": "22/Nov/2026:19:17:45 +0000",
    "SYSLOGTIMESTAMP": "Aug 11 04:12:09",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_name_of_grok_reads_what_it_stands_for(name: str) -> None:
    match = re.search(expand(rf"^<%{{{name}:what}}>$"), f"<{EXAMPLES[name]}>")
    assert match is not None
    assert match["what"] == EXAMPLES[name]


@pytest.mark.parametrize("name", sorted({*GROK, *WORDS}))
def test_every_name_is_a_regular_expression_that_stands_alone(name: str) -> None:
    text = f"%{{{name}}}" if name in GROK else f"{{{name}}}"
    assert re.compile(expand(f"a{text}|b")).fullmatch("b")


def test_grok_and_words_stand_beside_each_other() -> None:
    regex = expand(r"step=%{INT:step} loss=(?P<loss>{number}) took=%{NUMBER:took:float}ms %{WORD}")
    match = re.search(regex, "step=12 loss=0.5 took=83ms ab")
    assert match is not None
    assert match.groupdict() == {"step": "12", "loss": "0.5", "took": "83"}


def test_names_that_do_not_exist_are_found() -> None:
    regex = r"%{NUMBR:loss} {numbr} %{NUMBER:2nd} %{INT:step} \{x\} [0-9]{2}"
    assert unknown_grok(regex) == ["NUMBR", "NUMBER:2nd"]
    assert unknown_words(regex) == ["numbr"]
