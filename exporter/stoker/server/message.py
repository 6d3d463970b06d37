"""What goes over HTTP as values: a request as it was understood, a response, and why a request is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
# HTTP/1.1
_VERSION = re.compile(r"HTTP/1\.[01]\Z")
_LENGTH = re.compile(r"[0-9]{1,18}\Z")
# 1a2b;name=value
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\Z")
_KEPT = 16
"""Different requests that are remembered with what they mean: who scrapes asks the same again and again."""
_ONCE = frozenset({"content-length", "host"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asked.

    Attributes:
        method: GET, POST, …; HEAD arrives as GET.
        path: decoded, without the query.
        query: parameters, each with all its values.
        headers: names in lower case.
        body: empty where there was none.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """What it gets."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """A path and the methods that it answers; the path is also the label `handler` of the counter.

    A path that ends in `/*` takes everything below it.

    Attributes:
        admit: asked before the body is read, with a request that has none: bytes that it may have. It may raise Refused.
    """

    path: str
    methods: Mapping[str, Callable[[Request], Response]]
    admit: Callable[[Request], int] | None = None

    def fits(self, path: str) -> bool:
        """Whether it answers for `path`."""
        if self.path.endswith("/*"):
            return path.startswith(self.path[:-1]) and len(path) > len(self.path) - 1
        return path == self.path


class Refused(Exception):  # noqa: N818 - no failure of ours: a status for the client
    """The request cannot be served; carries the status, and headers for who asked."""

    def __init__(self, status: int, says: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(says or HTTPStatus(status).phrase)
        self.status = status
        self.headers = headers or {}

    def response(self) -> Response:
        """As an answer."""
        return Response(self.status, f"{self}\n".encode(), headers=self.headers)


class Head(NamedTuple):
    """A request's first line and its headers."""

    method: str
    target: str
    headers: Mapping[str, str]
    close: bool

    @property
    def chunked(self) -> bool:
        """Whether the body comes in chunks, each with its length.

        Raises:
            Refused: for another way of sending it.
        """
        encoding = self.headers.get("transfer-encoding", "chunked").lower()
        if encoding != "chunked":
            raise Refused(501, f"bodies as {encoding} are not read; send them chunked, or with a length")
        return "transfer-encoding" in self.headers

    def body_length(self, most: int) -> int:
        """Bytes of a body that is not chunked.

        Raises:
            Refused: for a length that is no number or is above `most`.
        """
        text = self.headers.get("content-length", "0")
        if not _LENGTH.match(text):
            raise Refused(400, "a length that is no number")
        if int(text) > most:
            raise Refused(413)
        return int(text)

    def request(self, body: bytes) -> Request:
        """The whole request.

        Raises:
            Refused: when the target is no path.
        """
        try:
            path, query = _parts(self.target)
        except ValueError as error:
            raise Refused(400, "a target that is no path") from error
        method = "GET" if self.method == "HEAD" else self.method
        return Request(method, path, query, self.headers, body)


@lru_cache(maxsize=_KEPT)
def _parts(target: str) -> tuple[str, Mapping[str, list[str]]]:
    parts = urlsplit(target)
    return unquote(parts.path), parse_qs(parts.query, max_num_fields=100)


@lru_cache(maxsize=_KEPT)
def parse_head(data: bytes) -> Head:
    """Understand everything before the empty line.

    Raises:
        Refused: with 400 (505 for another version) when it is no request.
    """
    first, *lines = data.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not _TOKEN.match(words[0]) or not words[2].startswith("HTTP/"):  # noqa: PLR2004 - method, target, version
        raise Refused(400, "this is no HTTP/1.1 request")
    if not _VERSION.match(words[2]):
        raise Refused(505)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        value = value.strip(" \t")
        # a lone line feed would end the header for some proxies and not for us
        if not colon or not _TOKEN.match(name) or "\n" in value or "\r" in value or "\0" in value:
            raise Refused(400, "a header that is none")
        key = name.lower()
        if key in headers and key in _ONCE:
            if headers[key] != value:
                raise Refused(400, f"two headers {key}")
        else:
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    if "transfer-encoding" in headers and ("content-length" in headers or words[2] == "HTTP/1.0"):
        raise Refused(
            400, "a body in chunks has no length, and comes with HTTP/1.1"
        )  # proxies differ in what they believe
    options = {option.strip() for option in headers.get("connection", "").lower().split(",")}
    return Head(words[0], words[1], headers, words[2] == "HTTP/1.0" or "close" in options)


def chunk_length(line: bytes) -> int:
    """What the line in front of a chunk says; 0 for the last one.

    Raises:
        Refused: when it is no such line.
    """
    match = _CHUNK.match(line)
    if match is None:
        raise Refused(400, "a chunk without its length")
    return int(match[1], 16)


def head_of(response: Response, *, close: bool) -> bytes:
    """A response's first line and headers, up to its body."""
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {len(response.body)}",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers.items()),
        *(["Connection: close"] if close else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def from_another_site(request: Request) -> bool:
    """A page of another origin makes a browser send these headers; no other client does."""
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != request.headers.get("host", "")
