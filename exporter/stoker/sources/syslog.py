"""Listens for syslog over UDP or TCP, in a thread of its own, so that what comes between two turns of the reader is not lost.

All that senders may do is bounded: connections, bytes of a message, bytes that wait to be read. When these are too many, a TCP sender
has to wait; a datagram is lost and counted, whether we or the kernel had no room for it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import socket
import struct
import threading
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Literal, NamedTuple

from stoker.errors import UnavailableError
from stoker.sources.syslog_message import Frames

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

CONNECTIONS = 128
"""TCP senders at once; one more takes the place of the one that was silent for longest."""
_BLOCK = 65536
_DATAGRAMS = 256
_OVERHEAD = 200
_RECEIVE_BUFFER = 8 * 2**20
_SO_RXQ_OVFL = 40
"""Linux: with each datagram comes how many were dropped before it for want of room."""


class Received(NamedTuple):
    """A message as it came, and the address that sent it."""

    data: bytes
    sender: str


class _Connection:
    """A TCP sender."""

    def __init__(self, connected: socket.socket, sender: str, most: int) -> None:
        self.socket = connected
        self.sender = sender
        self.frames = Frames(most)
        self.heard = time.monotonic()


class Receiver:
    """See the module.

    Args:
        listen: `host:port`; a host in brackets is IPv6.
        protocol: which of both.
        queue: bytes that may wait to be read.
        longest: bytes of a message; longer ones are cut.
        wake: called when much is waiting.
    """

    def __init__(
        self, listen: str, protocol: Literal["udp", "tcp"], *, queue: int, longest: int, wake: Callable[[], None]
    ) -> None:
        self._listen = listen
        self._protocol = protocol
        self._most = queue
        self._longest = longest
        self._wake = wake
        self._lock = threading.Lock()
        self._waiting: deque[Received] = deque()
        self._size = 0
        self._lost: Counter[str] = Counter()
        self._overflowed = 0
        self._connections: dict[socket.socket, _Connection] = {}
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._signal = -1
        self._ended = threading.Event()

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._socket is not None
        return int(self._socket.getsockname()[1])

    @property
    def size(self) -> int:
        """Bytes that wait to be read."""
        return self._size

    def open(self) -> None:
        """Listen, unless that is done already.

        Raises:
            UnavailableError: when the address is taken, not ours or none; the next call tries again.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        self.close()
        self._socket = _listening(self._listen, self._protocol)
        heard, self._signal = os.pipe()
        self._ended.clear()
        self._overflowed = 0
        self._thread = threading.Thread(target=self._run, args=(self._socket, heard), name="syslog", daemon=True)
        self._thread.start()

    def take(self, most: int) -> list[Received]:
        """The oldest messages that wait, until they have `most` bytes."""
        found, size = [], 0
        with self._lock:
            full = self._full
            while self._waiting and size < most:
                found.append(self._waiting.popleft())
                size += _weight(found[-1])
            self._size -= size
        if full:
            self._tell()
        return found

    def lost(self) -> Counter[str]:
        """What was lost since the last call, by reason."""
        with self._lock:
            lost, self._lost = self._lost, Counter()
        return lost

    def close(self) -> None:
        """Listen no more; what came can still be taken."""
        self._ended.set()
        if self._thread is not None:
            self._tell()
            self._thread.join(1.0)
            self._thread = None
            os.close(self._signal)

    def _tell(self) -> None:
        """Let the thread look up from its waiting."""
        with contextlib.suppress(OSError):
            os.write(self._signal, b".")

    def _run(self, listening: socket.socket, signal: int) -> None:
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(signal, selectors.EVENT_READ)
                selector.register(listening, selectors.EVENT_READ)
                paused = False
                while not self._ended.is_set():
                    # TCP senders wait when there is no room; datagrams are taken and counted
                    if self._protocol == "tcp" and paused is not self._full:
                        paused = not paused
                        for each in (listening, *self._connections):
                            (selector.unregister if paused else _register(selector))(each)
                    for key, _ in selector.select():
                        self._event(selector, listening, signal, key.fileobj)
        except Exception:
            log.exception("syslog is not received any more listen=%s", self._listen)
        finally:
            for connection in list(self._connections.values()):
                connection.socket.close()
            self._connections.clear()
            listening.close()
            os.close(signal)

    @property
    def _full(self) -> bool:
        return self._size >= self._most

    def _event(self, selector: selectors.BaseSelector, listening: socket.socket, signal: int, ready: object) -> None:
        if ready == signal:
            os.read(signal, _BLOCK)
        elif ready is not listening:
            connection = self._connections.get(ready)  # type: ignore[call-overload]
            if connection is not None:
                self._read(selector, connection)
        elif self._protocol == "udp":
            self._datagrams(listening)
        else:
            self._accept(selector, listening)

    def _datagrams(self, listening: socket.socket) -> None:
        found = []
        for _ in range(_DATAGRAMS):
            try:
                data, extra, _, address = listening.recvmsg(_BLOCK, socket.CMSG_SPACE(4))
            except BlockingIOError:
                break
            except OSError as error:
                log.debug("datagram not received: %s", error)
                break
            for level, kind, value in extra:
                if level == socket.SOL_SOCKET and kind == _SO_RXQ_OVFL:
                    self._overflow(struct.unpack("I", value[:4])[0])
            found.append(Received(data, str(address[0])))
        self._put(found)

    def _overflow(self, total: int) -> None:
        with self._lock:
            self._lost["dropped"] += (total - self._overflowed) % 2**32
        self._overflowed = total

    def _accept(self, selector: selectors.BaseSelector, listening: socket.socket) -> None:
        try:
            accepted, address = listening.accept()
        except OSError as error:
            log.debug("connection not accepted: %s", error)
            time.sleep(0.01)  # out of file descriptors
            return
        if len(self._connections) >= CONNECTIONS:
            self._end(selector, min(self._connections.values(), key=lambda each: each.heard))
            with self._lock:
                self._lost["connections"] += 1
        accepted.settimeout(0.0)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connections[accepted] = _Connection(accepted, str(address[0]), self._longest)
        selector.register(accepted, selectors.EVENT_READ)

    def _read(self, selector: selectors.BaseSelector, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError as error:
            log.debug("syslog sender is gone: %s", error)
            data = b""
        if not data:
            self._end(selector, connection)
            return
        connection.heard = time.monotonic()
        self._put([Received(each, connection.sender) for each in connection.frames.feed(data)])
        if connection.frames.cut:
            with self._lock:
                self._lost["too_long"] += connection.frames.cut
            connection.frames.cut = 0

    def _end(self, selector: selectors.BaseSelector, connection: _Connection) -> None:
        self._put([Received(each, connection.sender) for each in connection.frames.flush()])
        selector.unregister(connection.socket)
        connection.socket.close()
        del self._connections[connection.socket]

    def _put(self, found: list[Received]) -> None:
        size = sum(map(_weight, found))
        with self._lock:
            if self._protocol == "udp" and self._size >= self._most:
                self._lost["dropped"] += len(found)
                return
            self._waiting += found
            before, self._size = self._size, self._size + size
        if before < self._most // 2 <= self._size:
            self._wake()


def _weight(received: Received) -> int:
    """Bytes that a message costs while it waits."""
    return len(received.data) + _OVERHEAD


def _register(selector: selectors.BaseSelector) -> Callable[[socket.socket], object]:
    return lambda each: selector.register(each, selectors.EVENT_READ)


def _listening(listen: str, protocol: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    listening = socket.socket(family, kind)
    try:
        if protocol == "udp":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            with contextlib.suppress(OSError):  # another system than Linux
                listening.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        else:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, int(port)))
        if protocol == "tcp":
            listening.listen(128)
    except (OSError, UnicodeError, ValueError) as error:
        listening.close()
        why = getattr(error, "strerror", None) or error
        raise UnavailableError(f"cannot listen on {listen} ({protocol}): {why}; it is tried again") from error
    listening.settimeout(0.0)
    return listening
