"""Syslog as it is sent: headers of three kinds, two framings, and senders that are slow, many or send too much."""

from __future__ import annotations

import contextlib
import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.errors import UnavailableError
from stoker.sources.syslog import CONNECTIONS, Receiver
from stoker.sources.syslog_message import Frames, Message, parse
from wire import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            b"<165>1 2023-11-14T22:14:15.003Z node1 train 712 ID47 - \xef\xbb\xbfstep 1",
            Message("node1", "train", "712", "2023-11-14T22:14:15.003Z", b"step 1"),
        ),
        (
            rb'<13>1 - - app - - [a@1 k="\"]"][b x="y"] text',
            Message("", "app", "", "", b"text"),
        ),
        (b"<13>1 - h a - - -", Message("h", "a", "", "", b"")),
        (b"<34>Oct  1 22:14:15 node1 su[12]: failed", Message("node1", "su", "12", "Oct  1 22:14:15", b"failed")),
        (b"<34>Oct 11 22:14:15 su: failed: x", Message("", "su", "", "Oct 11 22:14:15", b"failed: x")),
        (
            b"<30>2023-11-14T22:14:15.5+01:00 fe80::1 vllm.service[9]: INFO: up",
            Message("fe80::1", "vllm.service", "9", "2023-11-14T22:14:15.5+01:00", b"INFO: up"),
        ),
        (b"<6>Nov 10 04:12:09 n kernel: NVRM: Xid", Message("n", "kernel", "", "Nov 10 04:12:09", b"NVRM: Xid")),
        (b"<13>just text", Message("", "", "", "", b"just text")),
        (b"just: text", Message("", "", "", "", b"just: text")),
        (b"", Message("", "", "", "", b"")),
    ],
)
def test_headers(data: bytes, message: Message) -> None:
    assert parse(data) == message


@given(st.binary(max_size=300))
def test_no_bytes_break_a_header(data: bytes) -> None:
    for each in (data, b"<1>1 " + data, b"<13>Oct 11 22:14:15 " + data):
        assert each.endswith(parse(each).text)


def test_framings() -> None:
    frames = Frames(100)
    assert frames.feed(b"5 <1>ab7 <2>c\nde<3>line\n\n<4>other\x00") == [b"<1>ab", b"<2>c\nde", b"<3>line", b"<4>other"]
    assert frames.feed(b"12 apples\n2023-11-14 text\n17") == [b"12 apples", b"2023-11-14 text"]
    assert frames.feed(b" ") == []
    assert frames.flush() == [b"17 "]


def test_long_messages_are_cut_and_counted() -> None:
    frames = Frames(8)
    assert frames.feed(b"20 <1>" + b"a" * 17 + b"4 <2>b") == [b"<1>aaaaa", b"<2>b"]
    assert frames.feed(b"<3>" + b"b" * 50) == [b"<3>bbbbb"]
    assert frames.feed(b"b" * 50 + b"\n<4>\n") == [b"<4>"]
    assert frames.cut == 2
    assert frames.feed(b"999999999 <5>" + b"c" * 1000) == [b"<5>ccccc"]
    assert frames.flush() == []


@given(st.lists(st.sampled_from([b"5 <1>ab", b"<3>line\n", b"\n", b"12 ", b"300 <1>", b"x" * 30, b"\0"])), st.data())
def test_the_blocks_do_not_matter(parts: list[bytes], data: Any) -> None:  # noqa: ANN401 - hypothesis has no name for it
    stream = b"".join(parts)
    whole, bytewise = Frames(20), Frames(20)
    assert whole.feed(stream) + whole.flush() == (
        [each for at in range(len(stream)) for each in bytewise.feed(stream[at : at + 1])] + bytewise.flush()
    )
    assert whole.cut == bytewise.cut


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    receivers: list[Receiver] = []

    def start(protocol: str, queue: int = 2**20, listen: str = "127.0.0.1:0", longest: int = 1000) -> Receiver:
        receiver = Receiver(listen, protocol, queue=queue, longest=longest, wake=lambda: None)  # type: ignore[arg-type]
        receivers.append(receiver)
        receiver.open()
        return receiver

    yield start
    for receiver in receivers:
        receiver.close()


