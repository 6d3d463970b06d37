"""No client can hurt the server: slow, silent, greedy or speaking nonsense."""

from __future__ import annotations

import itertools
import logging
import socket
import threading
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from stoker.errors import UsageError
from stoker.server.connection import Limits
from stoker.server.http import Server
from stoker.server.message import Refused, Request, Response, Route
from wire import PATIENCE, Wire, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class House:
    """A handler that waits, when told, until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()

    def wait(self, _: Request) -> Response:
        self.entered.release()
        assert self.go_on.wait(PATIENCE)
        return Response(200, b"waited\n")


def echo(request: Request) -> Response:
    return Response(200, request.body, headers={"X-Path": request.path})


def fail(_: Request) -> Response:
    raise RuntimeError("broken")


def refuse(_: Request) -> Response:
    raise Refused(422, "not so")


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.go_on.set()


@pytest.fixture
def serve(house: House) -> Iterator[Callable[..., Server]]:
    routes = [
        Route("/hello", {"GET": lambda _: Response(200, b"hello\n")}),
        Route("/echo", {"POST": echo}),
        Route("/below/*", {"GET": echo}),
        Route("/wait", {"GET": house.wait}),
        Route("/huge", {"GET": lambda _: Response(200, b"x" * 2**26)}),
        Route("/fail", {"GET": fail}),
        Route("/refuse", {"GET": refuse}),
    ]
    started = []

    def start(listen: str = "127.0.0.1:0", **arguments: object) -> Server:
        server = Server(listen, routes, **arguments)  # type: ignore[arg-type]
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def counted(server: Server) -> dict[tuple[str, ...], object]:
    return {sample.labels: sample.value for sample in server.samples()}


def until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.001)


def test_a_connection_serves_many_requests(serve: Callable[..., Server]) -> None:
    server = serve()
    with Wire(server.port) as wire:
        for _ in range(3):
            answer = wire.ask("/hello")
            assert (answer.status, answer.body) == (200, b"hello\n")
            assert "connection" not in answer.headers
    assert counted(server)["/hello", "200"] == 3


def test_known_handlers_are_counted_from_zero(serve: Callable[..., Server]) -> None:
    assert counted(serve())["/hello", "200"] == 0


def test_pipelined_requests_are_answered_in_order(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        one = b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\none"
        two = b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo"
        wire.send(one + two + b"GET /hello HTTP/1.1\r\n\r\n")
        assert [wire.answer().body for _ in range(3)] == [b"one", b"two", b"hello\n"]


def test_a_request_may_come_byte_by_byte(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"POST /echo HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody":
            wire.send(bytes([byte]))
        assert wire.answer().body == b"body"


def test_head_gets_the_head_alone(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        answer = wire.ask("/hello", "HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, "6")
        assert wire.ask("/hello").body == b"hello\n"


def test_an_unknown_path_is_404_and_any_path_below_a_star_is_known(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        assert wire.ask("/../etc/passwd").status == 404
        assert wire.ask("/%2e%2e/etc/passwd").status == 404
        assert wire.ask("/below/").status == 404
        assert wire.ask("/below/a%20b?x=1").headers["x-path"] == "/below/a b"


def test_a_wrong_method_is_405_and_names_the_right_ones(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        answer = wire.ask("/hello", "DELETE")
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert wire.ask("/echo").headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),  # a TLS client
        (b"\0\xff\xfe garbage\r\n\r\n", 400),
        (b"GET /hello\r\n\r\n", 400),
        (b"GET /hello HTTP/2.0\r\n\r\n", 505),
        (b"GET /hello HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\na : b\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\na: b\r\n folded\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\na: b\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400),
        (b"GET /hello?" + b"a&" * 200 + b" HTTP/1.1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: \xb2\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\nab\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 300, 400),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 17_000, 413),
        (b"GET /hello HTTP/1.1\r\na: " + b"x" * 20000 + b"\r\n\r\n", 431),
        (b"GET /hello HTTP/1.1\r\na: " + b"x" * 200000, 431),
    ],
)
def test_what_is_no_request_gets_its_status_and_is_closed(
    data: bytes, status: int, serve: Callable[..., Server]
) -> None:
    server = serve()
    with Wire(server.port) as wire:
        wire.send(data)
        answer = wire.answer()
        assert (answer.status, answer.headers["connection"]) == (status, "close")
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.closed()
    assert counted(server)["other", str(status)] == 1


def test_a_body_in_chunks_is_put_together_however_it_comes(serve: Callable[..., Server]) -> None:
    head = b"POST /echo HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
    body = b"5\r\nhello\r\n00A;name=value\r\n, \r\nworld\n\r\n0\r\nTrailer: x\r\n\r\n"
    with Wire(serve().port) as wire:
        for size in (1, 7, 1000):
            data = head + body
            for start in range(0, len(data), size):
                wire.send(data[start : start + size])
            answer = wire.answer()
            assert (answer.status, answer.body) == (200, b"hello, \r\nworld\n")
        wire.send(head + body + b"GET /hello HTTP/1.1\r\n\r\n")
        assert wire.answer().body == b"hello, \r\nworld\n"
        assert wire.answer().body == b"hello\n"


def test_a_client_that_sends_too_much_gets_to_read_why(serve: Callable[..., Server]) -> None:
    with Wire(serve(limits=Limits(body_size=10, linger_time=PATIENCE)).port) as wire:
        wire.send(b"POST /echo HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n" + b"x" * 4_000_000)
        assert wire.answer().status == 413


def test_a_slow_header_is_cut_off_though_bytes_keep_coming(serve: Callable[..., Server]) -> None:
    with Wire(serve(limits=Limits(header_time=0.2, linger_time=0.0)).port) as wire:
        wire.send(b"GET /hello HTTP/1.1\r\n")
        wire.socket.settimeout(0.02)
        for number in itertools.count():
            try:
                answer = wire.answer()
                break
            except TimeoutError:
                wire.send(b"a: b\r\n")
                assert number < 500
        assert answer.status == 408


def test_a_slow_body_is_cut_off(serve: Callable[..., Server]) -> None:
    with Wire(serve(limits=Limits(body_time=0.2, linger_time=0.0)).port) as wire:
        wire.send(b"POST /echo HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc")
        assert wire.answer().status == 408
        assert wire.closed()


def test_a_silent_client_is_closed_sooner_than_one_that_was_served(serve: Callable[..., Server]) -> None:
    with Wire(serve(limits=Limits(header_time=0.1, idle_time=PATIENCE)).port) as silent:
        assert silent.closed()


def test_a_resting_client_is_closed_in_time(serve: Callable[..., Server]) -> None:
    with Wire(serve(limits=Limits(idle_time=0.1)).port) as wire:
        assert wire.ask("/hello").status == 200
        assert wire.closed()


def test_a_client_may_ask_whether_its_body_is_wanted(serve: Callable[..., Server]) -> None:
    with Wire(serve().port) as wire:
        wire.send(b"POST /echo HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert wire.answer().status == 100
        wire.send(b"body")
        assert wire.answer().body == b"body"


def test_http_1_0_and_close_end_the_connection(serve: Callable[..., Server]) -> None:
    server = serve()
    for data in (b"GET /hello HTTP/1.0\r\n\r\n", b"GET /hello HTTP/1.1\r\nConnection: foo, Close\r\n\r\n"):
        with Wire(server.port) as wire:
            wire.send(data)
            assert wire.answer().headers["connection"] == "close"
            assert wire.closed()


def test_more_requests_than_allowed_are_told_to_come_later(serve: Callable[..., Server], house: House) -> None:
    server = serve(limits=Limits(requests=1))
    with Wire(server.port) as first, Wire(server.port) as second:
        first.send(b"GET /wait HTTP/1.1\r\n\r\n")
        assert house.entered.acquire(timeout=PATIENCE)
        assert second.ask("/hello").status == 503
        house.go_on.set()
        assert first.answer().body == b"waited\n"
        assert second.ask("/hello").status == 200


def test_a_new_client_takes_the_place_of_the_one_that_rested_longest(serve: Callable[..., Server]) -> None:
    server = serve(limits=Limits(connections=2))
    with Wire(server.port) as first, Wire(server.port) as second:
        assert first.ask("/hello").status == 200
        until(lambda: len(server._waiting) == 2)  # the second has connected only
        assert second.ask("/hello").status == 200
        until(lambda: len(server._waiting) == 2)
        with Wire(server.port) as third:
            assert third.ask("/hello").status == 200
            assert first.closed()
            assert second.ask("/hello").status == 200


@pytest.mark.parametrize("begun", [b"GET /hel", b"POST /echo HTTP/1.1\r\nContent-Length: 9\r\n\r\nbod"])
def test_silent_and_slow_clients_give_way_too(begun: bytes, serve: Callable[..., Server], house: House) -> None:
    server = serve(limits=Limits(connections=2, header_time=PATIENCE, body_time=PATIENCE))
    with Wire(server.port) as silent, Wire(server.port) as slow, ExitStack() as new:
        slow.send(begun)
        for _ in range(2):
            new.enter_context(Wire(server.port)).send(b"GET /wait HTTP/1.1\r\n\r\n")
            assert house.entered.acquire(timeout=PATIENCE)
        assert silent.closed()
        assert slow.closed()


def test_who_does_not_take_the_answer_gives_way(serve: Callable[..., Server]) -> None:
    server = serve(limits=Limits(connections=2, slow_time=0.0))
    with Wire(server.port) as slow, Wire(server.port) as slower:
        for wire in (slow, slower):
            wire.send(b"GET /huge HTTP/1.1\r\n\r\n")
            assert wire.socket.recv(1)  # the answer has begun, and is larger than what the system takes for a client
        for _ in range(2):
            with Wire(server.port) as new:
                assert new.ask("/hello").status == 200


def test_when_all_are_being_answered_a_new_client_is_sent_away(serve: Callable[..., Server], house: House) -> None:
    server = serve(limits=Limits(connections=1))
    with Wire(server.port) as first:
        first.send(b"GET /wait HTTP/1.1\r\n\r\n")
        assert house.entered.acquire(timeout=PATIENCE)
        with Wire(server.port) as second:
            assert second.answer().status == 503
            assert second.closed()
    assert counted(server)["other", "503"] == 1


def test_a_handler_that_fails_costs_its_answer_and_is_logged_once(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve()
    with Wire(server.port) as wire:
        for _ in range(3):
            answer = wire.ask("/fail")
            assert answer.status == 500
            assert b"broken" not in answer.body
        assert wire.ask("/hello").status == 200
        assert wire.ask("/refuse").body == b"not so\n"
    assert len([record for record in caplog.records if record.levelno == logging.ERROR]) == 1
    assert counted(server)["/fail", "500"] == 3


def test_who_may_not_is_refused_even_the_existence_of_a_path(serve: Callable[..., Server]) -> None:
    def authorize(request: Request) -> Response | None:
        return None if request.headers.get("authorization") == "yes" else Response(401)

    with Wire(serve(authorize=authorize).port) as wire:
        assert wire.ask("/hello").status == 401
        assert wire.ask("/none").status == 401
        assert wire.ask("/hello", Authorization="yes").status == 200


def test_a_check_of_authority_that_fails_lets_nobody_in(serve: Callable[..., Server]) -> None:
    def authorize(_: Request) -> Response | None:
        raise OSError("no password file")

    with Wire(serve(authorize=authorize).port) as wire:
        assert wire.ask("/hello").status == 500


def test_stopping_ends_open_connections(serve: Callable[..., Server]) -> None:
    server = serve()
    with Wire(server.port) as resting, Wire(server.port) as silent, Wire(server.port) as half:
        assert resting.ask("/hello").status == 200
        half.send(b"GET /he")
        server.stop()
        assert resting.closed()
        assert half.closed()
        assert silent.closed()


def test_ipv6_is_listened_on(serve: Callable[..., Server]) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    with Wire(serve("[::1]:0").port, "::1") as wire:
        assert wire.ask("/hello").status == 200


def test_a_taken_port_is_one_line() -> None:
    with running(Server("127.0.0.1:0", [])) as first:
        address = f"127.0.0.1:{first.port}"
        with pytest.raises(UsageError) as caught:
            Server(address, []).start()
    assert str(caught.value) == (
        f"cannot listen on {address}: Address already in use; stop what uses it or choose another address with --listen"
    )


@pytest.mark.parametrize("listen", ["", "9838", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000", "127.0.0.1:²"])
def test_what_is_no_address_is_one_line(listen: str) -> None:
    with pytest.raises(UsageError, match="write host:port"):
        Server(listen, []).start()


def test_a_host_that_does_not_exist_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"cannot listen on nowhere\.invalid:1"):
        Server("nowhere.invalid:1", []).start()


@pytest.mark.parametrize("listen", ["192.0.2.1:9838", f"{'a' * 300}.b:1"])
def test_an_address_of_another_machine_is_not_said_to_be_taken(listen: str) -> None:
    with pytest.raises(UsageError) as caught:
        Server(listen, []).start()
    assert "stop what uses it" not in str(caught.value)
    assert "127.0.0.1:9838" in str(caught.value)
