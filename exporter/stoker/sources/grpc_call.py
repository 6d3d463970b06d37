"""One gRPC call over a Unix socket: as much of HTTP/2 as a request with one message and an answer with one message need.

The answer's headers are compressed (HPACK) and not looked at: a call that succeeds has a message, even an empty one has a frame of five
bytes; one that is refused has none. Nothing is believed of the other side: lengths are bounded, and all of it has one deadline.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import NamedTuple

from stoker.errors import SourceError, UnavailableError

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS, _PADDED = 0x1, 0x1, 0x4, 0x8
_TABLE_SIZE, _PUSH, _WINDOW = 1, 2, 4
_LARGEST_FRAME = 1 << 14
_FIRST_WINDOW = 65535
_LONG_TEXT = 0x7F
_MOST = 1 << 24
"""Bytes of an answer; the list of a node with hundreds of pods has some tens of thousands."""
_MESSAGE = struct.Struct(">BI")
_CHUNK = 1 << 16


class _Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


def call(path: str, method: str, request: bytes, timeout: float) -> bytes:
    """Send a message and give the one that answers it.

    Args:
        path: of the socket.
        method: `/package.Service/Method`.
        request: the encoded message.
        timeout: seconds that all of it may take.

    Raises:
        UnavailableError: there is no such socket.
        SourceError: it may not be opened, nobody answers in time, or what comes is no answer.
    """
    until = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(_opening(method, request))
            return _message(_answer(connection, until))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnavailableError(f"{path}: not on this machine") from error
        except TimeoutError as error:
            raise SourceError(f"{path}: no answer within {timeout:g} s") from error
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from error
        except ValueError as error:
            raise SourceError(f"{path}: {error}") from error


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _opening(method: str, request: bytes) -> bytes:
    # room for the whole answer, so that it comes in one go; no table, so that our own headers are plain
    settings = b"".join(struct.pack(">HI", *each) for each in ((_TABLE_SIZE, 0), (_PUSH, 0), (_WINDOW, _MOST)))
    headers = (
        b"\x83\x86\x04"  # :method POST, :scheme http, :path: numbers 3, 6 and 4 of the table that HPACK begins with
        + _text(method)
        + b"\x01"  # number 1: :authority
        + _text("localhost")
        + b"\x0f\x10"  # number 31: content-type
        + _text("application/grpc")
        + b"\x00"
        + _text("te")
        + _text("trailers")
    )
    return (
        _PREFACE
        + _frame(_SETTINGS, 0, 0, settings)
        + _frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _MOST - _FIRST_WINDOW))
        + _frame(_HEADERS, _END_HEADERS, 1, headers)
        + _frame(_DATA, _END_STREAM, 1, _MESSAGE.pack(0, len(request)) + request)
    )


def _text(word: str) -> bytes:
    """A text as HPACK has it: its length, and not compressed."""
    data = word.encode("ascii")
    assert len(data) < _LONG_TEXT, word
    return bytes((len(data),)) + data


def _answer(connection: socket.socket, until: float) -> bytes:
    """What comes in the stream's frames of data until it ends."""
    buffer, data = b"", b""
    while True:
        while (taken := _taken(buffer)) is None:
            connection.settimeout(max(0.001, until - time.monotonic()))
            more = connection.recv(_CHUNK)
            if not more:
                raise ValueError("closed before the answer was complete")
            if time.monotonic() >= until:
                raise TimeoutError
            buffer += more
        frame, buffer = taken
        if frame.kind in (_SETTINGS, _PING) and not frame.flags & _ACK:
            connection.sendall(_frame(frame.kind, _ACK, 0, frame.payload if frame.kind == _PING else b""))
        elif frame.kind == _GOAWAY or (frame.kind == _RST_STREAM and frame.stream == 1):
            raise ValueError(f"refused the call (HTTP/2 error {int.from_bytes(frame.payload[-4:], 'big')})")
        elif frame.stream == 1 and frame.kind in (_DATA, _HEADERS):
            if frame.kind == _DATA:
                data += _unpadded(frame)
                if len(data) > _MOST:
                    raise ValueError("the answer is too long")
            if frame.flags & _END_STREAM:
                return data


def _taken(buffer: bytes) -> tuple[_Frame, bytes] | None:
    """The first frame of a buffer and the rest; None while it is not all there."""
    head = 9
    if len(buffer) < head:
        return None
    length = int.from_bytes(buffer[:3], "big")
    if length > _LARGEST_FRAME:
        raise ValueError("does not speak HTTP/2")
    if len(buffer) < head + length:
        return None
    kind, flags, stream = struct.unpack(">BBI", buffer[3:head])
    return _Frame(kind, flags, stream & 0x7FFFFFFF, buffer[head : head + length]), buffer[head + length :]


def _unpadded(frame: _Frame) -> bytes:
    if not frame.flags & _PADDED or not frame.payload:
        return frame.payload
    return frame.payload[1 : len(frame.payload) - frame.payload[0]]


def _message(data: bytes) -> bytes:
    if len(data) < _MESSAGE.size:
        raise ValueError("answers without a message: it refuses the call or does not know it")
    compressed, length = _MESSAGE.unpack_from(data)
    if compressed or len(data) != _MESSAGE.size + length:
        raise ValueError("the answer is not one plain message")
    return data[_MESSAGE.size :]
