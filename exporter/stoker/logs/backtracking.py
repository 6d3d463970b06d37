"""Refuses regular expressions that can take forever on a line that almost matches."""

from __future__ import annotations

import re._constants as codes
import re._parser as parser
from typing import Any

_MANY = 1000
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)


def backtracks(regex: str) -> str:
    """What makes the expression dangerous, or an empty string.

    Found by structure: a repetition without bound inside another (`(a+)+`), which can try exponentially many ways. Two
    unbounded repetitions of overlapping characters beside each other cost a square at most, which a line's bound keeps small.
    """
    try:
        tree = parser.parse(regex)
    except (RecursionError, OverflowError):
        return "it is nested too deeply"
    return _nested(tree, inside=False)


def _nested(tree: Any, *, inside: bool) -> str:  # noqa: ANN401 - the parser's own type
    for code, argument in tree:
        found = ""
        if code in _REPEATS:
            low, high, body = argument
            unbounded = high is codes.MAXREPEAT or high > _MANY
            if unbounded and inside:
                return "a repetition without bound stands inside another"
            found = _nested(body, inside=inside or (unbounded and not _starts_fixed(body)))
            del low
        elif code is codes.SUBPATTERN:
            found = _nested(argument[3], inside=inside)
        elif code is codes.BRANCH:
            found = next((each for branch in argument[1] if (each := _nested(branch, inside=inside))), "")
        elif code in (codes.ASSERT, codes.ASSERT_NOT):
            found = _nested(argument[1], inside=False)
        if found:
            return found
    return ""


def _starts_fixed(body: Any) -> bool:  # noqa: ANN401 - the parser's own type
    """A repeated group that starts with a fixed character can be cut in one way only: `(?:,[0-9]+)*`."""
    first = next(iter(body), None)
    while first is not None and first[0] is codes.SUBPATTERN:
        first = next(iter(first[1][3]), None)
    return first is not None and first[0] is codes.LITERAL
