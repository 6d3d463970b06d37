"""One client's connection: reads its requests within their limits and writes the answers.

Header, body and answer each have a limit for the whole of it, not for each read, so that a client that sends one byte a
second is cut off all the same.
"""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.server.message import Refused, chunk_length, head_of, parse_head

if TYPE_CHECKING:
    import ssl

    from stoker.server.message import Head, Request, Response

_READ = 65536
_END = b"\r\n\r\n"
_LINGER_SIZE = 2**24
_CHUNKS = 16384
"""Pieces in which a body may come."""
_CHUNK_LINE = 256


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the server; times in seconds, sizes in bytes.

    Attributes:
        slow_time: after this long, a client that still takes its answer gives way to a new one.
    """

    header_time: float = 5.0
    body_time: float = 10.0
    idle_time: float = 120.0
    write_time: float = 30.0
    slow_time: float = 2.0
    linger_time: float = 1.0
    header_size: int = 16384
    body_size: int = 8 * 2**20
    connections: int = 64
    requests: int = 40


class Connection:
    """A connected socket and what was read from it beyond the last request."""

    def __init__(self, connected: socket.socket, limits: Limits) -> None:
        self._socket = connected
        self._limits = limits
        self._rest = bytearray()
        self._fresh = True

    def secure(self, context: ssl.SSLContext) -> None:
        """Shake hands for TLS.

        Raises:
            OSError: when the client does not, within the time for a header.
        """
        self._socket.settimeout(self._limits.header_time)
        self._socket = context.wrap_socket(self._socket, server_side=True)

    def read_head(self) -> Head | None:
        """Wait for a request and read its head; None when the client has closed before one began.

        Raises:
            Refused: when what came is no request; the connection is to be closed then.
            OSError: when none begins in time, or the client is gone. One who has just connected came to ask; only who was
                served may rest.
        """
        if not self._rest:
            self._socket.settimeout(self._limits.header_time if self._fresh else self._limits.idle_time)
            self._rest += self._socket.recv(_READ)
            if not self._rest:
                return None
        self._fresh = False
        return parse_head(self._until_empty_line(time.monotonic() + self._limits.header_time))

    def read_body(self, head: Head, most: int | None = None) -> Request:
        """The request of this head, with its body.

        Args:
            head: read before.
            most: bytes of a body, where the limits' are not meant.

        Raises:
            Refused: when it cannot be served; the connection is to be closed then.
            OSError: when the client is gone.
        """
        most = self._limits.body_size if most is None else most
        chunked = head.chunked
        length = 1 if chunked else head.body_length(most)
        if length > len(self._rest) and head.headers.get("expect", "").lower() == "100-continue":
            self._socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        until = time.monotonic() + self._limits.body_time
        return head.request(self._chunks(most, until) if chunked else self._take(length, until))

    def _take(self, length: int, until: float) -> bytes:
        while len(self._rest) < length:
            self._more(until)
        data = bytes(self._rest[:length])
        del self._rest[:length]
        return data

    def _chunks(self, most: int, until: float) -> bytes:
        body = bytearray()
        for _ in range(_CHUNKS):
            length = chunk_length(self._line(until))
            if length > most - len(body):
                break
            if not length:
                while self._line(until):  # headers behind the body say nothing that is asked for
                    pass
                return bytes(body)
            body += self._take(length, until)
            if self._line(until):
                raise Refused(400, "a chunk that is longer than it says")
        raise Refused(413)

    def _line(self, until: float) -> bytes:
        """What stands before the next line end, which is taken, too."""
        while (end := self._rest.find(b"\r\n", 0, _CHUNK_LINE)) < 0:
            if len(self._rest) >= _CHUNK_LINE:
                raise Refused(400, "a chunk without its length")
            self._more(until)
        line = self._take(end, until)
        del self._rest[:2]
        return line

    def _until_empty_line(self, until: float) -> bytes:
        searched = 0
        while (end := self._rest.find(_END, max(0, searched - 3))) < 0:
            searched = len(self._rest)
            if searched > self._limits.header_size:
                raise Refused(431)
            if self._rest[:1] == b"\x16":
                raise Refused(400, "this is http, not https")
            self._more(until)
        if end > self._limits.header_size:
            raise Refused(431)
        head = bytes(self._rest[:end])
        del self._rest[: end + len(_END)]
        return head.removeprefix(b"\r\n")  # some clients end a body with an empty line that is not part of it

    def _more(self, until: float) -> None:
        left = until - time.monotonic()
        if left <= 0:
            raise Refused(408)
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(_READ)
        except TimeoutError as error:
            raise Refused(408) from error
        if not data:
            raise ConnectionError("closed in the middle of a request")
        self._rest += data

    def write(self, response: Response, *, close: bool, head_only: bool = False) -> None:
        """Send an answer.

        Raises:
            OSError: when the client is gone or does not take it in time.
        """
        self._socket.settimeout(self._limits.write_time)
        head = head_of(response, close=close)
        self._socket.sendall(head if head_only else head + response.body)

    def linger(self) -> None:
        """Take what a refused client still sends, for a moment, so that it gets to read why."""
        until = time.monotonic() + self._limits.linger_time
        taken = 0
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_WR)
            while taken < _LINGER_SIZE and (left := until - time.monotonic()) > 0:
                self._socket.settimeout(left)
                data = self._socket.recv(_READ)
                if not data:
                    return
                taken += len(data)

    def abort(self) -> None:
        """End it from another thread: whoever reads or writes it gets an error or the end."""
        with contextlib.suppress(OSError):
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not TLS's own, which changes the object

    def close(self) -> None:
        """Give the socket back."""
        with contextlib.suppress(OSError):
            self._socket.close()
