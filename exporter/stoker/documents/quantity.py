"""Durations and sizes as people write them: `1h30m`, `64KiB`."""

from __future__ import annotations

import re

_DURATION_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+\Z")
_DURATION_PART = re.compile(r"([0-9]+)(ms|[smhdwy])")
_SIZE_UNITS = {
    "": 1,
    "B": 1,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
    "kB": 10**3,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
}
_LONGEST = 64
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\Z")


class Duration(float):
    """Seconds; prints as Prometheus writes durations (`1h30m`)."""

    def __str__(self) -> str:
        return duration_text(self)


class Size(int):
    """Bytes."""


def parse_duration(text: str) -> Duration | None:
    """Seconds of `5m`, `1h30m`, `500ms`; None when it is no duration. `0` alone is allowed."""
    if text == "0":
        return Duration(0)
    if len(text) > _LONGEST or not _DURATION.match(text):
        return None
    return Duration(sum(int(number) * _DURATION_UNITS[unit] for number, unit in _DURATION_PART.findall(text)))


def duration_text(seconds: float) -> str:
    """Seconds as a Prometheus duration in its shortest exact form: 5400 gives `1h30m`, 0 gives `0s`."""
    milliseconds = round(seconds * 1000)
    if milliseconds == 0:
        return "0s"
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        number, milliseconds = divmod(milliseconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts)


def parse_size(text: str) -> Size | None:
    """Bytes of `64KiB`, `1.5GB`, `1024`; None when it is no size."""
    match = _SIZE.match(text) if len(text) <= _LONGEST else None
    if not match or match[2] not in _SIZE_UNITS:
        return None
    return Size(round(float(match[1]) * _SIZE_UNITS[match[2]]))
