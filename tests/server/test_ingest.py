"""What is pushed counts once: over real connections to a running exporter, with senders that retry and processes that are killed."""

from __future__ import annotations

import gzip
import http.client
import json
import random
import signal
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from followed import Followed, settings
from served import Program
from stoker.config.settings import IngestSettings, Limits
from stoker.logs.ingest_body import TooLargeError, unpacked
from stoker.server.http import Server
from stoker.server.ingest import ingest
from stoker.server.message import Response, Route
from wire import PATIENCE, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCES = "sources: [{{name: push, ingest: {{token_file: {token}}}}}, {{name: open, ingest: {{}}}}]\n"
LINES = 'stoker_log_lines_total{source="push"}'
OPEN_LINES = 'stoker_log_lines_total{source="open"}'
TOKEN = {"Authorization": "Bearer s3cret"}
LOSS = b"{'loss': 0.25, 'epoch': 0.5}\n"


def push(
    port: int, path: str, body: bytes, *, method: str = "POST", **headers: str
) -> tuple[int, http.client.HTTPMessage, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def start(folder: Path) -> Program:
    token = folder / "token"
    token.write_text("s3cret\n")
    return Program(folder, SOURCES.format(token=token))


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    program = start(tmp_path)
    yield program
    program.end()


def test_lines_are_counted_when_the_answer_comes(program: Program) -> None:
    assert push(program.port, "/ingest/push", LOSS * 3, **TOKEN)[0] == 200
    assert program.value(LINES) == "3"
    assert program.value('stoker_log_lag_bytes{source="push"}') == "0"
    packed = gzip.compress(LOSS * 1000) + gzip.compress(LOSS)
    assert push(program.port, "/ingest/push", packed, Content_Encoding="gzip", **TOKEN)[0] == 200
    assert program.value(LINES) == "1004"
    assert program.value('stoker_http_requests_total{handler="/ingest/*",code="200"}') == "2"


def test_who_may_not_or_asks_wrongly_is_told_why(program: Program) -> None:
    port = program.port
    status, headers, says = push(port, "/ingest/push", LOSS)
    assert (status, headers["WWW-Authenticate"]) == (401, "Bearer")
    assert says == b"send the token as `Authorization: Bearer TOKEN`\n"
    status, _, says = push(port, "/ingest/push", LOSS, Authorization="Bearer s3cre")
    assert (status, says) == (401, b"this is not the token of the source\n")
    assert push(port, "/ingest/push", LOSS, Authorization="Basic czNjcmV0")[0] == 401
    assert push(port, "/ingest/none", LOSS, **TOKEN)[0] == 404
    assert push(port, "/ingest/", LOSS, **TOKEN)[0] == 404
    assert push(port, "/ingest/push", b"", method="GET", **TOKEN)[0] == 405
    assert push(port, "/ingest/open", LOSS, Origin="http://elsewhere")[0] == 403
    assert push(port, "/ingest/open", b"no gzip", Content_Encoding="gzip")[0] == 400
    assert push(port, "/ingest/open", gzip.compress(LOSS)[:-4], Content_Encoding="gzip")[0] == 400
    assert push(port, "/ingest/open", b"x", Content_Encoding="br")[0] == 400
    assert push(port, "/ingest/open", b"[1, ", Content_Type="application/json")[0] == 400
    status, _, says = push(port, "/ingest/open", b'{"log": "a"}\nplain\n', Content_Type="application/x-ndjson")
    assert (status, says) == (400, b"this is no JSON: Expecting value: line 2 column 1 (char 13)\n")
    status, _, says = push(port, "/ingest/open", b"\x81\xa3log\xa1a", Content_Type="application/msgpack")
    assert (status, says[:41]) == (415, b"the type application/msgpack is not read;")
    assert push(port, "/ingest/open", b"x", Idempotency_Key="k" * 1025)[0] == 400
    assert push(port, "/metrics", b"", method="POST")[0] == 405
    assert (program.value(LINES), program.value(OPEN_LINES)) == ("0", "0")


def test_bodies_are_bounded_before_they_are_read_and_while_they_are_unpacked(program: Program) -> None:
    with socket.create_connection(("127.0.0.1", program.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST /ingest/open HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    with socket.create_connection(("127.0.0.1", program.port), timeout=PATIENCE) as connection:
        connection.sendall(b"POST /ingest/open HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 411 ")
    bomb = gzip.compress(b"\n" * 50_000_000)
    assert push(program.port, "/ingest/open", bomb, Content_Encoding="gzip")[0] == 413


def test_a_token_that_cannot_be_read_lets_nobody_in_and_is_said(tmp_path: Path, program: Program) -> None:
    (tmp_path / "token").write_text("")
    status, headers, _ = push(program.port, "/ingest/push", LOSS, **TOKEN)
    assert (status, headers["Retry-After"]) == (503, "1")
    program.logged("source cannot be read source=push")
    (tmp_path / "token").write_text("other")
    assert push(program.port, "/ingest/push", LOSS, **TOKEN)[0] == 401
    assert push(program.port, "/ingest/push", LOSS, Authorization="Bearer other")[0] == 200


def test_a_body_of_very_many_small_packs_is_unpacked_in_small_copies() -> None:
    empty = gzip.compress(b"")
    body = empty * (2**21 // len(empty)) + gzip.compress(LOSS)
    began = time.process_time()
    assert unpacked(body, "gzip", 2**22) == LOSS
    print(f"{len(body)} bytes in {time.process_time() - began:.2f} s")
    some = random.Random(1).randbytes(200_000)
    assert unpacked(gzip.compress(some) * 3, "gzip", 600_000) == some * 3
    with pytest.raises(TooLargeError):
        unpacked(gzip.compress(some) * 3, "gzip", 599_999)


def pushed(tmp_path: Path, limits: Limits | None = None, **keys: str) -> tuple[Followed, Server]:
    source = settings(tmp_path, files=None, ingest=IngestSettings(**keys), run="{stem}")
    followed = Followed(source, state=tmp_path / "state", limits=limits)
    return followed, Server("127.0.0.1:0", [ingest(followed.engine.ingest, followed.clock)])


def send(followed: Followed, port: int, path: str, body: bytes, **headers: str) -> dict[str, float]:
    """Push and let the engine read until there is an answer."""
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(push(port, path, body, **headers)[0]))
    thread.start()
    until = time.monotonic() + PATIENCE
    while not found and time.monotonic() < until:
        seen = followed.turn(0.001)
    thread.join()
    assert found == [200]
    return seen


JSON = {"Content_Type": "application/json"}
STEP = "stoker_train_step{source=s,run=%s}"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"step 1\nstep 2\nstep 3", {}),
        (
            b'{"message": "step 1"}\n{"log": "step 2\\n"}\n\n{"msg": "step 3"}\n',
            {"Content_Type": "application/x-ndjson"},
        ),
        (b'{"message": "step 1"}\n{"log": "step 2\\n"}\n{"msg": "step 3"}\n', JSON),
        (b'{"message": "step 1"}{"log": "step 2\\n"} {"msg": "step 3"}', JSON),
        (b'{"message": "step 1", "tag": "\xff"}\n{"log": "step 2",\n "k": "\t"}\n{"msg": "step 3"}', JSON),
        (b'[{"message": "step 1"}, {"event": "step 2", "k": {}}, "step 3", {"k": "\xff"}]', JSON),
        (b"step 1\nstep 2\nstep 3", {"Content_Type": "application/x-www-form-urlencoded"}),
        (b'{"message": "step 1\\nstep 2\\nstep 3"}', {"Content_Type": "application/json; charset=utf-8"}),
    ],
)
def test_what_the_senders_write_gives_the_same_series(tmp_path: Path, body: bytes, headers: dict[str, str]) -> None:
    followed, server = pushed(tmp_path)
    with running(server):
        seen = send(followed, server.port, "/ingest/s?stream=a.log", body, **headers)
    assert seen[STEP % "a"] == 3
    assert seen["stoker_train_reports_total{source=s,run=a}"] == 3


