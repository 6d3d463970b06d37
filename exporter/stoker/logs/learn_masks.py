"""Takes a line apart into fixed text and what varies by its nature: numbers, times, addresses, ids, paths, quoted text.

One expression splits a line at all of them; most lines of a log differ in these places only, so that the texts between them are
the line's kind. What a place holds is looked at once for each kind, not for each line.
"""

from __future__ import annotations

import re
from enum import StrEnum

_METHODS = r"(?:GET|POST|PUT|DELETE|HEAD|PATCH|OPTIONS)"
_NUMBER = r"(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])(?:\.[0-9]+)?|[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)"


_CLOCK = r"[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?"
_ZONE = r"(?: [AP]M)?(?:Z|\s?[-+][0-9]{2}:?[0-9]{2}(?![0-9])| (?:UTC|GMT|[A-Z]{2,4}T)(?!\w))?"


class Mask(StrEnum):
    """What stands in a place; one character each, from the range that is nobody's, so that a template is a text."""

    NUMBER = "\ue001"
    QUANTITY = "\ue002"  # a number with its unit: 83ms  12.5 GiB  31%  8m44s  12.3k
    PART = "\ue003"  # digits of a name: rank3  step_200.pt  train.py:33
    TIME = "\ue004"
    ADDRESS = "\ue005"
    ID = "\ue006"
    PATH = "\ue007"
    QUOTED = "\ue008"
    METHOD = "\ue009"


ANY = "\ue00f"
"""A word that differs from line to line."""
MASKS = "".join(Mask)
RESERVED = re.compile(f"[{MASKS}{ANY}]")

