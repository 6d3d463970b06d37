"""Folds the variable parts of a request path, so that routes stay few."""

from __future__ import annotations

import re

_VARIABLE = re.compile(
    r"\d+"
    r"|[0-9a-fA-F]{8,}"
    r"|[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|[A-Za-z]+[-_][0-9a-zA-Z]{16,}"
    r"|(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w-]{20,}\Z"
)
_LONG = 80
_PARTS = 8


def fold(path: str) -> str:
    """`/v1/files/file-8f3a...?x=1` becomes `/v1/files/{id}`; at most eight parts."""
    path = path.partition("?")[0].partition("#")[0]
    if "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    parts = [("{id}" if _VARIABLE.fullmatch(part) else part) for part in path.split("/")[: _PARTS + 1]]
    return "/".join(parts)[:_LONG] or "/"
