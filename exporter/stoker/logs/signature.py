r"""Turns a regular expression of Python into one of Hyperscan that finds every line in which it could match, and few others.

A signature says less than its expression: anchors and look-arounds are left out, text is bytes, classes hold every byte above 127
where they hold any character beyond ASCII, what may repeat at the beginning or the end need not, and what stands before the first
text of some length is left out, since Hyperscan would have to follow it everywhere. So it may hit a line that
the expression does not match, never the other way round, in text that is UTF-8. One exception is taken on purpose: letters beyond
ASCII that equal an ASCII letter when case is ignored (the Kelvin sign).
"""

from __future__ import annotations

import re._constants as codes
from functools import lru_cache
from typing import Any

from stoker.logs.parsed import KEPT, parsed

LINE_ENDS = frozenset(b"\n\r\x08")
"""Bytes that end a line, so that no signature crosses them."""
_IGNORECASE = 2
_MOST = 32
"""Repetitions beyond this count are not counted: Hyperscan would need a state for each."""
_STRONG = 4
"""Characters of a text that is rare enough."""
_LEVELS = frozenset({"DEBUG", "INFO", "WARN", "WARNING", "ERROR", "Error", "error", "failed"})
"""Texts that are not, however long."""
_ASCII = frozenset(range(128))
_DIGITS = frozenset(b"0123456789")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_CATEGORIES = {
    codes.CATEGORY_DIGIT: _DIGITS,
    codes.CATEGORY_NOT_DIGIT: _ASCII - _DIGITS,
    codes.CATEGORY_SPACE: frozenset(b" \t\n\r\v\f\x1c\x1d\x1e\x1f"),
    codes.CATEGORY_NOT_SPACE: _ASCII - frozenset(b" \t\n\r\v\f\x1c\x1d\x1e\x1f"),
    codes.CATEGORY_WORD: _DIGITS | _LETTERS | {ord("_")},
    codes.CATEGORY_NOT_WORD: _ASCII - _DIGITS - _LETTERS - {ord("_")},
}
_REPEATS = (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT)
_ZERO_WIDTH = (codes.AT, codes.ASSERT, codes.ASSERT_NOT)


@lru_cache(maxsize=KEPT)
def signature(regex: str) -> str:
    """The signature of an expression that `re` accepts; empty when any line could match."""
    tree = parsed(regex)
    return _sequence(tree, tree.state.flags, head=True, tail=True)


def _flat(items: Any, *, tail: bool) -> list[Any]:  # noqa: ANN401 - the parser's own type
    """Items in a row that take characters, with those of plain groups in their place; `tail` where nothing follows them."""
    found: list[Any] = []
    last = len(items) - 1
    for place, (code, argument) in enumerate(items):
        at_tail = tail and place == last
        if code is codes.SUBPATTERN and not (argument[1] or argument[2]):
            found += _flat(argument[3], tail=at_tail)
        elif code is codes.ASSERT and argument[0] > 0 and at_tail:
            found += _flat(argument[1], tail=True)  # nothing else follows, so that this does
        elif code not in _ZERO_WIDTH:
            found.append((code, argument))
    return found


def _strong(items: list[Any]) -> int:
    """Where the first long text begins, at which Hyperscan starts a match without looking back; 0 where there is none.

    One that many lines have, the name of a level, is taken only when there is no other.
    """
    texts: list[tuple[int, str]] = []
    run = ""
    for place, (code, argument) in enumerate([*items, (codes.ANY, None)]):
        if code is codes.LITERAL:
            run += chr(argument)
        else:
            if len(run) >= _STRONG:
                texts.append((place - len(run), run))
            run = ""
    rare = [place for place, text in texts if text.strip() not in _LEVELS]
    return next(iter(rare or [place for place, _ in texts]), 0)


def _sequence(items: Any, flags: int, *, head: bool, tail: bool) -> str:  # noqa: ANN401 - the parser's own type
    """Items in a row; at the head and the tail of the whole expression, what may be absent is."""
    wanted = _flat(items, tail=tail)
    if head and not flags & _IGNORECASE:
        del wanted[: _strong(wanted)]
    while head and wanted and _optional(wanted[0]):
        del wanted[0]
    while tail and wanted and _optional(wanted[-1]):
        del wanted[-1]
    last = len(wanted) - 1
    return "".join(
        _item(code, argument, flags, head=head and number == 0, tail=tail and number == last)
        for number, (code, argument) in enumerate(wanted)
    )


def _optional(item: Any) -> bool:  # noqa: ANN401 - the parser's own type
    """Whether nothing at all may stand in the item's place."""
    code, argument = item
    if code in _REPEATS:
        return argument[0] == 0 or all(map(_optional, argument[2]))
    if code is codes.SUBPATTERN:
        return all(map(_optional, argument[3]))
    if code is codes.BRANCH:
        return any(all(map(_optional, branch)) for branch in argument[1])
    return code in _ZERO_WIDTH


