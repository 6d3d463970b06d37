"""What a client wants to get, by its Accept and Accept-Encoding headers."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_OPENMETRICS = "application/openmetrics-text"
_VERSIONS = ("", "0.0.1", "1.0.0")
_KEPT = 16
"""Different headers that are remembered with what they mean."""


class _Wish(NamedTuple):
    name: str
    version: str
    quality: float


@lru_cache(maxsize=_KEPT)
def prefers_openmetrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics, and for it at least as much as for the text format."""
    wishes = _wishes(accept)
    openmetrics = _quality([wish for wish in wishes if wish.version in _VERSIONS], (_OPENMETRICS,))
    text = _quality(wishes, ("text/plain", "text/*", "*/*"))
    return openmetrics > 0 and openmetrics >= text


@lru_cache(maxsize=_KEPT)
def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header lets the answer be packed with gzip."""
    return _quality(_wishes(accept_encoding), ("gzip", "*")) > 0


def _quality(wishes: list[_Wish], names: tuple[str, ...]) -> float:
    """The best of the first name that is mentioned at all: the most specific one counts."""
    for name in names:
        found = [wish.quality for wish in wishes if wish.name == name]
        if found:
            return max(found)
    return 0.0


def _wishes(header: str) -> list[_Wish]:
    # application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1
    wishes = []
    for part in header.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        given = {
            key.strip(): value.strip().strip('"') for key, _, value in (each.partition("=") for each in parameters)
        }
        wishes.append(_Wish(name, given.get("version", ""), _number(given.get("q", "1"))))
    return wishes


def _number(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
