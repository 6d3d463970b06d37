"""Finds text that a line must contain for a regular expression to match, so that most lines cost one look."""

from __future__ import annotations

import re._constants as codes
import re._parser as parser
from typing import Any


def required(regex: str) -> str:
    """The longest text without which the expression cannot match; empty when there is none."""
    try:
        tree = parser.parse(regex)
    except (RecursionError, OverflowError):
        return ""
    return max(_runs(tree), key=len, default="")


def _runs(tree: Any) -> list[str]:  # noqa: ANN401 - the parser's own type
    runs: list[str] = []
    run = ""
    for code, argument in tree:
        if code is codes.LITERAL:
            run += chr(argument)
            continue
        runs.append(run)
        run = ""
        if code is codes.SUBPATTERN and not (argument[1] or argument[2]):
            runs += _runs(argument[3])
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) and argument[0] > 0:
            runs += _runs(argument[2])
    runs.append(run)
    if tree.state.flags & 2:  # re.IGNORECASE: the text may be spelled in any case
        return [""]
    return runs
