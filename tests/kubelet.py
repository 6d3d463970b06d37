"""A kubelet's pod-resources service on a Unix socket: HTTP/2 frames and gRPC of its own, strict about what it is sent."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, WINDOW = 0, 1, 3, 4, 6, 7, 8
# :status 200, content-type application/grpc in Huffman's code, as Go writes it; then grpc-status 0 with an entry for the table
BEGIN = b"\x88\x5f\x8b\x1d\x75\xd0\x62\x0d\x26\x3d\x4c\x4d\x65\x64"
END = b"\x40\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07"


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes((value & 0x7F | 0x80,))
        value >>= 7
    return out + bytes((value,))


def part(number: int, data: bytes | str) -> bytes:
    """A field of a message."""
    raw = data.encode() if isinstance(data, str) else data
    return varint(number << 3 | 2) + varint(len(raw)) + raw


class Given(NamedTuple):
    """Devices of one container."""

    namespace: str
    pod: str
    container: str
    devices: tuple[str, ...]
    resource: str = "nvidia.com/gpu"


def listed(given: Iterable[Given]) -> bytes:
    """A ListPodResourcesResponse, with the fields that nobody reads here as well."""
    answer = b""
    for each in given:
        topology = part(3, part(1, varint(1 << 3) + varint(1)))
        devices = part(1, each.resource) + b"".join(part(2, device) for device in each.devices) + topology
        cpus = varint(3 << 3 | 2) + varint(2) + b"\x01\x02"
        container = part(1, each.container) + part(2, devices) + cpus
        answer += part(1, part(1, each.pod) + part(2, each.namespace) + part(3, container))
    return answer


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload


def message(data: bytes) -> bytes:
    return struct.pack(">BI", 0, len(data)) + data


def answer(data: bytes, size: int = 16384) -> list[bytes]:
    """The frames of an answer as gRPC sends them, in pieces of `size`, with a ping that wants an answer."""
    body = message(data)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [
        frame(SETTINGS, 0, 0, struct.pack(">HI", 5, 16384)),
        frame(HEADERS, 0x4, 1, BEGIN),
        frame(PING, 0, 0, b"12345678"),
        frame(WINDOW, 0, 0, struct.pack(">I", 5)),
        *(frame(DATA, 0, 1, piece) for piece in pieces),
        frame(HEADERS, 0x5, 1, END),
    ]


class Kubelet:
    """The service; each connection is answered by what `reply` gives for it.

    Attributes:
        reply: pieces of bytes to send, one at a time; after them the connection is closed, or left open when `hang` is set.
        asked: headers of each request that was understood.
        acknowledged: kinds of frames that the client acknowledged.
    """

    def __init__(self, path: Path, reply: Callable[[], Iterable[bytes]]) -> None:
        self.reply = reply
        self.hang = threading.Event()
        self.asked: list[dict[str, str]] = []
        self.acknowledged: list[int] = []
        self.wrong: list[str] = []
        self._closed = threading.Event()
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._listener.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self.hang.clear()
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        while not self._closed.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            with connection, suppress(OSError):
                connection.settimeout(5)
                try:
                    self._connection(connection)
                except AssertionError as error:
                    self.wrong.append(repr(error))

    def _connection(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        assert file.read(len(PREFACE)) == PREFACE
        kinds = []
        while True:
            kind, flags, stream, payload = _read(file)
            kinds.append(kind)
            if kind == HEADERS:
                assert (flags, stream) == (0x4, 1)
                self.asked.append(dict(_headers(payload)))
            if kind == DATA:
                assert (flags, stream, payload) == (0x1, 1, message(b""))
                break
        assert kinds[0] == SETTINGS
        for piece in self.reply():
            connection.sendall(piece)
        if self.hang.is_set():
            while self.hang.is_set() and not self._closed.wait(0.02):
                pass
            return
        connection.shutdown(socket.SHUT_WR)
        with suppress(OSError, ValueError):
            while True:
                kind, flags, _, payload = _read(file)
                if flags & 1:
                    assert kind != PING or payload == b"12345678"
                    self.acknowledged.append(kind)


def _read(file: object) -> tuple[int, int, int, bytes]:
    head = file.read(9)  # type: ignore[attr-defined]
    if len(head) < 9:
        raise ValueError("closed")
    kind, flags, stream = struct.unpack(">BBI", head[3:])
    return kind, flags, stream, file.read(int.from_bytes(head[:3], "big"))  # type: ignore[attr-defined]


_TABLE = {
    1: (":authority", ""),
    3: (":method", "POST"),
    4: (":path", "/"),
    6: (":scheme", "http"),
    31: ("content-type", ""),
}


def _headers(block: bytes) -> Iterable[tuple[str, str]]:
    """HPACK as far as a client needs it that writes literals without a table."""
    at = 0

    def text() -> str:
        nonlocal at
        length = block[at]
        assert length < 0x7F
        at += 1 + length
        return block[at - length : at].decode()

    while at < len(block):
        first = block[at]
        at += 1
        if first & 0x80:
            yield _TABLE[first & 0x7F]
            continue
        assert not first & 0xF0
        index = first & 0x0F
        if index == 0x0F:
            index += block[at]
            at += 1
        yield (_TABLE[index][0] if index else text()), text()
