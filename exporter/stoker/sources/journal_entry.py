"""Understands a line of `journalctl -o json`. Opens nothing."""

from __future__ import annotations

import json
from typing import NamedTuple

FIELDS = ("MESSAGE", "_HOSTNAME", "_PID", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT", "SYSLOG_IDENTIFIER", "_COMM")
"""What is asked for; cursor and times come always."""
_WRITERS = ("_SYSTEMD_USER_UNIT", "_SYSTEMD_UNIT", "SYSLOG_IDENTIFIER", "_COMM")


class Entry(NamedTuple):
    """An entry of the journal.

    Attributes:
        cursor: its place.
        when: microseconds since the epoch.
        uptime: microseconds since boot; 0 where it is not told.
        host, writer, process: who wrote it; the writer is the unit, else the identifier or the program.
        text: the message; None when the journal holds one that it does not give.
    """

    cursor: str
    when: int
    uptime: int
    host: str
    writer: str
    process: str
    text: bytes | None


def parse(line: bytes) -> Entry | None:
    """The entry of a line; None when it is none."""
    try:
        said = json.loads(line)
        cursor, when = said["__CURSOR"], int(said["__REALTIME_TIMESTAMP"])
        uptime = int(said.get("__MONOTONIC_TIMESTAMP", 0))
    except (ValueError, RecursionError, KeyError, TypeError):
        return None
    if not isinstance(cursor, str):
        return None
    writer = next((name for each in _WRITERS if (name := _word(said.get(each)))), "")
    host, process = _word(said.get("_HOSTNAME")), _word(said.get("_PID"))
    return Entry(cursor, when, uptime, host, writer, process, _text(said.get("MESSAGE")))


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


def _text(value: object) -> bytes | None:
    """A message: text, a list of the numbers of its bytes when it is not all printable, or a list of several."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    if not isinstance(value, list):
        return None
    if all(isinstance(each, int) and 0 <= each <= 255 for each in value):  # noqa: PLR2004 - a byte
        return bytes(value)
    parts = [text for each in value if (text := _text(each)) is not None]
    return b"\n".join(parts) if parts else None
