"""No line that a pattern matches is overlooked by the scanner, whatever the expression and whatever matches it."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from drawn import Draw
from followed import PACK
from sampled import FORMATS, WITH_SAMPLES, samples
from stoker.logs.blocks import SHIFT, Scanner, scanner
from stoker.logs.signature import signature
from stoker.logs.unwrap import unwrap

PATTERNS = [(each.name, pattern.regex) for each in FORMATS.formats for pattern in each.patterns]
DRAWN = [
    (name, regex) for name, regex in PATTERNS if "(?=" not in regex.pattern
]  # texts for look-aheads cannot be drawn
ENDS = re.compile("[\n\r\b]")
WANTED, DRAWS = 25, 2000
"""Texts with which a pattern is tried, and how many are drawn at most until so many match."""


def hits(found: Scanner, text: str) -> set[int]:
    scanned = found.scan(text.encode() + b"\n")
    return {hit & ((1 << SHIFT) - 1) for hit in scanned.found}


@pytest.mark.parametrize(
    ("regex", "line"),
    [
        (r"^a(?:b|c)?d+$", "ad"),
        (r"(?i)loss\b: (?P<x>\d+)", "LOSS: 3"),
        (r"loss: [^,]{1,3}, end", "loss: \u4e2d\u6587\U0001f600, end"),
        (r"took (?P<t>\d+)\u00b5s", "took 12\u00b5s"),
        (r"x{40}y", "x" * 40 + "y"),
        (r"(?P<q>['\"])name(?P=q): 1", "'name': 1"),
        (r"(\()?step(?(1)\)|!)", "(step)"),
        (r"(?<=a)bcde(?=f)", "abcdef"),
        (r"(?>ab|a)bcde", "abbcde"),
        (r"\s*key\s*=\s*\S++", "key =\tv"),
        (r"(?i:Err)or \W", "eRRor -"),
        (r"[^\x00-\x7f]end", "\u00e9end"),
    ],
)
def test_a_signature_hits_what_its_expression_matches(regex: str, line: str) -> None:
    assert re.search(regex, line)
    assert hits(Scanner([signature(regex)]), line) == {0}


def test_what_could_stand_in_any_line_has_no_signature_and_no_scanner() -> None:
    assert signature(r"\s*(?:a|b?)$") == ""
    assert scanner((signature(r"abcd"), signature(r"x*"))) is None


def test_a_hit_tells_where_its_line_is_and_what_else_has_to_be_known() -> None:
    one = Scanner([signature(r"two \d+")])
    found = one.scan(b"one 1\n\n  \ntwo 22\nthree\\x\n 5.1it/s\n").found
    assert found == [(10 + 5) << SHIFT, (24 << SHIFT) | one.escaped, (33 << SHIFT) | one.glued]


def test_blank_lines_and_control_characters_are_told() -> None:
    found = Scanner([signature("abcd")])
    scanned = found.scan(b"\na\n \t\nb\r\nabcd\n")
    assert (scanned.blanks, scanned.clean) == ([1, 6, 9], True)
    assert not found.scan(b"\x1b[1mabcd\n").clean


def test_every_sample_of_a_shipped_pattern_is_hit() -> None:
    lines = [unwrap(sample)[1] for name in WITH_SAMPLES for sample in samples(PACK.formats[name])]
    for _, regex in PATTERNS:
        matching = [line for line in lines if regex.search(line)]
        assert matching, regex.pattern
        one = Scanner([signature(regex.pattern)])
        assert all(0 in hits(one, line) for line in matching), regex.pattern


@pytest.mark.parametrize("number", range(len(DRAWN)), ids=lambda number: f"{DRAWN[number][0]}-{number}")
def test_whatever_matches_a_shipped_pattern_is_hit(number: int) -> None:
    name, regex = DRAWN[number]
    one = scanner((signature(regex.pattern),))
    assert one is not None
    draw = Draw(regex, random.Random(f"{name} {number}"))
    drawn = (draw.text() for _ in range(DRAWS))
    texts = list(islice((text for text in drawn if regex.search(text) and not ENDS.search(text)), WANTED))
    assert len(texts) == WANTED, "too few of the texts match for the test to show anything"
    for text in texts:
        assert 0 in hits(one, text), text