def test_a_body_in_which_one_record_is_no_json_counts_nothing(tmp_path: Path) -> None:
    followed, server = pushed(tmp_path)
    with running(server):
        body = b'{"message": "step 1"}\n{"message": "step'
        assert push(server.port, "/ingest/s?stream=a.log", body, **JSON)[0] == 400
        seen = send(followed, server.port, "/ingest/s?stream=a.log", b"", **JSON)
    assert seen["stoker_log_lines_total{source=s}"] == 0


def test_senders_do_not_mix_and_the_one_silent_for_longest_gives_way(tmp_path: Path) -> None:
    followed, server = pushed(tmp_path, Limits(streams_per_source=2), stream_field="kubernetes.pod_name")
    with running(server):
        send(followed, server.port, "/ingest/s?stream=a", b"step 1\n")
        send(followed, server.port, "/ingest/s", b"step 5\n", X_Stoker_Stream="日志/b.log".encode().decode("latin-1"))
        records = [{"log": f"step {n}", "kubernetes": {"pod_name": f"p{n % 2}"}} for n in range(10, 20)]
        seen = send(followed, server.port, "/ingest/s", json.dumps(records).encode(), **JSON)
    assert [seen[STEP % run] for run in ("a", "b", "p0", "p1")] == [1, 5, 18, 19]
    assert seen["stoker_log_errors_total{source=s,reason=stream_limit}"] == 2


