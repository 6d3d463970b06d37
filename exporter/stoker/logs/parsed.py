"""What a regular expression consists of, as `re` itself parses it.

While a format is compiled several modules look at the same expression one after another; parsing is most of what that costs.
"""

from __future__ import annotations

import re._parser as parser
from functools import lru_cache
from typing import Any

KEPT = 1024
"""Expressions of which what was found out is remembered, for when the formats are compiled again: more than are shipped."""


@lru_cache(maxsize=2)
def parsed(regex: str) -> Any:  # noqa: ANN401 - the parser's own type
    """The tree of an expression, which nobody may change.

    Raises:
        re.error: when it is none.
        RecursionError, OverflowError: when it is nested too deeply, or a repetition is too long.
    """
    return parser.parse(regex)