def taken(receiver: Receiver, count: int) -> list[bytes]:
    found: list[bytes] = []
    until = time.monotonic() + PATIENCE
    while len(found) < count and time.monotonic() < until:
        found += [each.data for each in receiver.take(2**20)]
        time.sleep(0.005)
    assert len(found) == count
    return found


def connect(receiver: Receiver) -> socket.socket:
    return socket.create_connection(("127.0.0.1", receiver.port), timeout=PATIENCE)


def test_datagrams_are_received_and_the_lost_ones_counted(receive: Callable[..., Receiver]) -> None:
    receiver = receive("udp", queue=5000)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", receiver.port))
        for number in range(20):
            sender.send(b"<13>%d" % number)
        assert taken(receiver, 20) == [b"<13>%d" % number for number in range(20)]
        lost, sent = 0, 0
        until = time.monotonic() + PATIENCE
        while not lost and time.monotonic() < until:
            for _ in range(500):
                sender.send(b"<13>" + b"x" * 400)
                sent += 1
            time.sleep(0.01)
            lost += receiver.lost()["dropped"]
        got, still = 0, time.monotonic() + PATIENCE
        while got + lost < sent and time.monotonic() < still:
            got += len(receiver.take(2**20))
            lost += receiver.lost()["dropped"]
            time.sleep(0.005)
    assert (lost > 0, got > 0, got + lost) == (True, True, sent), "each datagram is read or counted as lost"


def test_what_the_kernel_drops_is_counted(receive: Callable[..., Receiver]) -> None:
    receiver = receive("udp", queue=2**30)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.connect(("127.0.0.1", receiver.port))
        with receiver._lock:  # the receiver stands still, as on a machine that is too busy
            for _ in range(60_000):
                sender.send(b"<13>" + b"x" * 400)
        lost, got, sent = 0, 0, 60_000
        until = time.monotonic() + PATIENCE
        while lost + got < sent and time.monotonic() < until:
            sender.send(b"<13>last")  # the count of the dropped ones comes with the next datagram
            sent += 1
            time.sleep(0.01)
            got += len(receiver.take(2**30))
            lost += receiver.lost()["dropped"]
    assert lost > 0
    assert lost + got == sent


def test_a_sender_over_tcp_waits_and_loses_nothing(receive: Callable[..., Receiver]) -> None:
    receiver = receive("tcp", queue=10_000)
    with connect(receiver) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sender.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 2 * 10**8:
                sent += sender.send(b"<13>0123456789012345\n" * 100)
        assert sent < 2 * 10**8, "the sender has to wait"
        assert receiver.size < 500_000
        got, until = 0, time.monotonic() + PATIENCE
        while got < sent // 21 and time.monotonic() < until:
            got += len(receiver.take(2**20))
            time.sleep(0.002)
    assert got == sent // 21
    assert not receiver.lost()


def test_the_one_silent_for_longest_gives_way(receive: Callable[..., Receiver]) -> None:
    receiver = receive("tcp")
    senders = [connect(receiver) for _ in range(CONNECTIONS)]
    try:
        for number, sender in enumerate(senders):
            sender.sendall(b"<13>%d\n<13>rest" % number)
        taken(receiver, CONNECTIONS)
        senders[0].sendall(b" of it\n")
        assert taken(receiver, 1) == [b"<13>rest of it"]
        with connect(receiver) as late:
            late.sendall(b"<13>late\n")
            assert sorted(taken(receiver, 2)) == [b"<13>late", b"<13>rest"], "what it had begun is not lost"
        assert receiver.lost() == {"connections": 1}
        closed = [sender for sender in senders if closes(sender)]
        assert len(closed) == 1
        assert closed[0] is not senders[0]
    finally:
        for sender in senders:
            sender.close()


def closes(sender: socket.socket) -> bool:
    sender.settimeout(0.0)
    try:
        return sender.recv(1) == b""
    except BlockingIOError:
        return False


def test_a_port_in_use_is_said_and_tried_again(receive: Callable[..., Receiver]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"cannot listen on 127.*\(tcp\): Address already in use"):
            receive("tcp", listen=listen)
    receiver = receive("tcp", listen=listen)
    with connect(receiver) as sender:
        sender.sendall(b"4 <1>a")
        assert taken(receiver, 1) == [b"<1>a"]
    receiver.close()
    receiver.open()
    with connect(receiver) as sender:
        sender.sendall(b"4 <1>b")
        assert taken(receiver, 1) == [b"<1>b"]