@pytest.mark.parametrize(
    "host", [{"host": "n2"}, {"host": {"hostname": "n2"}}, {"agent.hostname": "n2"}, {"kubernetes": {"host": "n2"}}]
)
def test_a_record_names_its_host(tmp_path: Path, host: dict[str, object]) -> None:
    source = settings(tmp_path, files=None, ingest=IngestSettings())
    followed = Followed(source, state=tmp_path / "state")
    with running(Server("127.0.0.1:0", [ingest(followed.engine.ingest, followed.clock)])) as server:
        body = json.dumps({"message": "step 1", **host}).encode()
        seen = send(followed, server.port, "/ingest/s", body, **JSON)
    assert seen[STEP % "n2-s"] == 1


def test_a_record_lends_its_time_to_lines_that_name_none(tmp_path: Path) -> None:
    followed, server = pushed(tmp_path)
    now = followed.clock.now
    records = [{"@timestamp": now - 500, "message": "saved checkpoint"}, {"time": 1e300, "message": "step 3"}]
    with running(server):
        seen = send(followed, server.port, "/ingest/s?stream=a", json.dumps(records).encode(), **JSON)
    assert seen["stoker_train_last_checkpoint_timestamp_seconds{source=s,run=a}"] == now - 500


def test_a_full_inbox_asks_to_come_later_and_loses_nothing(tmp_path: Path) -> None:
    followed, server = pushed(tmp_path, Limits(push_queue=10))  # type: ignore[arg-type]
    with running(server):
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(push(server.port, "/ingest/s", b"GET /a 200\n" * 2)[0]))
        thread.start()
        door = followed.engine.ingest("s")
        assert door is not None
        until = time.monotonic() + PATIENCE
        while not door.inbox.size and time.monotonic() < until:
            time.sleep(0.005)
        status, headers, _ = push(server.port, "/ingest/s", b"GET /a 200\n")
        assert (status, headers["Retry-After"]) == (429, "1")
        while not found and time.monotonic() < until:
            followed.turn()
        thread.join()
        seen = send(followed, server.port, "/ingest/s", b"GET /a 200\n")
    assert found == [200]
    assert seen["stoker_serve_requests_total{source=s,service=s,method=GET,route=/a,code=200}"] == 3


