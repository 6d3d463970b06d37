from __future__ import annotations

import re

import pytest

from sampled import FORMATS
from stoker.logs.backtracking import backtracks
from stoker.logs.literals import FAR, finder
from stoker.spec.words import WORDS, expand


@pytest.mark.parametrize(
    "regex",
    [
        r"(a+)+b",
        r"(a|a)*b",
        r"(?:b|a|aa)*c",
        r"(?:\d{1,3})+x",
        r"(?:\w|\d\d)*x",
        r"(?:,.*)*x",
        r"(?:a.*)*b",
        r"(?:a?)*b",
        r"(?:a?b?)*c",
        r"(?:\s*\w*)*:",
        r"(?:\w+\s?)*:",
        r"([a-z]+\d*)+x",
        r"(?=(?:a|a)*b)c",
        r"x(?:(?:a+)+|b)y",
        r"(.*),(.*),(.*),x",
        r".*a.*b.*c.*d",
        r"(\S+)-(\S+)-(\S+)-x",
        r"^(.*),(.*),(.*),(.*),x",
        "(" * 5000,
    ],
)
def test_what_can_take_forever_is_refused(regex: str) -> None:
    try:
        assert backtracks(regex)
    except re.error:
        assert regex.startswith("((((")


@pytest.mark.parametrize(
    "regex",
    [
        r"(?:,[0-9]+)*x",
        r"(?:[0-9]+,)*[0-9]+x",
        r"(?:\w+=\d+ )+x",
        r"(?:\S+ )*x",
        r"(\w+\.)*\w+: ",
        r"(?:ab|cd)*e",
        r"(?:\[[^\]]*\])+x",
        r"step (\d+)/(\d+) .* loss (\d+)",
        r'"[^"]*" "[^"]*" "[^"]*" "[^"]*"',
        r"^(\S+) (\S+) (\S+) (\S+) (\S+)",
        r"a.*b.*c",
        r"%{IPORHOST} %{USER} %{USER} \[%{HTTPDATE}\] %{QS} %{INT} %{INT}",
        r"%{TIMESTAMP_ISO8601} %{LOGLEVEL} %{DATA:who} - %{GREEDYDATA}",
        *WORDS.values(),
    ],
)
def test_what_is_cut_in_one_way_is_taken(regex: str) -> None:
    assert not backtracks(expand(regex))


def test_a_pattern_looks_at_the_beginning_of_a_line_only() -> None:
    for regex in (r"^.*\bloss=(\d)", r"loss=(\d)", r"(?i)loss=(\d)"):
        find = finder(re.compile(regex))
        assert find(" " * (FAR - 7) + " loss=1")
        assert not find(" " * FAR + "loss=1")


def test_the_more_a_pattern_may_try_the_less_it_looks_at() -> None:
    find = finder(re.compile(r"^(.*)a(.*)b(.*)c$"))
    assert find("1a2b3c")
    assert not find("ab" * FAR + "c")  # would take minutes otherwise


def test_all_shipped_patterns_are_taken() -> None:
    assert not [
        each.regex.pattern for one in FORMATS.formats for each in one.patterns if backtracks(each.regex.pattern)
    ]
