"""Whatever bytes come, they are a request or are refused with a status."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoker.server.message import Refused, Response, Route, head_of, parse_head

LINES = st.lists(
    st.sampled_from(
        [b"GET /a?b=c HTTP/1.1", b"content-length: 5", b"Content-Length: x", b"Transfer-Encoding: chunked", b"Host: a"]
    )
    | st.binary(max_size=20),
    max_size=6,
).map(b"\r\n".join)


@given(LINES)
def test_any_bytes_are_a_request_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        head = parse_head(data)
        assert head.chunked or 0 <= head.body_length(10) <= 10
        request = head.request(b"")
        assert request.method
        assert all(name == name.lower() for name in request.headers)


def test_a_request() -> None:
    data = b"HEAD /a%20b?uuid=1&uuid=2&empty= HTTP/1.1\r\nHOST: x\r\nAccept:a\r\nAccept: b \r\nConnection: x, CLOSE"
    head = parse_head(data)
    request = head.request(b"body")
    assert (request.method, request.path, request.body) == ("GET", "/a b", b"body")
    assert request.query == {"uuid": ["1", "2"]}
    assert request.headers == {"host": "x", "accept": "a, b", "connection": "x, CLOSE"}
    assert (head.method, head.close) == ("HEAD", True)


def test_what_was_asked_before_is_understood_alike_and_refused_alike() -> None:
    asked = b"GET /metrics?a=1 HTTP/1.1\r\nHost: x\r\nAccept: */*"
    first, second = (parse_head(asked) for _ in range(2))
    assert (first, first.request(b"")) == (second, second.request(b""))
    for _ in range(2):
        with pytest.raises(Refused):
            parse_head(b"nonsense")
    other = parse_head(asked.replace(b"Host: x", b"Host: y"))
    assert (first.headers["host"], other.headers["host"]) == ("x", "y")


def test_an_absolute_target_is_its_path() -> None:
    assert parse_head(b"GET http://here:9838/metrics HTTP/1.1").request(b"").path == "/metrics"


@pytest.mark.parametrize("name", ["Host", "Content-Length"])
def test_what_may_come_once_may_not_contradict_itself(name: str) -> None:
    assert parse_head(f"GET / HTTP/1.1\r\n{name}: 1\r\n{name}: 1".encode()).headers == {name.lower(): "1"}
    with pytest.raises(Refused, match="two headers"):
        parse_head(f"GET / HTTP/1.1\r\n{name}: 1\r\n{name}: 2".encode())


def test_the_head_of_a_response() -> None:
    assert head_of(Response(404, b"gone\n", headers={"Vary": "Accept"}), close=True) == (
        b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n"
        b"X-Content-Type-Options: nosniff\r\nVary: Accept\r\nConnection: close\r\n\r\n"
    )


def test_a_route_fits_its_path_or_what_is_below() -> None:
    assert Route("/a", {}).fits("/a")
    assert not Route("/a", {}).fits("/a/b")
    assert Route("/a/*", {}).fits("/a/b/c")
    assert not Route("/a/*", {}).fits("/a/")
