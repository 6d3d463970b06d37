"""Draws texts that a regular expression matches, thousands in a second, so that many can be tried on each of the shipped ones."""

from __future__ import annotations

import re
import re._constants as codes
import re._parser as parser
import string
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

ANY = string.ascii_letters + string.digits + string.punctuation + " \t"
BEYOND = "\u00e9\u00b5\u03bc\u4e2d\u2212\u2588\U0001f600"
_MORE = 12
"""Repetitions beyond the least that are drawn."""


class Draw:
    """Texts of one expression; look-arounds and anchors are drawn as nothing, so that a text has to be tried before it is used."""

    def __init__(self, regex: re.Pattern[str], dice: random.Random) -> None:
        self._tree = parser.parse(regex.pattern)
        self._regex = regex
        self._dice = dice
        self._groups: dict[int, str] = {}

    def text(self) -> str:
        """A text, in half of the cases with something around it."""
        self._groups.clear()
        made = self._row(self._tree)
        return made if self._dice.random() < 0.5 else self._filling() + made + self._filling()

    def _filling(self) -> str:
        return "".join(self._any() for _ in range(self._dice.choice((0, 0, 1, 2, 40))))

    def _any(self) -> str:
        return self._dice.choice(BEYOND if self._dice.random() < 0.1 else ANY)

    def _row(self, tree: Any) -> str:  # noqa: ANN401 - the parser's own type
        return "".join(self._one(code, argument) for code, argument in tree)

    def _one(self, code: Any, argument: Any) -> str:  # noqa: ANN401 - the parser's own type
        dice = self._dice
        if code is codes.LITERAL:
            return self._cased(chr(argument))
        if code in (codes.NOT_LITERAL, codes.ANY, codes.IN):
            return self._fitting(code, argument)
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            low, high, body = argument
            most = low + min(high - low, dice.choice((0, 1, 2, _MORE)))
            return "".join(self._row(body) for _ in range(dice.randint(low, most)))
        if code is codes.SUBPATTERN:
            made = self._row(argument[3])
            if argument[0] is not None:
                self._groups[argument[0]] = made
            return made
        if code is codes.BRANCH:
            return self._row(dice.choice(argument[1]))
        if code is codes.ATOMIC_GROUP:
            return self._row(argument)
        if code is codes.GROUPREF:
            return self._groups.get(argument, "")
        if code is codes.GROUPREF_EXISTS:
            number, yes, no = argument
            return self._row(yes if number in self._groups else no or ())
        return ""

    def _cased(self, character: str) -> str:
        swap = self._regex.flags & re.IGNORECASE and character.isascii() and self._dice.random() < 0.5
        return character.swapcase() if swap else character

    def _fitting(self, code: Any, argument: Any) -> str:  # noqa: ANN401 - the parser's own type
        """A character of a class: of its own ranges, or any that is in it."""
        if code is codes.IN and argument[0][0] is not codes.NEGATE:
            kind, what = self._dice.choice(argument)
            if kind is codes.LITERAL:
                return self._cased(chr(what))
            if kind is codes.RANGE:
                return self._cased(chr(self._dice.randint(what[0], min(what[1], sys.maxunicode))))
            return self._fitting(codes.CATEGORY, what)
        for _ in range(200):
            character = self._any()
            if _has(code, argument, character):
                return character
        return ""


def _has(code: Any, argument: Any, character: str) -> bool:  # noqa: ANN401 - the parser's own type
    if code is codes.ANY:
        return True
    if code is codes.NOT_LITERAL:
        return character != chr(argument)
    if code is codes.LITERAL:
        return character == chr(argument)
    if code is codes.RANGE:
        return bool(argument[0] <= ord(character) <= argument[1])
    if code is codes.CATEGORY:
        return re.match(_CATEGORIES[argument], character) is not None
    items = [item for item in argument if item[0] is not codes.NEGATE]
    return any(_has(kind, what, character) for kind, what in items) is (len(items) == len(argument))


_CATEGORIES = {
    codes.CATEGORY_DIGIT: r"\d",
    codes.CATEGORY_NOT_DIGIT: r"\D",
    codes.CATEGORY_SPACE: r"\s",
    codes.CATEGORY_NOT_SPACE: r"\S",
    codes.CATEGORY_WORD: r"\w",
    codes.CATEGORY_NOT_WORD: r"\W",
}
