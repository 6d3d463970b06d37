"""Sub-patterns that log formats name in braces: `{number}`, `{int}`, `{duration}`; and grok's: `%{NUMBER:loss}`, `%{IP}`."""

from __future__ import annotations

import re

WORDS: dict[str, str] = {
    # 1.5  -3  +2.0e-05  1,234.5  nan  NaN  -inf  Infinity; digits are not given back: a part of a number is none
    "number": r"[-+]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]++(?:_++[0-9]++)*+)(?:\.[0-9]*+)?(?:[eE][-+]?[0-9]++)?|\.[0-9]++(?:[eE][-+]?[0-9]++)?|(?:[nN][aA][nN]|[iI][nN][fF](?:inity)?)(?![A-Za-z]))",
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

GROK: dict[str, str] = {
    "NUMBER": WORDS["number"],
    "BASE10NUM": WORDS["number"],
    "INT": r"[-+]?[0-9]+",
    "POSINT": r"[1-9][0-9]*",
    "NONNEGINT": r"[0-9]+",
    "BASE16NUM": r"(?:0[xX])?[0-9a-fA-F]+",
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": r".*?",
    "GREEDYDATA": r".*",
    "QUOTEDSTRING": r"""(?:"[^"]*"|'[^']*')""",
    "QS": r"""(?:"[^"]*"|'[^']*')""",
    "UUID": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "IPV4": r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}",
    "IP": r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F:]*:[0-9a-fA-F:.]+)",
    "HOSTNAME": r"[0-9A-Za-z][0-9A-Za-z.-]*",
    "IPORHOST": r"[0-9A-Za-z:][0-9A-Za-z.:-]*",
    "HOSTPORT": r"[0-9A-Za-z][0-9A-Za-z.-]*:[0-9]+",
    "USERNAME": r"[\w.-]+",
    "USER": r"[\w.-]+",
    "PATH": r"[^\s\"']+",
    "UNIXPATH": r"/[^\s\"']*",
    "URIPATH": r"/[^\s\"'?#]*",
    "URIPATHPARAM": r"/[^\s\"']*",
    "URI": r"[A-Za-z][\w+.-]*://[^\s\"']+",
    "LOGLEVEL": r"(?:[Tt]race|TRACE|[Dd]ebug|DEBUG|[Ii]nfo|INFO|[Nn]otice|NOTICE|[Ww]arn(?:ing)?|WARN(?:ING)?|[Ee]rr(?:or)?|ERR(?:OR)?|[Cc]ritical|CRITICAL|[Ff]atal|FATAL)",
    "YEAR": r"[0-9]{4}",
    "MONTHNUM": r"(?:0?[1-9]|1[0-2])",
    "MONTH": r"[A-Z][a-z]{2,8}",
    "MONTHDAY": r"[0-3]?[0-9]",
    "DAY": r"[A-Z][a-z]{2,8}",
    "HOUR": r"[0-2]?[0-9]",
    "MINUTE": r"[0-5][0-9]",
    "SECOND": r"[0-6]?[0-9](?:[.,:][0-9]+)?",
    "TIME": r"[0-2]?[0-9]:[0-5][0-9](?::[0-6][0-9](?:[.,][0-9]+)?)?",
    "TIMESTAMP_ISO8601": WORDS["timestamp"],
    "HTTPDATE": r"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [-+][0-9]{4}",
    "SYSLOGTIMESTAMP": r"[A-Z][a-z]{2} +[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2}",
}
"""What grok's usual names stand for, for lines of a log; a name behind the colon becomes the group's."""

_BRACES = re.compile(r"(?<![\\\w%])\{([A-Za-z_]\w*)\}")
_WORD = re.compile(r"(?<!%)\{(" + "|".join(WORDS) + r")\}")
# %{NUMBER}  %{NUMBER:loss}  %{NUMBER:loss:float}: the type is left out, values are numbers anyway
_GROK = re.compile(r"%\{(\w+)(?::([A-Za-z_]\w*))?(?::(?:int|float|long|double|string))?\}")
_GROK_LIKE = re.compile(r"%\{([^{}]*)\}")


def expand(regex: str) -> str:
    """The regular expression with its words, and grok's, written out."""
    return _WORD.sub(lambda match: WORDS[match[1]], _GROK.sub(_written_out, regex))


def unknown_words(regex: str) -> list[str]:
    """What stands in braces and is no word: no regular expression needs a name in braces there."""
    return [word for word in _BRACES.findall(regex) if word not in WORDS]


def unknown_grok(regex: str) -> list[str]:
    """What stands in `%{...}` and is no name of grok's, or none with a group that a regular expression can have."""
    found = []
    for match in _GROK_LIKE.finditer(regex):
        known = _GROK.fullmatch(match[0])
        if known is None or known[1] not in GROK:
            found.append(match[1] if known is None else known[1])
    return found


def _written_out(match: re.Match[str]) -> str:
    pattern = GROK.get(match[1], ".+?")  # the mistake is told by its name
    return f"(?P<{match[2]}>{pattern})" if match[2] else f"(?:{pattern})"
