"""Finds text that a line must contain for a regular expression to match, so that most lines cost one look."""

from __future__ import annotations

import re._constants as codes
import re._parser as parser
from typing import Any

_MOST = 16
_IGNORECASE = 2


def required(regex: str) -> frozenset[str]:
    """Texts of which a line must contain one for the expression to match; none of them where nothing is known."""
    try:
        tree = parser.parse(regex)
    except (RecursionError, OverflowError):
        return frozenset()
    if tree.state.flags & _IGNORECASE:  # the text may be spelled in any case
        return frozenset()
    return _best(tree)


def _best(tree: Any) -> frozenset[str]:  # noqa: ANN401 - the parser's own type
    """The choice whose shortest text is the longest: the fewest lines have one of them by chance."""
    return max(_choices(tree), key=lambda choice: min(map(len, choice)), default=frozenset())


def _choices(tree: Any) -> list[frozenset[str]]:  # noqa: ANN401 - the parser's own type
    found: list[frozenset[str]] = []
    run = ""
    for code, argument in tree:
        if code is codes.LITERAL:
            run += chr(argument)
            continue
        if run:
            found.append(frozenset((run,)))
        run = ""
        if code is codes.SUBPATTERN and not (argument[1] or argument[2]):
            found += _choices(argument[3])
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT) and argument[0] > 0:
            found += _choices(argument[2])
        elif code is codes.ASSERT:
            found += _choices(argument[1])
        elif code is codes.BRANCH:
            branches = [_best(branch) for branch in argument[1]]
            if all(branches) and sum(map(len, branches)) <= _MOST:
                found.append(frozenset().union(*branches))
    return [*found, frozenset((run,))] if run else found
