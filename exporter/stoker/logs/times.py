"""When a line was written, in seconds since the epoch."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from math import isfinite
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_PREFIX = 40
AHEAD = 3600.0
"""A time further ahead of now than this, in seconds, is not believed."""
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?\s*(Z|[+-]\d\d:?\d\d)?")


def line_time(text: str, form: str | None, zone: tzinfo | None, now: float) -> float | None:
    """The time that `text` names.

    Args:
        text: as printed.
        form: `iso` (also when None), `epoch`, or a strptime format; one without a year means the nearest to now.
        zone: of a time that names none; the machine's when None.
        now: seconds since the epoch.

    Returns:
        Seconds since the epoch; None when the text is no time, or one more than an hour ahead.
    """
    try:
        found = _parsed(text, form, zone, now)
    except (ValueError, OverflowError):
        return None
    return None if found is None or not isfinite(found) or found > now + AHEAD else found


# Aug 11 04:12:09 dgx-0042 kernel: NVRM: Xid ...
_SYSLOG = re.compile(r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) ")


def kernel_time(text: str, zone: tzinfo | None, now: float) -> float | None:
    """The time in front of a line of the system's log, classic or ISO 8601; None for the kernel's own `[seconds since boot]`."""
    match = _SYSLOG.match(text)
    if match is not None:
        return line_time(match[1], "%b %d %H:%M:%S", zone, now)
    return line_time(text[:_PREFIX], "iso", zone, now)


_STARTS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?\s?(?:Z|[+-]\d\d:?\d\d)?"), "iso"),
    (re.compile(r"\d{4}/\d\d/\d\d(?: -)? \d\d:\d\d:\d\d"), "%Y/%m/%d %H:%M:%S"),  # nginx's errors, gin, mmengine
    (re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d"), "%m/%d/%Y %H:%M:%S"),  # accelerate, transformers' examples
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"), "%d/%b/%Y:%H:%M:%S %z"),  # access logs
    (re.compile(r"(?<=^[IWEF])\d{4} \d\d:\d\d:\d\d"), "%m%d %H:%M:%S"),  # glog:  I0811 21:54:41.220118
    (re.compile(r"(?<=[A-Z] )\d\d-\d\d \d\d:\d\d:\d\d"), "%m-%d %H:%M:%S"),  # vLLM:  INFO 01-23 06:33:37
)
_START = 60


def start_time(text: str, zone: tzinfo | None, now: float) -> float | None:
    """The time in the first characters of a line, in any usual form; None when there is none or it is not believed."""
    head = text[:_START]
    if head.startswith("{"):
        return _json_time(text, zone, now)
    if not any(character.isdigit() for character in head):
        return None
    for pattern, form in _STARTS:
        match = pattern.search(head)
        if match is not None:
            return line_time(match[0].replace(" - ", " "), form, zone, now)
    return None


# {"log":"text","stream":"stdout","time":"2026-01-23T06:33:37.123456789Z"}, {"ts":1769150017.1, ...}, journald's microseconds
_JSON = re.compile(
    r'"(?:time|timestamp|@timestamp|ts|asctime|datetime|__REALTIME_TIMESTAMP)"\s*:\s*(?:"([^"]{8,40})"|([0-9]{9,20}(?:\.[0-9]+)?))'
)
_EPOCH = re.compile(r"[0-9]{9,20}(?:\.[0-9]+)?")
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""From this value on seconds since the epoch are printed in a part of them: nanoseconds, microseconds, milliseconds."""


def _json_time(text: str, zone: tzinfo | None, now: float) -> float | None:
    match = _JSON.search(text)
    if match is None:
        return None
    printed = match[1] or match[2]
    if _EPOCH.fullmatch(printed) is None:
        return start_time(printed, zone, now) if not printed.startswith("{") else None
    seconds = float(printed)
    seconds /= next((parts for least, parts in _UNITS if seconds >= least), 1.0)
    return seconds if seconds <= now + AHEAD else None


class LineTime:
    """The time of a line as a Moment, worked out when it is asked for.

    Args:
        text: the line, or the part of it that names the time.
        form: as for `line_time`; `start` looks for a time at the line's start, `kernel` reads the head of the system's log.
        zone: of a time that names none; the machine's when None.
        clock: seconds since the epoch.
    """

    __slots__ = ("_clock", "_form", "_text", "_zone")

    def __init__(self, text: str, form: str | None, zone: tzinfo | None, clock: Callable[[], float]) -> None:
        self._text = text
        self._form = form
        self._zone = zone
        self._clock = clock

    def read(self) -> float | None:
        """See Moment."""
        if self._form == "start":
            return start_time(self._text, self._zone, self._clock())
        if self._form == "kernel":
            return kernel_time(self._text, self._zone, self._clock())
        return line_time(self._text, self._form, self._zone, self._clock())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LineTime) and (self._text, self._form) == (other._text, other._form)

    __hash__ = None  # type: ignore[assignment]


def _parsed(text: str, form: str | None, zone: tzinfo | None, now: float) -> float | None:
    if form == "epoch":
        return float(text)
    if form in (None, "iso"):
        match = _ISO.search(text)
        if match is None:
            return None
        year, month, day, hour, minute, second = (int(match[group]) for group in range(1, 7))
        fraction = int(f"{match[7]:0<6}"[:6]) if match[7] else 0
        moment = datetime(year, month, day, hour, minute, second, fraction)  # noqa: DTZ001 - the zone follows
        if match[8]:
            sign = -1 if match[8][0] == "-" else 1
            digits = match[8].strip("+-Z").replace(":", "")
            ahead = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])) if digits else timedelta()
            return (moment.replace(tzinfo=UTC) - sign * ahead).timestamp()
        return _in_zone(moment, zone)
    if "%Y" in form or "%y" in form:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 - the zone follows
        return moment.timestamp() if moment.tzinfo else _in_zone(moment, zone)
    this_year = datetime.fromtimestamp(now, UTC).year
    tries = (_of_year(text, form, year, zone) for year in (this_year - 1, this_year, this_year + 1))
    return min((moment for moment in tries if moment is not None), key=lambda moment: abs(moment - now))


def _of_year(text: str, form: str, year: int, zone: tzinfo | None) -> float | None:
    try:
        return _in_zone(datetime.strptime(f"{year} {text}", f"%Y {form}"), zone)  # noqa: DTZ007 - the zone follows
    except ValueError:
        return None  # 29 February


def _in_zone(moment: datetime, zone: tzinfo | None) -> float:
    return (moment.replace(tzinfo=zone) if zone is not None else moment).timestamp()
