"""Finds text that a line must contain for a regular expression to match, so that most lines cost one look."""

from __future__ import annotations

import re
import re._constants as codes
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from stoker.logs.backtracking import MOST, taking
from stoker.logs.parsed import KEPT, parsed

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST = 16
_IGNORECASE = 2
FAR = 8192
"""Characters of a line that an expression of a format looks at: one that tries again at each character takes 64 times less than
with the longest line, and what says something stands before."""
_TELLING = 2
"""Characters at the beginning of an expression that are worth a search of their own."""


@lru_cache(maxsize=KEPT)
def required(regex: str) -> frozenset[str]:
    """Texts of which a line must contain one for the expression to match; none of them where nothing is known."""
    try:
        tree = parsed(regex)
    except (RecursionError, OverflowError):
        return frozenset()
    if tree.state.flags & _IGNORECASE:  # the text may be spelled in any case
        return frozenset()
    return _best(tree)


def finder(regex: re.Pattern[str]) -> Callable[[str], re.Match[str] | None]:
    """The search of an expression, made faster where it can only match at the beginning, or where a certain text stands."""
    at, lead = _beginning(regex.pattern)
    match, search = regex.match, regex.search
    far = FAR if taking(regex.pattern) < MOST else FAR // 8
    if at in (codes.AT_BEGINNING, codes.AT_BEGINNING_STRING) and not regex.flags & re.MULTILINE:
        return lambda text: match(text, 0, far)
    if len(lead) < _TELLING or regex.flags & _IGNORECASE:
        return lambda text: search(text, 0, far)

    def find(text: str) -> re.Match[str] | None:
        start = text.find(lead, 0, far)
        while start >= 0:
            found = match(text, start, far)
            if found is not None:
                return found
            start = text.find(lead, start + 1, far)
        return None

    return find


@lru_cache(maxsize=KEPT)
def _beginning(regex: str) -> tuple[Any, str]:
    """(the anchor at which an expression begins, the text after it)."""
    at, lead = None, ""
    for code, argument in parsed(regex):
        if code is codes.LITERAL:
            lead += chr(argument)
        elif lead or code is not codes.AT:
            break
        else:
            at = at or argument
    return at, lead


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