def test_pushes_that_wait_do_not_keep_scrapes_out(tmp_path: Path) -> None:
    source = settings(tmp_path, files=None, ingest=IngestSettings())
    followed = Followed(source, state=tmp_path / "state")
    routes = [ingest(followed.engine.ingest, followed.clock), Route("/metrics", {"GET": lambda _: Response(200, b"m")})]
    found: list[int] = []
    with running(Server("127.0.0.1:0", routes)) as server:

        def one() -> None:
            found.append(push(server.port, "/ingest/s", b"GET /a 200\n")[0])

        threads = [threading.Thread(target=one) for _ in range(30)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + PATIENCE
        while len(found) < 6 and time.monotonic() < until:
            time.sleep(0.005)
        assert found == [429] * 6, "24 wait, the others come later"
        assert push(server.port, "/metrics", b"", method="GET")[0] == 200
        while len(found) < 30 and time.monotonic() < until:
            followed.turn(0.001)
        for thread in threads:
            thread.join()
    assert found[6:] == [200] * 24
    assert followed.exposed()["stoker_log_lines_total{source=s}"] == 24


def test_a_repeated_key_counts_once_also_in_the_next_life(tmp_path: Path) -> None:
    followed, server = pushed(tmp_path, Limits(ingest_keys=2))
    key = {"Idempotency_Key": "k1"}
    with running(server):
        send(followed, server.port, "/ingest/s?stream=a", b"step 1\n", **key)
        seen = send(followed, server.port, "/ingest/s?stream=a", b"step 1\n", **key)
        assert seen["stoker_log_lines_total{source=s}"] == 1
        assert seen["stoker_log_errors_total{source=s,reason=repeated}"] == 1
        seen = send(followed, server.port, "/ingest/s?stream=b", b"step 1\n", **key)
        assert seen["stoker_log_lines_total{source=s}"] == 2, "another sender's key is another one"
    followed.kill()
    followed, server = pushed(tmp_path, Limits(ingest_keys=2))
    with running(server):
        seen = send(followed, server.port, "/ingest/s?stream=a", b"step 1\n", **key)
        assert seen["stoker_log_lines_total{source=s}"] == 2
        for other in ("k2", "k3", "k1"):
            seen = send(followed, server.port, "/ingest/s?stream=a", b"step 1\n", Idempotency_Key=other)
    assert seen["stoker_log_lines_total{source=s}"] == 5, "the third key took the place of the first"


class Sender(threading.Thread):
    """Sends numbered bodies until each is answered with 200, as a sender with a buffer does; some answers it does not hear."""

    def __init__(self, name: str, ports: list[int], bodies: int) -> None:
        super().__init__(daemon=True)
        self.stream, self.ports, self.bodies = name, ports, bodies
        self.sent = self.tries = 0
        self.slowest = 0.0

    def run(self) -> None:
        for number in range(self.bodies):
            began = time.monotonic()
            deaf = number % 3
            while not self._try(number) or deaf:
                deaf = max(0, deaf - 1)
                time.sleep(0.01)
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.sent += number % 5 + 1

    def _try(self, number: int) -> bool:
        body = LOSS * (number % 5 + 1)
        self.tries += 1
        try:
            path = f"/ingest/push?stream={self.stream}"
            return push(self.ports[-1], path, body, Idempotency_Key=f"{number}", **TOKEN)[0] == 200
        except (OSError, http.client.HTTPException):
            return False


INTERRUPTIONS = 8
"""Each comes a random number of requests after the one before, so that all of them come while there is something to send."""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_senders_that_retry_count_once_while_the_exporter_is_killed_or_reloads(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = start(tmp_path)
    ports = [program.port]
    dice = random.Random(3)
    senders = [Sender(f"w{each}", ports, 60) for each in range(3)]
    try:
        for sender in senders:
            sender.start()
        for _ in range(INTERRUPTIONS):
            reached = sum(sender.tries for sender in senders) + dice.randrange(5, 40)
            while sum(sender.tries for sender in senders) < reached and any(sender.is_alive() for sender in senders):
                time.sleep(dice.random() / 200)
            program.process.send_signal(number)
            if number is signal.SIGKILL:
                program.end()
                program = start(tmp_path)
                ports.append(program.port)
        for sender in senders:
            sender.join(PATIENCE)
        assert program.value(LINES) == str(sum(sender.sent for sender in senders))
        assert not [line for line in program.lines if "Traceback" in line]
        print(f"slowest {max(sender.slowest for sender in senders):.2f} s, {len(ports)} lives")
    finally:
        program.end()
