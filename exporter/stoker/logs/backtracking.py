r"""Refuses regular expressions that can take forever on a line that almost matches.

Found by structure. A repetition without bound is dangerous around something that can be cut in more than one way (`(a+)+`,
`(a|a)*`, `(?:\d{1,3})+`, `(?:,.*)*`): it can try exponentially many. So are many of them one after another, each of which can take
what follows it (`(.*),(.*),(.*),(.*),x`): each multiplies what those before it try. Two cost a square at most, which is small for
as much of a line as an expression looks at; with three it looks at less.
"""

from __future__ import annotations

import re._constants as codes
from functools import lru_cache
from typing import Any, NamedTuple

from stoker.logs.parsed import KEPT, parsed
from stoker.logs.signature import characters

_MANY = 1000
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT)
MOST = 3
"""Repetitions of almost any character that may take what follows them."""
_ANY = 64
"""ASCII characters that make almost any: `.`, `\\S`, `[^,]`."""
_BROAD = 32
"""ASCII characters of a class that is taken to have those beyond ASCII as well; blanks and digits have few there."""


@lru_cache(maxsize=KEPT)
def taking(regex: str) -> int:
    """How many repetitions of almost any character may take what follows them, and one more where a match may begin anywhere."""
    tree = parsed(regex)
    found = _taking(tree, tree.state.flags, _First())
    return found + bool(found and tuple(next(iter(tree))) != (codes.AT, codes.AT_BEGINNING))


class _First(NamedTuple):
    """What something may begin with: ASCII characters, whether others, and whether it may be nothing at all."""

    narrow: frozenset[int] = frozenset()
    wide: bool = False
    empty: bool = True

    def meets(self, other: _First) -> bool:
        """Whether both may begin with the same character."""
        return bool(self.narrow & other.narrow) or (self.wide and other.wide)

    def then(self, following: _First) -> _First:
        """What this with something behind it may begin with."""
        if not self.empty:
            return self
        return _First(self.narrow | following.narrow, self.wide or following.wide, following.empty)


@lru_cache(maxsize=KEPT)
def backtracks(regex: str) -> str:
    """What makes the expression dangerous, or an empty string."""
    try:
        tree = parsed(regex)
        if _nested(tree, tree.state.flags, _First(), inside=False):
            return "a repetition without bound stands around something that can be cut in several ways"
        if taking(regex) > MOST:
            return "several repetitions without bound can each take what follows them"
    except (RecursionError, OverflowError):
        return "it is nested too deeply"
    return ""


def _nested(tree: Any, flags: int, after: _First, *, inside: bool) -> bool:  # noqa: ANN401 - the parser's own type
    """Whether something is dangerous; `inside` a repetition, what may be cut in several ways is."""
    items = list(tree)
    for place, (code, argument) in enumerate(items):
        following = _sequence(items[place + 1 :], flags).then(after)
        if code in _REPEATS:
            low, high, body = argument
            own = _sequence(body, flags)
            if inside and low != high and own.meets(following):
                return True
            unbounded = high is codes.MAXREPEAT or high > _MANY
            again = own.then(following)._replace(empty=False) if unbounded else following
            if unbounded and not _is_one(body) and own.empty:
                return True
            around = _First(again.narrow | following.narrow, again.wide or following.wide, following.empty)
            if _nested(body, flags, around, inside=inside or unbounded):
                return True
        elif code is codes.SUBPATTERN:
            if _nested(argument[3], flags, following, inside=inside):
                return True
        elif code is codes.BRANCH:
            if inside and _alike(argument[1], flags, following):
                return True
            if any(_nested(each, flags, following, inside=inside) for each in argument[1]):
                return True
        elif code in (codes.ASSERT, codes.ASSERT_NOT) and _nested(argument[1], flags, _First(), inside=False):
            return True
    return False


def _alike(branches: Any, flags: int, following: _First) -> bool:  # noqa: ANN401 - the parser's own type
    """Whether two alternatives may take the same text, or one what another and the following take together."""
    for number, one in enumerate(branches):
        for other in branches[:number]:
            texts = sorted((_text(one), _text(other)), key=lambda text: len(text or ""))
            if texts[0] is None or texts[1] is None:
                if _sequence(one, flags).then(following).meets(_sequence(other, flags).then(following)):
                    return True
            elif texts[1].startswith(texts[0]):
                rest = texts[1][len(texts[0]) :]
                if not rest or _First(frozenset(map(ord, rest[:1]))).meets(following):
                    return True
    return False


def _taking(tree: Any, flags: int, after: _First) -> int:  # noqa: ANN401 - the parser's own type
    """How many repetitions without bound of single characters may take what follows them."""
    items = list(tree)
    found = 0
    for place, (code, argument) in enumerate(items):
        following = _sequence(items[place + 1 :], flags).then(after)
        if code in _REPEATS:
            _, high, body = argument
            unbounded = high is codes.MAXREPEAT or high > _MANY
            own = _sequence(body, flags)
            found += unbounded and _is_one(body) and len(own.narrow) >= _ANY and own.meets(following)
            if not _is_one(body):
                found += _taking(body, flags, following)
        elif code is codes.SUBPATTERN:
            found += _taking(argument[3], flags, following)
        elif code is codes.BRANCH:
            found += max(_taking(each, flags, following) for each in argument[1])
    return found


def _sequence(tree: Any, flags: int) -> _First:  # noqa: ANN401 - the parser's own type
    found = _First()
    for code, argument in tree:
        found = found.then(_first(code, argument, flags))
        if not found.empty:
            break
    return found


def _first(code: Any, argument: Any, flags: int) -> _First:  # noqa: ANN401 - the parser's own type
    one = characters(code, argument, flags)
    if one is not None:
        return _First(one[0], one[1] and len(one[0]) >= _BROAD, empty=False)
    if code is codes.LITERAL:
        return _First(frozenset({argument}) if argument < 128 else frozenset(), argument > 127, empty=False)  # noqa: PLR2004
    if code in (*_REPEATS, codes.POSSESSIVE_REPEAT):
        inner = _sequence(argument[2], flags)
        return inner._replace(empty=inner.empty or argument[0] == 0)
    if code is codes.SUBPATTERN:
        return _sequence(argument[3], flags)
    if code is codes.ATOMIC_GROUP:
        return _sequence(argument, flags)
    if code is codes.BRANCH:
        parts = [_sequence(each, flags) for each in argument[1]]
        narrow = frozenset[int]().union(*(part.narrow for part in parts))
        return _First(narrow, any(part.wide for part in parts), any(part.empty for part in parts))
    return _First()


def _is_one(body: Any) -> bool:  # noqa: ANN401 - the parser's own type
    """Whether a repetition is one of single characters."""
    items = list(body)
    return len(items) == 1 and items[0][0] in (codes.IN, codes.ANY, codes.LITERAL, codes.NOT_LITERAL)


def _text(tree: Any) -> str | None:  # noqa: ANN401 - the parser's own type
    """The text that it is, if it is one."""
    items = list(tree)
    if any(code is not codes.LITERAL for code, _ in items):
        return None
    return "".join(chr(argument) for _, argument in items)
