"""Prints problems: one line each, with the excerpt on a terminal, or JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stoker.documents import Problem


def print_problems(problems: Iterable[Problem], texts: Mapping[str, str], *, as_json: bool = False) -> int:
    """Print them all; the exit code, 1 when there is any."""
    found = list(problems)
    if as_json:
        print(json.dumps([problem.as_json() for problem in found], ensure_ascii=False))
        return int(bool(found))
    for problem in found:
        print(problem.excerpt(texts) if sys.stderr.isatty() else problem, file=sys.stderr)
    return int(bool(found))
