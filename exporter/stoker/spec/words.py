"""Sub-patterns that log formats name in braces: `{number}`, `{int}`, `{duration}`."""

from __future__ import annotations

import re

WORDS: dict[str, str] = {
    # 1.5  -3  +2.0e-05  1,234.5  nan  NaN  -inf  Infinity
    "number": r"[-+]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|(?:[nN][aA][nN]|[iI][nN][fF](?:inity)?)(?![A-Za-z]))",
    # 42  1,234
    "int": r"[0-9][0-9,_]*",
    # 1.2s  94.9µs  35 ms  8m44s  1h2m3s
    "duration": r"(?:[0-9]+(?:\.[0-9]+)?\s?(?:ns|us|µs|μs|ms|min|s|m|h|d)\b)+|(?:[0-9]+(?:\.[0-9]+)?(?:h|m|s|ms|us|µs|μs|ns))+",
    # 12.5 GiB  512MB  1024
    "size": r"[0-9]+(?:\.[0-9]+)?\s?(?:[KMGT]i?B|[kMGT]B|B|bytes)?",
    # a word without blanks
    "word": r"[^\s]+",
    # 2026-01-23 06:33:37,123 or 2026-01-23T06:33:37.123+00:00
    "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:?[0-9]{2})?",
}

_BRACES = re.compile(r"(?<![\\\w])\{([A-Za-z_]\w*)\}")
_WORD = re.compile(r"\{(" + "|".join(WORDS) + r")\}")


def expand(regex: str) -> str:
    """The regular expression with its words written out."""
    return _WORD.sub(lambda match: WORDS[match[1]], regex)


def unknown_words(regex: str) -> list[str]:
    """What stands in braces and is no word: no regular expression needs a name in braces there."""
    return [word for word in _BRACES.findall(regex) if word not in WORDS]
