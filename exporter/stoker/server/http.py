"""A small HTTP/1.1 server for a handful of clients, made so that none of them can hurt it.

One thread a connection, a bounded number of them. When all are taken, a new client takes the place of the one that has been
silent, or slow to say what it wants, or slow to take its answer, for longest; when all are being answered, it is told to come
later.
"""

from __future__ import annotations

import errno
import logging
import resource
import socket
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stoker.errors import UsageError
from stoker.metrics import Sample, own
from stoker.server.connection import Connection, Limits
from stoker.server.message import Refused, Response

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

    from stoker.server.message import Head, Request, Route

log = logging.getLogger(__name__)

_OTHER = "other"
_LAST_PORT = 65535
_RIGHT = {
    errno.EADDRINUSE: "stop what uses it or choose another address with --listen",
    errno.EACCES: "ports below 1024 are for root; choose another one with --listen",
}
"""What would be right, by the error of the system."""


class Server:
    """Listens, reads requests, calls handlers.

    Args:
        listen: `host:port`; a host in brackets is IPv6.
        routes: what is answered; the first that fits.
        limits: see Limits.
        authorize: None lets everybody in; else it returns a Response for those who may not.
        tls: a context, for https.
    """

    def __init__(
        self,
        listen: str,
        routes: Sequence[Route],
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
        self._most = min(self._limits.connections, _descriptors() // 4)
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._open: set[Connection] = set()
        # those that may give way and since when: they wait for a request, send its body, take its answer; oldest first
        self._waiting: dict[Connection, float] = {}
        self._reading: dict[Connection, float] = {}
        self._writing: dict[Connection, float] = {}
        self._busy = 0
        self._stopping = False
        self._failed: set[tuple[str, type[Exception]]] = set()
        self._counts: dict[tuple[str, str], int] = {(route.path, "200"): 0 for route in routes}

    def start(self) -> None:
        """Bind and answer in the background.

        Raises:
            UsageError: when the address is taken, not ours or none, in one line.
        """
        self._socket = _listening(self._listen)
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True, name="http").start()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    @property
    def address(self) -> str:
        """What is listened on, with the port in the place of 0."""
        return f"{self._listen.rpartition(':')[0]}:{self.port}"

    def stop(self) -> None:
        """Close everything, at once."""
        self._stopping = True
        if self._socket is not None:
            Connection(self._socket, self._limits).abort()
            self._socket.close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            connection.abort()

    def samples(self) -> list[Sample]:
        """How often each handler answered with which code."""
        with self._lock:
            return [Sample(own.HTTP_REQUESTS, labels, count) for labels, count in sorted(self._counts.items())]

    def _accept(self, server: socket.socket) -> None:
        while not self._stopping:
            try:
                accepted, _ = server.accept()
            except OSError:
                if self._stopping:
                    return
                with self._lock:
                    self._make_room()  # out of file descriptors
                time.sleep(0.01)
                continue
            connection = Connection(accepted, self._limits)
            if not self._admit(connection):
                self._send_away(connection)
                continue
            try:
                threading.Thread(target=self._serve, args=(connection,), daemon=True, name="http-client").start()
            except RuntimeError:  # out of threads: they come back
                self._forget(connection)
                self._send_away(connection)

    def _admit(self, connection: Connection) -> bool:
        with self._lock:
            if len(self._open) >= self._most and not self._make_room():
                return False
            self._open.add(connection)
            return True

    def _make_room(self) -> bool:
        """End the one that has been silent or slow for longest, under the lock; whether there was one."""
        now = time.monotonic()
        for queue, least in ((self._waiting, 0.0), (self._reading, 0.0), (self._writing, self._limits.slow_time)):
            connection = next(iter(queue), None)
            if connection is not None and now - queue[connection] >= least:
                del queue[connection]
                self._open.discard(connection)
                connection.abort()
                return True
        return False

    def _send_away(self, connection: Connection) -> None:
        """Tell it to come later; so few bytes never make the accepting thread wait."""
        self._count(_OTHER, 503)
        if self._tls is None:
            try:
                connection.write(Response(503, b"too many connections\n"), close=True)
            except OSError as error:
                log.debug("client was not told to come later: %s", error)
        connection.close()

    def _serve(self, connection: Connection) -> None:
        try:
            if self._tls is not None:
                connection.secure(self._tls)
            while not self._stopping and self._one(connection):
                pass
        except OSError as error:
            log.debug("client is gone: %s", error)  # or it rested for too long, or never spoke TLS
        finally:
            self._forget(connection)
            connection.close()

    def _forget(self, connection: Connection) -> None:
        with self._lock:
            self._open.discard(connection)
            self._waiting.pop(connection, None)

    def _one(self, connection: Connection) -> bool:
        """Read and answer one request; whether the connection stays open."""
        handler = _OTHER
        try:
            with self._giving_way(connection, self._waiting):
                head = connection.read_head()
            if head is None:
                return False
            most = None
            if (route := self._admitting(head)) is not None and route.admit is not None:
                handler = route.path
                most = route.admit(head.request(b""))
            with self._giving_way(connection, self._reading):
                request = connection.read_body(head, most)
        except Refused as refused:
            self._count(handler, refused.status)
            connection.write(refused.response(), close=True)
            connection.linger()
            return False
        handler, response = self._answer(request)
        self._count(handler, response.status)
        with self._giving_way(connection, self._writing):
            connection.write(response, close=head.close, head_only=head.method == "HEAD")
        return not head.close

    def _admitting(self, head: Head) -> Route | None:
        """The route that wants to be asked before a body is read."""
        asked = [route for route in self._routes if route.admit is not None]
        path = head.request(b"").path if asked else ""
        return next((route for route in asked if route.fits(path)), None)

    @contextmanager
    def _giving_way(self, connection: Connection, queue: dict[Connection, float]) -> Iterator[None]:
        with self._lock:
            if connection in self._open:  # else it has just lost its place
                queue[connection] = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                queue.pop(connection, None)

    def _answer(self, request: Request) -> tuple[str, Response]:
        route = next((each for each in self._routes if each.fits(request.path)), None)
        handler = _OTHER if route is None else route.path
        with self._lock:
            if self._busy >= self._limits.requests:
                return handler, Response(503, b"too many requests under way\n")
            self._busy += 1
        try:
            if self._authorize is not None and (refusal := self._authorize(request)) is not None:
                return handler, refusal
            return handler, _handled(route, request)
        except Refused as refused:
            return handler, refused.response()
        except Exception as error:
            with self._lock:
                known = (handler, type(error)) in self._failed
                self._failed.add((handler, type(error)))
            if not known:  # the counter says how often
                log.exception("handler=%s failed by a bug of ours", handler)
            return handler, Response(500, b"an error of ours; see the log\n")
        finally:
            with self._lock:
                self._busy -= 1

    def _count(self, handler: str, status: int) -> None:
        with self._lock:
            key = (handler, str(status))
            self._counts[key] = self._counts.get(key, 0) + 1


def _descriptors() -> int:
    """How many files the process may have open; most of them are for what it measures and follows."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else max(4, soft)


def _handled(route: Route | None, request: Request) -> Response:
    if route is None:
        return Response(404, b"not found; see /\n")
    handle = route.methods.get(request.method)
    if handle is None:
        allowed = ", ".join([*route.methods, *(["HEAD"] if "GET" in route.methods else [])])
        return Response(405, f"allowed: {allowed}\n".encode(), headers={"Allow": allowed})
    return handle(request)


def _listening(listen: str) -> socket.socket:
    host, _, digits = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not (digits.isascii() and digits.isdigit()) or int(digits) > _LAST_PORT:
        raise UsageError(f"{listen} is no address to listen on; write host:port, as 127.0.0.1:9838")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        server = socket.socket(family, socket.SOCK_STREAM)
        try:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, int(digits)))
            server.listen(128)
        except OSError:
            server.close()
            raise
    except OSError as error:
        right = _RIGHT.get(error.errno or 0, "write an address of this machine, as 127.0.0.1:9838 or [::1]:9838")
        raise UsageError(f"cannot listen on {listen}: {error.strerror}; {right}") from error
    except UnicodeError as error:  # no name at all for the resolver's encoding
        raise UsageError(f"cannot listen on {listen}: no such host; write host:port, as 127.0.0.1:9838") from error
    return server
