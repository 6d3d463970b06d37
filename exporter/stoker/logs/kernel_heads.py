"""What stands before a message of the kernel, and whether two messages are near enough to be about the same event."""

from __future__ import annotations

import math
import re
from datetime import UTC
from typing import NamedTuple

from stoker.logs.times import line_time

# months are those of the machine's language: févr. 21 08:00:13 dgx kernel:   2月 21 08:00:13 dgx kernel:
# <4>[ 1234.5]   4,1234,5678901,-;   kern  :warn  : [Sun Oct 12 08:00:16 2025]   Oct 12 08:00:13 dgx kernel: [ 12.3] [ T7]
# 2025-10-12T08:00:15.123456+02:00 dgx kernel:   2025-10-12T08:00:15,123456+02:00
_HEAD = re.compile(
    r"(?:<\d{1,3}>|\d{1,3},\d{1,20},\d{1,20},[^;]{1,40};|[a-z0-9]{1,8} *:[a-z]{1,8} *: )?"
    r"(?:(?:(?P<classic>(?:[^\W\d_]{3,5}\.?|\d{1,2}[月월]) [ \d]\d \d\d:\d\d:\d\d)(?:\.\d+)?"
    r"|(?P<iso>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)))"
    r" (?:[\w.\-]{1,255} kernel: )?)?"
    r"(?:\[(?P<dmesg>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] )?"
    r"(?:\[ *(?P<uptime>\d{1,12}\.\d{1,9})\] ?)?(?:\[ *[TC]\d+\] )?"
)
_LEAP = 2000
"""A year for times that name none: they are only compared with each other, and it has a 29 February."""


class Told(NamedTuple):
    """Where and when something was told.

    Attributes:
        line: number of the line.
        clocks: seconds on the clocks that the line names, which are only good for a comparison with those of other lines: since boot,
            and of the wall.
    """

    line: int
    clocks: tuple[float | None, float | None]


class Head(NamedTuple):
    """What stands before a message: how long it is, and what it tells."""

    end: int
    told: Told


def head(text: str, line: int) -> Head:
    """Take the head of a line apart; the message itself begins at its end."""
    match = _HEAD.match(text)
    assert match is not None  # every part of it is optional
    uptime = float(match["uptime"]) if match["uptime"] else None
    return Head(match.end(), Told(line, (uptime, _wall(match))))


def together(before: Told, now: Told, *, lines: int, seconds: float) -> bool:
    """Whether two tellings are at most so many lines apart, and no more seconds where both lines name a time."""
    if now.line - before.line > lines:
        return False
    for earlier, later in zip(before.clocks, now.clocks, strict=True):
        if earlier is not None and later is not None:
            return 0.0 <= later - earlier <= seconds  # the first clock is the finer one
    return True


def _wall(match: re.Match[str]) -> float | None:
    if match["classic"]:
        return line_time(f"{_LEAP} {match['classic']}", "%Y %b %d %H:%M:%S", UTC, math.inf)
    if match["iso"]:
        return line_time(match["iso"], "iso", UTC, math.inf)
    if match["dmesg"]:
        return line_time(match["dmesg"], "%a %b %d %H:%M:%S %Y", UTC, math.inf)
    return None
