"""What the body of a push says: plain lines, JSON objects one a line, or a JSON array of them.

A JSON object stays a line of JSON, as in a file: its message is read by whoever reads JSON lines. Here only its time and its stream are
looked for.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

from stoker.logs.streams import same_second
from stoker.logs.times import AHEAD, line_time
from stoker.sources.inbox import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_JSON = ("application/json", "text/json")
_LINES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/json-lines")
_TIMES = ("@timestamp", "timestamp", "time", "date", "ts")
_HOSTS = ("host", "hostname", "host.name", "host.hostname", "agent.hostname", "kubernetes.host")
"""Where Fluentd, Vector, Logstash, Beats and Fluent Bit's Kubernetes filter say it."""
_MILLISECONDS = 1e11
"""A number above this counts milliseconds: it would be the year 5138 otherwise."""
_GZIP = 31
_NAME = 256


class UnreadableError(ValueError):
    """The body is not what its headers say."""


class TooLargeError(ValueError):
    """What is packed in the body is larger than a body may be."""


def unpacked(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its content encoding.

    Args:
        body: as it came.
        encoding: `gzip`, or empty or `identity` for none.
        most: bytes that may come out.

    Raises:
        UnreadableError: for another encoding, and for what is no gzip.
        TooLargeError: when more than `most` would come out.
    """
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise UnreadableError(f"the encoding {encoding} is not read; send gzip or none")
    found = bytearray()
    rest = body
    try:
        while rest:
            member = zlib.decompressobj(wbits=_GZIP)
            found += member.decompress(rest, most + 1 - len(found))
            if len(found) > most:
                raise TooLargeError(f"more than {most} bytes when unpacked")
            if not member.eof:
                raise UnreadableError("the gzip data ends too early")
            rest = member.unused_data
    except zlib.error as error:
        raise UnreadableError(f"this is no gzip: {error}") from error
    return bytes(found)


def records_of(body: bytes, content_type: str, stream: str, field: str, now: float) -> list[Record]:
    """The records of a body, in order.

    Args:
        body: not packed.
        content_type: as sent.
        stream: of all records that do not name their own.
        field: where a record names its stream, with dots between the levels; empty for nowhere.
        now: seconds since the epoch.

    Raises:
        UnreadableError: when it should be JSON and is none.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in _JSON:
        return list(_joined(_records(_values(body), stream, field, now)))
    if kind in _LINES:
        return list(_joined(_records(body.splitlines(), stream, field, now)))
    return [Record(stream, _ended(body), None)] if body.strip() else []


def _values(body: bytes) -> Iterable[object]:
    """The elements of a JSON document; of several objects, one a line, each."""
    try:
        whole = json.loads(body)
    except (ValueError, RecursionError) as error:
        lines = body.split(b"\n")
        # many senders call this JSON too
        if all(line[:1] == b"{" for line in lines if line.strip()) and len(lines) > 1:
            return lines
        raise UnreadableError(f"this is no JSON: {error}") from error
    return whole if isinstance(whole, list) else [whole]


def _records(values: Iterable[object], stream: str, field: str, now: float) -> Iterator[Record]:
    for value in values:
        if isinstance(value, bytes):
            if not value.strip():
                continue
            lines, said = value, _object(value)
        elif isinstance(value, str):
            lines, said = value.encode("utf-8", "replace"), {}
        else:
            lines = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
            said = value if isinstance(value, dict) else {}
        name = _named(said, field) if field else ""
        yield Record(name or stream, _ended(lines), _when(said, now), _host(said))


def _joined(records: Iterable[Record]) -> Iterator[Record]:
    """Neighbours of the same stream and second as one: a small body may hold very many."""
    parts: list[bytes] = []
    last: Record | None = None
    for record in records:
        if last is not None and not _together(last, record):
            yield last._replace(lines=b"".join(parts))
            parts, last = [], None
        parts.append(record.lines)
        last = last or record
    if last is not None:
        yield last._replace(lines=b"".join(parts))


def _together(one: Record, other: Record) -> bool:
    return one.stream == other.stream and one.host == other.host and same_second(one.when, other.when)


def _object(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _named(said: dict[str, Any], field: str) -> str:
    """The text under a name, or under names with dots between the levels; empty where there is none."""
    value: object = said.get(field)
    if value is None and "." in field:
        value = said
        for name in field.split("."):
            value = value.get(name) if isinstance(value, dict) else None
    return value[:_NAME] if isinstance(value, str) else ""


def _host(said: dict[str, Any]) -> str:
    return next((name for field in _HOSTS if (name := _named(said, field))), "")


def _when(said: dict[str, Any], now: float) -> float | None:
    value = next((said[name] for name in _TIMES if name in said), None)
    if isinstance(value, str):
        return line_time(value, "iso", None, now)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if value > _MILLISECONDS else value
        return float(seconds) if 0 < seconds <= now + AHEAD else None
    return None


def _ended(lines: bytes) -> bytes:
    return lines if lines.endswith(b"\n") else lines + b"\n"
