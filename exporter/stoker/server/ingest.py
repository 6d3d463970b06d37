"""`POST /ingest/<source>`: takes the lines that Fluentd, Fluent Bit, Logstash, Vector and their like push.

A push is answered with 200 once its lines are counted and saved. Until then whoever sent it has to keep it: with the same
`Idempotency-Key` it may be sent again and counts once.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from stoker.errors import SourceError
from stoker.logs.ingest_body import TooLargeError, UnknownTypeError, UnreadableError, records_of, unpacked
from stoker.server.message import Refused, Response, Route, from_another_site
from stoker.sources.inbox import Delivery, End

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.config.settings import IngestSettings
    from stoker.server.message import Request
    from stoker.sources.inbox import Inbox, Record

PREFIX = "/ingest/"
_AT_ONCE = 24
"""Pushes under way at once, fewer than the server's requests: those that wait to be saved must not keep scrapes out."""
_PATIENCE = 25.0
"""Seconds that a push waits to be saved; senders give up after 30 or more."""
_LATER = {"Retry-After": "1"}
_LONGEST = 1024
"""Characters of a stream's name, which may be a path, and of a key."""
_UNPACKING = threading.Lock()
"""A small body may become large when it is unpacked: one at a time."""
_SOONER_OR_LATER = "come back in a second"


class Door(Protocol):
    """A source that is pushed to."""

    inbox: Inbox
    settings: IngestSettings
    body_size: int

    def admits(self, token: str) -> bool:
        """Whether who shows this token may push."""


def ingest(door: Callable[[str], Door | None], clock: Callable[[], float] = time.time) -> Route:
    """The route.

    Args:
        door: the source of a name, None when no source of that name is pushed to.
        clock: seconds since the epoch.
    """
    room = threading.Semaphore(_AT_ONCE)

    def found(request: Request) -> Door:
        source = door(request.path.removeprefix(PREFIX))
        if source is None:
            raise Refused(404, "no source of that name has `ingest`; see /")
        return source

    def admit(request: Request) -> int:
        source = found(request)
        if from_another_site(request):
            raise Refused(403, "refused: the request comes from another site")
        _let_in(source, request.headers)
        if request.method == "POST" and not {"content-length", "transfer-encoding"} & set(request.headers):
            raise Refused(411, "send a Content-Length")
        if source.inbox.full:
            raise Refused(429, f"too many lines wait to be read; {_SOONER_OR_LATER}", _LATER)
        return source.body_size

    def take(request: Request) -> Response:
        if not room.acquire(blocking=False):
            return Response(429, f"too many pushes under way; {_SOONER_OR_LATER}\n".encode(), headers=_LATER)
        try:
            return _taken(found(request), request, clock())
        finally:
            room.release()

    return Route(f"{PREFIX}*", {"POST": take}, admit)


def _let_in(source: Door, headers: Mapping[str, str]) -> None:
    """Refuse who has not the source's token; before the body is read.

    Raises:
        Refused: with 401, or 503 when the token's file cannot be read.
    """
    kind, _, rest = headers.get("authorization", "").partition(" ")
    token = rest.strip() if kind.lower() == "bearer" else ""
    try:
        admitted = source.admits(token)
    except SourceError as error:
        raise Refused(503, "the token of this source cannot be read; see the log", _LATER) from error
    if not admitted:
        says = "this is not the token of the source" if token else "send the token as `Authorization: Bearer TOKEN`"
        raise Refused(401, says, {"WWW-Authenticate": "Bearer"})


def _taken(source: Door, request: Request, now: float) -> Response:
    headers = request.headers
    stream = (request.query.get("stream") or [_utf8(headers.get("x-stoker-stream", ""))])[0]
    key = headers.get("idempotency-key", "")
    if len(stream) > _LONGEST or len(key) > _LONGEST or not stream.isprintable():
        says = f"a stream and an Idempotency-Key have at most {_LONGEST} printable characters"
        return Response(400, f"{says}\n".encode())
    try:
        with _UNPACKING:
            records = _records(source, request, stream, now)
    except TooLargeError as error:
        return Response(413, f"{error}\n".encode())
    except UnknownTypeError as error:
        return Response(415, f"{error}\n".encode())
    except UnreadableError as error:
        return Response(400, f"{error}\n".encode())
    delivery = Delivery(records, f"{stream}\0{key}" if key else "")
    if not source.inbox.put(delivery):
        return Response(429, f"too many lines wait to be read; {_SOONER_OR_LATER}\n".encode(), headers=_LATER)
    end = delivery.wait(_PATIENCE)
    if end is None and source.inbox.withdraw(delivery):
        end = End.REFUSED
    if end is End.SAVED:
        return Response(200, b"saved\n")
    if end is End.REPEATED:
        return Response(200, b"saved before\n")
    return Response(503, f"not saved; {_SOONER_OR_LATER}\n".encode(), headers=_LATER)


def _utf8(value: str) -> str:
    """A header's text: headers are read as Latin-1, and senders write names of files and tags in UTF-8."""
    return value.encode("latin-1").decode("utf-8", "replace")


def _records(source: Door, request: Request, stream: str, now: float) -> list[Record]:
    headers = request.headers
    body = unpacked(request.body, headers.get("content-encoding", "").strip().lower(), source.body_size)
    return records_of(body, headers.get("content-type", ""), stream, str(source.settings.stream_field or ""), now)