def _item(code: Any, argument: Any, flags: int, *, head: bool, tail: bool) -> str:  # noqa: ANN401
    one = characters(code, argument, flags)
    if one is not None:
        return _class(one, 1, 1, at_edge=head or tail)
    if code is codes.LITERAL:
        return "".join(_byte(byte) for byte in chr(argument).encode("utf-8", "replace"))
    if code in _REPEATS:
        least, most, body = argument
        return _repeat(least, most, body, flags, head=head, tail=tail)
    if code is codes.SUBPATTERN:
        _, more, less, body = argument
        inner = (flags | more) & ~less
        return _group(_sequence(body, inner, head=head, tail=tail))
    if code is codes.ATOMIC_GROUP:
        return _group(_sequence(argument, flags, head=head, tail=tail))
    if code is codes.BRANCH:
        parts = [_sequence(branch, flags, head=head, tail=tail) for branch in argument[1]]
        return _alternatives(parts, at_edge=head or tail)
    if code is codes.GROUPREF_EXISTS:
        _, yes, no = argument
        parts = [_sequence(branch or (), flags, head=head, tail=tail) for branch in (yes, no)]
        return _alternatives(parts, at_edge=head or tail)
    return "[^" + "".join(map(_byte, sorted(LINE_ENDS))) + "]*"  # what was matched before, whatever it was


def _repeat(least: int, most: Any, body: Any, flags: int, *, head: bool, tail: bool) -> str:  # noqa: ANN401
    highest = None if most is codes.MAXREPEAT else int(most)
    if head or tail:
        highest = least
    items = list(body)
    if len(items) == 1 and (one := characters(items[0][0], items[0][1], flags)) is not None:
        return _class(one, least, highest, at_edge=head or tail)
    inner = _sequence(items, flags, head=head and least == 1, tail=tail and least == 1)
    return _group(inner) + _times(least, highest) if inner else ""


def characters(code: Any, argument: Any, flags: int) -> tuple[frozenset[int], bool] | None:  # noqa: ANN401
    """(ASCII characters, whether others as well) of what stands for one character; None for anything else."""
    if code is codes.ANY:
        return _ASCII, True
    if code is codes.NOT_LITERAL:
        return _members([(codes.NEGATE, None), (codes.LITERAL, argument)], flags)
    if code is codes.IN:
        return _members(argument, flags)
    if code is codes.LITERAL and flags & _IGNORECASE and chr(argument).swapcase() != chr(argument):
        return _members([(codes.LITERAL, argument)], flags)
    return None


def _members(items: Any, flags: int) -> tuple[frozenset[int], bool]:  # noqa: ANN401 - the parser's own type
    negated = wide = False
    found: set[int] = set()
    for code, argument in items:
        if code is codes.NEGATE:
            negated = True
        elif code is codes.CATEGORY:
            found |= _CATEGORIES[argument]
            wide = True
        else:
            low, high = argument if code is codes.RANGE else (argument, argument)
            found |= set(range(low, min(high, 127) + 1))
            wide = wide or high > max(_ASCII)
    if flags & _IGNORECASE:
        found |= {ord(chr(each).swapcase()) for each in found & _LETTERS}
    return (_ASCII - found, True) if negated else (frozenset(found), wide)


def _class(characters: tuple[frozenset[int], bool], least: int, most: int | None, *, at_edge: bool) -> str:
    """A class so many times; a character beyond ASCII is up to four bytes, of which one will do at an edge."""
    narrow, wide = characters
    inside = "".join(map(_byte, sorted(narrow - LINE_ENDS))) + (r"\x80-\xff" if wide else "")
    if not inside:
        inside = _byte(min(LINE_ENDS))  # nothing in a line
    if wide and most is not None and not at_edge:
        most *= 4
    return f"[{inside}]{_times(least, most)}"


def _times(least: int, most: int | None) -> str:
    least = min(least, _MOST)
    if most is None or most > _MOST:
        return {0: "*", 1: "+"}.get(least, f"{{{least},}}")
    if least == most:
        return "" if least == 1 else f"{{{least}}}"
    return "?" if (least, most) == (0, 1) else f"{{{least},{most}}}"


def _group(inner: str) -> str:
    return f"(?:{inner})" if inner else ""


def _alternatives(parts: list[str], *, at_edge: bool) -> str:
    if all(parts):
        return f"(?:{'|'.join(parts)})"
    some = "|".join(filter(None, parts))
    return f"(?:{some})?" if some and not at_edge else ""


def _byte(byte: int) -> str:
    return chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in " _") else f"\\x{byte:02x}"  # noqa: PLR2004
