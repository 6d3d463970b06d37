"""From a template to the regular expression that reads its numbers: from the words that name the first to the last one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.logs.learn_masks import ANY, MASKS, Mask
from stoker.logs.learn_words import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.logs.learn import Template

_PLACES: Mapping[str, str] = {
    Mask.NUMBER: "{number}",
    Mask.QUANTITY: r"[0-9.]+\s?[A-Za-zµμ%]{1,3}",
    Mask.PART: r"[0-9.,]+",
    Mask.TIME: r"[0-9A-Za-z:.,/+ -]{4,40}?",
    Mask.ADDRESS: r"[0-9.:]+",
    Mask.ID: r"[\w.-]+",
    Mask.PATH: r"[^\s\"',]+",
    Mask.QUOTED: r"(?:\"[^\"]*\"|'[^']*')",
    Mask.METHOD: r"[A-Z]+",
    ANY: r"[^\s=,;|]+",
}
_TIMES = r"(?:[0-9.]{1,12}\s?[a-zµμ]{1,3}\s?){1,4}"
_SIZES = r"[0-9]+(?:\.[0-9]+)?\s?[A-Za-z%]{0,3}"
_PADDED = "=[("
_LEAD = 8
"""Words before the first number that the expression holds to."""
_SPLIT = re.compile(f"([{MASKS}{ANY}])")


def span(template: Template, first: int, last: int) -> tuple[int, int]:
    """(first word, last word) of what an expression holds to: the words before the first number back to what varies or to a level."""
    begin = first
    words = template.words
    while begin > 0 and first - begin < _LEAD:
        text = words[begin - 1].text
        bare = text.strip("[](){}:-|,")
        # what a logger puts in front is no part of it, and neither is what varies
        if _SPLIT.search(text) or bare in LEVELS or not bare:
            break
        begin -= 1
    return begin, last


def regex(template: Template, begin: int, end: int, named: Mapping[tuple[int, int], tuple[str, str]]) -> str:
    """The expression for the words from `begin` to `end`.

    Args:
        template: what it is for.
        begin: the first word.
        end: the last word, included.
        named: (group, unit) for each place whose text is wanted.
    """
    made: list[str] = []
    for place in range(begin, end + 1):
        word = template.words[place]
        if made:
            before = template.words[place - 1].text
            loose = r"\s*" if before[-1] in ",;|" or word.text[0] in ",;|" else r"\s+"
            made.append(loose if word.apart else "")
        made.append(_word(template, place, named))
    text = "".join(made)
    if not template.has_words:  # columns: the whole line, or any two numbers would do
        return rf"^\s*{text}\s*$"
    opening = template.words[begin].text[0]
    return (r"(?<![\w.-])" if opening.isalnum() or opening in MASKS + ANY + "_" else "") + text


def _word(template: Template, place: int, named: Mapping[tuple[int, int], tuple[str, str]]) -> str:
    text = template.words[place].text
    made, number = [], 0
    before = template.words[place - 1].text[-1] if place and not template.words[place].apart else ""
    for piece in _SPLIT.split(text):
        if not piece:
            continue
        if not _SPLIT.fullmatch(piece):
            made.append(re.escape(piece).replace(r"\ ", " "))
            before = piece[-1]
            continue
        padded = r"\s*" if template.padded and before and before in _PADDED else ""
        group, unit = named.get((place, number), ("", ""))
        made.append(padded + (_group(template, (place, number), piece, group, unit) if group else _PLACES[piece]))
        number += piece != ANY
        before = ""
    return "".join(made)


def _group(template: Template, place: tuple[int, int], mask: str, group: str, unit: str) -> str:
    if mask != Mask.QUANTITY:
        return f"(?P<{group}>{_PLACES[mask]})"
    units = template.slots[place].units
    if unit != "auto":
        (printed,) = units
        return rf"(?P<{group}>{{number}})\s?{re.escape(printed)}"
    return f"(?P<{group}>{_TIMES if _all_times(units) else _SIZES})"


def _all_times(units: set[str]) -> bool:
    return all(
        each in ("ns", "us", "µs", "μs", "ms", "min", "s", "m", "h", "d") for unit in units for each in unit.split()
    )