_DIGIT: tuple[tuple[Mask, str], ...] = (
    # 2026-01-23 06:33:37,123   2026/01/23 06:33:37 UTC   2026-01-23   2026年01月23日 06:33:37
    (
        Mask.TIME,
        rf"(?<![\w.])[0-9]{{4}}[-/.年][0-9]{{1,2}}[-/.月][0-9]{{1,2}}(?:日|(?![\w.]))(?:[T ]{_CLOCK}{_ZONE})?|(?<![\w.])[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T{_CLOCK}{_ZONE}",
    ),
    # 11/22/2026 19:18:15   22.11.2026   11/22/26 07:18:15 PM   11-22 19:18:15.123
    (Mask.TIME, rf"(?<![\w.])[0-9]{{2}}[/.][0-9]{{2}}[/.][0-9]{{4}}(?:,? {_CLOCK}{_ZONE})?(?!\w)"),
    (Mask.TIME, rf"(?<![\w./-])[0-9]{{2}}[-/][0-9]{{2}}(?:[-/][0-9]{{2}})? {_CLOCK}{_ZONE}(?!\w)"),
    # 20261120T100119Z   20261120 10:01:19   20 Nov 2026 10:01:19 GMT
    (Mask.TIME, rf"(?<![\w.])20[0-9]{{2}}[01][0-9][0-3][0-9](?:[T_-][0-9]{{6}}Z?|[T ]{_CLOCK}{_ZONE})(?!\w)"),
    (Mask.TIME, rf"(?<!\w)[0-9]{{1,2}} [A-Z][a-z]{{2}} [0-9]{{4}} {_CLOCK}{_ZONE}(?!\w)"),
    # 23/Jan/2026:06:33:37 +0000   06:33:37.123   0:01:23
    (Mask.TIME, r"(?<!\w)[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}(?: [-+][0-9]{4})?"),
    (Mask.TIME, r"(?<![\w.:])[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?: [AP]M)?(?![\w:])"),
    (Mask.ADDRESS, r"(?<![\w.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?::[0-9]+)?(?![\w.])"),
    (Mask.ID, r"(?<!\w)0x[0-9a-fA-F]+"),
    (Mask.ID, r"(?<![0-9.])[0-9]+(?:\.[0-9]+){2,}(?!\w)"),  # 1.0.3  v1.0.3
    (Mask.QUANTITY, r"(?<![\w.])(?:[0-9]+(?:\.[0-9]+)?(?:ns|us|µs|μs|ms|min|[smhd])){2,}(?!\w)"),
    (
        Mask.QUANTITY,
        r"(?<![\w.,])[0-9]+(?:\.[0-9]+)?(?:\s?(?:ns|us|µs|μs|ms|[kKMG]i?B|TiB|B)(?![\w/])|(?:min|[smhdkKM])(?![\w/])|\s?%(?![\w|]))",
    ),
    (Mask.NUMBER, _NUMBER),
)
_WORD: tuple[tuple[Mask, str], ...] = (
    # Jan 23 06:33:37   Fri Jan 23 06:33:37 2026
    (
        Mask.TIME,
        r"(?:[A-Z][a-z]{2},? )?(?:[A-Z][a-z]{2} [ 0-9][0-9]|[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4}) [0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?: [0-9]{4})?(?: (?:UTC|GMT|[A-Z]{2,4}T))?(?!\w)",
    ),
    (Mask.METHOD, rf"{_METHODS}(?= /|\"|,| )"),
    (Mask.PATH, r"[a-z][a-z0-9]{1,9}://[^\s\"'<>]+"),
    (Mask.NUMBER, r"(?:nan|NaN|inf|Infinity)(?!\w)"),
)
_HEX: tuple[tuple[Mask, str], ...] = (
    # aa:bb:cc:10:11:12   fe80::1c2:3
    (Mask.ID, r"(?=[0-9:]{0,38}(?:[a-fA-F]|::))[0-9a-fA-F]{1,4}(?:::?[0-9a-fA-F]{1,4}){2,7}(?![\w:])"),
    (Mask.ID, r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}(?!\w)"),
    (Mask.ID, r"(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{7,}(?![\w.])"),
)
_SIGN: tuple[tuple[Mask, str], ...] = (
    (Mask.NUMBER, rf"(?<![\w)\]])[-+](?:{_NUMBER}|\.[0-9]+|(?:nan|NaN|inf|Infinity)(?!\w))"),
    (Mask.NUMBER, r"(?<![\w.])\.[0-9]+"),
    (Mask.PATH, r"(?<![\w./\])}%])(?:~|\.{1,2})?/[\w.][^\s\"',;:()\[\]{}|]*"),
    (Mask.PATH, r"(?<=[A-Z] )/(?= HTTP/)"),
)
_QUOTE: tuple[tuple[Mask, str], ...] = (
    (Mask.QUOTED, rf"(?<=[\s=:(\[{{,])\"(?!{_METHODS} )(?:[^\"\\]|\\.)*\"(?!\s*[:=])"),
    (Mask.QUOTED, r"(?<=[\s=:(\[{,])'[^']*'(?!\s*[:=])"),
)
# by their first character, so that few are tried at a place where none is
_BEGINNINGS = (
    (r"(?<![\w.])(?=[0-9a-fA-F])", _HEX),
    # but the digits of f1, l2, p99, top5, rouge1: they tell one name from another
    (
        r"(?=[0-9])(?<![^a-zA-Z][flp])(?<![^a-zA-Z]p[0-9])(?<![^a-zA-Z]p[0-9][0-9])(?<![^a-zA-Z]top)(?<!rouge)",
        _DIGIT,
    ),
    (r"(?<![\w.])(?=[A-Za-z])", _WORD),
    (r"(?=[-+.~/])", _SIGN),
    (r"(?=[\"'])", _QUOTE),
)
SPLIT = re.compile(
    "(" + "|".join(f"{begins}(?:{'|'.join(regex for _, regex in kinds)})" for begins, kinds in _BEGINNINGS) + ")"
)
"""Splits a line: fixed text at even places, what varies at odd ones."""
_WHOLE = tuple((mask, re.compile(begins + regex)) for begins, kinds in _BEGINNINGS for mask, regex in kinds)
# rank3  step_200.pt  gpu-7  train.py:33  #12  v2
_NAMED = re.compile(r"(?:[\w\-#@\\]|\w\.|[A-Za-z_]/|\.[a-z]\w*:)$")
_NAMING = re.compile(r"(?!(?:[CWJx]|mW|MHz|[a-z]{2,7}/s(?:ec)?)(?!\w))[A-Za-z_]|-[A-Za-z]|\.[A-Za-z]|:[0-9]")


def kinds_of(parts: list[str]) -> list[Mask]:
    """What stands in each odd place of a line that SPLIT took apart."""
    line = "".join(parts)
    found, at = [], 0
    for place in range(1, len(parts), 2):
        at += len(parts[place - 1])
        end = at + len(parts[place])
        mask = next(
            (mask for mask, regex in _WHOLE if (match := regex.match(line, at)) and match.end() == end), Mask.ID
        )
        if mask is Mask.NUMBER and (_NAMED.search(parts[place - 1][-6:]) or _NAMING.match(parts[place + 1])):
            mask = Mask.PART
        found.append(mask)
        at = end
    return found
