"""What the body of a push says: plain lines, or JSON objects, one behind the other or in an array.

A JSON object stays a line of JSON, as in a file: its message is read by whoever reads JSON lines. Here only its time and its stream are
looked for.
"""

from __future__ import annotations

import json
import re
import zlib
from typing import TYPE_CHECKING, Any

from stoker.logs.streams import same_second
from stoker.logs.times import AHEAD, line_time
from stoker.sources.inbox import Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# application/json, application/x-ndjson, application/jsonl, application/cloudevents+json
_JSON = re.compile(r"(?:application|text)/(?:[\w.-]+\+|x-)?(?:nd)?json(?:-lines|l)?\Z")
# text/plain, and what curl and libraries say when they were told nothing
_LINES = re.compile(r"(?:text/.*|application/(?:x-www-form-urlencoded|octet-stream))?\Z")
_SPACE = re.compile(r"[ \t\r\n]*")
_read = json.JSONDecoder(strict=False).raw_decode  # a tab in a text costs nobody the whole body
_TIMES = ("@timestamp", "timestamp", "time", "date", "ts")
_HOSTS = ("host", "hostname", "host.name", "host.hostname", "agent.hostname", "kubernetes.host")
"""Where Fluentd, Vector, Logstash, Beats and Fluent Bit's Kubernetes filter say it."""
_MILLISECONDS = 1e11
"""A number above this counts milliseconds: it would be the year 5138 otherwise."""
_GZIP = 31
_FIRST = 1024
_NEXT = 65536
"""Bytes that are given to be unpacked at once: what is left of them is copied, for each of maybe very many small members."""
_NAME = 1024


class UnreadableError(ValueError):
    """The body is not what its headers say."""


class UnknownTypeError(ValueError):
    """The body is of a type that is not read."""


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
    found, at, packed = bytearray(), 0, memoryview(body)
    try:
        while at < len(body):
            member, size = zlib.decompressobj(wbits=_GZIP), _FIRST
            while not member.eof:
                piece = packed[at : at + size]
                if not piece:
                    raise UnreadableError("the gzip data ends too early")
                found += member.decompress(piece, most + 1 - len(found))
                if len(found) > most:
                    raise TooLargeError(f"more than {most} bytes when unpacked")
                at += len(piece) - len(member.unused_data)
                size = _NEXT
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
        UnknownTypeError: for another type than text and JSON.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if _JSON.match(kind):
        return list(_joined(_record(*each, stream, field, now) for each in _values(body)))
    if _LINES.match(kind):
        return [Record(stream, _ended(body), None)] if body.strip() else []
    raise UnknownTypeError(f"the type {kind} is not read; send application/json, application/x-ndjson or text/plain")


def _values(body: bytes) -> Iterator[tuple[object, str]]:
    """The values of a body, each with its text: one, or several with or without space or line ends between them.

    Of an array its elements, without a text. Bytes that are no UTF-8 stop nothing.
    """
    text = body.decode("utf-8-sig", "replace")
    at = _space(text, 0)
    while at < len(text):
        try:
            value, end = _read(text, at)
        except (ValueError, RecursionError) as error:  # the first says line and column
            raise UnreadableError(f"this is no JSON: {error}") from error
        if isinstance(value, list):
            yield from ((each, "") for each in value)
        else:
            yield value, text[at:end]
        at = _space(text, end)


def _space(text: str, at: int) -> int:
    """Where the space that begins here ends."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _record(value: object, text: str, stream: str, field: str, now: float) -> Record:
    said = value if isinstance(value, dict) else {}
    if isinstance(value, str):
        lines = value
    elif text and "\n" not in text and "\r" not in text:
        lines = text
    else:
        lines = json.dumps(value, ensure_ascii=False)
    name = _named(said, field) if field else ""
    return Record(name or stream, _ended(lines.encode("utf-8", "replace")), _when(said, now), _host(said))


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
