"""A small HTTP/1.1 server for a handful of clients, made so that none of them can hurt it.

One thread a connection, a bounded number of them. Header, body and idle time each have a total limit, not a limit for each
read, so that a client that sends one byte a second is cut off all the same. What does not fit gets its status and is closed.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from stoker.errors import UsageError
from stoker.metrics import Sample, own

if TYPE_CHECKING:
    import ssl

log = logging.getLogger(__name__)


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
class Limits:
    """Bounds of the server; times in seconds, sizes in bytes."""

    header_time: float = 5.0
    body_time: float = 10.0
    idle_time: float = 120.0
    write_time: float = 30.0
    header_size: int = 16384
    body_size: int = 8 * 2**20
    connections: int = 64
    requests: int = 40


class Refused(Exception):  # noqa: N818 - no failure of ours: a status for the client
    """The request cannot be served; carries the status."""

    def __init__(self, status: int, says: str = "") -> None:
        super().__init__(says or HTTPStatus(status).phrase)
        self.status = status


@dataclass(frozen=True, slots=True)
class Route:
    """A path and the methods that it answers; `handler` is the label of the counter."""

    path: str
    methods: Mapping[str, Callable[[Request], Response]]


class Server:
    """Listens, reads requests, calls handlers.

    Args:
        listen: `host:port`; a host in brackets is IPv6.
        routes: what is answered. A path that ends in `/*` takes everything below it.
        limits: see Limits.
        authorize: None lets everybody in; else it returns a Response for those who may not.
        tls: a context, for https.
    """

    def __init__(
        self,
        listen: str,
        routes: list[Route],
        *,
        limits: Limits | None = None,
        authorize: Callable[[Request], Response | None] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listen = listen
        self._routes = routes
        self._limits = limits or Limits()
        self._authorize = authorize
        self._tls = tls
        self._socket: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._busy = 0
        self._stopping = False
        self._counts: dict[tuple[str, str], int] = {(route.path, "200"): 0 for route in routes}

    def start(self) -> None:
        """Bind and answer in the background.

        Raises:
            UsageError: when the address is taken or not ours, in one line.
        """
        host, _, port = self._listen.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, int(port)))
        except OSError as error:
            server.close()
            right = "stop what uses it or choose another address with --listen"
            raise UsageError(f"cannot listen on {self._listen}: {error.strerror}; {right}") from error
        server.listen(128)
        self._socket = server
        threading.Thread(target=self._accept, args=(server,), daemon=True, name="http").start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    def stop(self) -> None:
        """Close everything, at once."""
        self._stopping = True
        with self._lock:
            sockets = [*self._open, *([self._socket] if self._socket else [])]
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def samples(self) -> list[Sample]:
        """How often each handler answered with which code."""
        with self._lock:
            return [Sample(own.HTTP_REQUESTS, labels, count) for labels, count in sorted(self._counts.items())]

    def _accept(self, server: socket.socket) -> None:
        while not self._stopping:
            try:
                connection, _ = server.accept()
            except OSError:
                if self._stopping:
                    return
                time.sleep(0.05)  # out of file descriptors: they come back
                continue
            with self._lock:
                full = len(self._open) >= self._limits.connections
                if not full:
                    self._open.add(connection)
            if full:
                self._count("other", 503)
                with contextlib.suppress(OSError):
                    connection.settimeout(0.5)
                    connection.sendall(_head(Response(503), close=True, length=0))
                connection.close()
                continue
            threading.Thread(target=self._serve, args=(connection,), daemon=True, name="http-client").start()

    def _serve(self, connection: socket.socket) -> None:
        raw = connection
        try:
            if self._tls is not None:
                connection.settimeout(self._limits.header_time)
                connection = self._tls.wrap_socket(connection, server_side=True)
            buffer = b""
            while not self._stopping:
                buffer, again = self._one(connection, buffer)
                if not again:
                    break
        except (OSError, ValueError):
            pass  # the client went away, or never spoke TLS
        finally:
            with self._lock:
                self._open.discard(raw)
            with contextlib.suppress(OSError):
                connection.close()

    def _one(self, connection: socket.socket, buffer: bytes) -> tuple[bytes, bool]:
        """Read and answer one request; what was read beyond it, and whether the connection stays open."""
        handler = "other"
        head_only = False
        try:
            request, buffer, close, head_only = self._read(connection, buffer)
            if request is None:
                return b"", False
            handler, response = self._answer(request)
        except Refused as refused:
            response, close = Response(refused.status, f"{refused}\n".encode()), True
        self._count(handler, response.status)
        connection.settimeout(self._limits.write_time)
        head = _head(response, close=close, length=len(response.body))
        connection.sendall(head if head_only else head + response.body)
        return buffer, not close

    def _read(self, connection: socket.socket, buffer: bytes) -> tuple[Request | None, bytes, bool, bool]:
        limits = self._limits
        if not buffer:
            connection.settimeout(limits.idle_time)
            buffer = connection.recv(65536)
            if not buffer:
                return None, b"", True, False
        until = time.monotonic() + limits.header_time
        while b"\r\n\r\n" not in buffer:
            if len(buffer) > limits.header_size:
                raise Refused(431)
            buffer += self._more(connection, until)
        head, _, rest = buffer.partition(b"\r\n\r\n")
        if len(head) > limits.header_size:
            raise Refused(431)
        method, target, version, headers = _parse_head(head)
        length = _length(headers, limits.body_size)
        until = time.monotonic() + limits.body_time
        while len(rest) < length:
            rest += self._more(connection, until)
        body, rest = rest[:length], rest[length:]
        parts = urlsplit(target)
        close = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
        request = Request(
            "GET" if method == "HEAD" else method, unquote(parts.path), parse_qs(parts.query), headers, body
        )
        return request, rest, close, method == "HEAD"

    def _more(self, connection: socket.socket, until: float) -> bytes:
        left = until - time.monotonic()
        if left <= 0:
            raise Refused(408)
        connection.settimeout(left)
        try:
            data = connection.recv(65536)
        except TimeoutError as error:
            raise Refused(408) from error
        if not data:
            raise OSError("closed in the middle of a request")
        return data

    def _answer(self, request: Request) -> tuple[str, Response]:
        route = next((each for each in self._routes if _fits(each.path, request.path)), None)
        if route is None:
            return "other", Response(404, b"not found; see /\n")
        if self._authorize is not None and (refusal := self._authorize(request)) is not None:
            return route.path, refusal
        handle = route.methods.get(request.method)
        if handle is None:
            allowed = ", ".join(route.methods)
            return route.path, Response(405, f"allowed: {allowed}\n".encode(), headers={"Allow": allowed})
        with self._lock:
            if self._busy >= self._limits.requests:
                return route.path, Response(503, b"too many requests under way\n")
            self._busy += 1
        try:
            return route.path, handle(request)
        except Refused as refused:
            return route.path, Response(refused.status, f"{refused}\n".encode())
        except Exception:
            log.exception("handler=%s failed", route.path)
            return route.path, Response(500, b"an error of ours; see the log\n")
        finally:
            with self._lock:
                self._busy -= 1

    def _count(self, handler: str, status: int) -> None:
        with self._lock:
            key = (handler, str(status))
            self._counts[key] = self._counts.get(key, 0) + 1


def _fits(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) and len(path) > len(pattern) - 1 if pattern.endswith("/*") else path == pattern


def _parse_head(head: bytes) -> tuple[str, str, str, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        raise Refused(400, "this is no HTTP/1.1 request")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Refused(400, "a header without a name")
        key = name.lower()
        if key == "content-length" and headers.get(key, value.strip()) != value.strip():
            raise Refused(400, "two lengths")
        headers[key] = (
            f"{headers[key]}, {value.strip()}" if key in headers and key != "content-length" else value.strip()
        )
    return words[0], words[1], words[2], headers


def _length(headers: Mapping[str, str], most: int) -> int:
    if "transfer-encoding" in headers:
        raise Refused(501, "chunked bodies are not read; send a length")
    text = headers.get("content-length", "0")
    if not text.isdigit():
        raise Refused(400, "a length that is no number")
    if int(text) > most:
        raise Refused(413)
    return int(text)


def _head(response: Response, *, close: bool, length: int) -> bytes:
    lines = [
        f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}",
        f"Content-Type: {response.content_type}",
        f"Content-Length: {length}",
        "X-Content-Type-Options: nosniff",
        *(f"{name}: {value}" for name, value in response.headers.items()),
        *(["Connection: close"] if close else []),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
