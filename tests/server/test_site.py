"""The routes of `stoker serve`, asked over a real socket."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from stoker.metrics import Desc, Kind, Sample
from stoker.server.exposition import OPENMETRICS, TEXT, Exposition
from stoker.server.http import Server
from stoker.server.page import Table, page
from stoker.server.site import routes
from wire import Wire, running

if TYPE_CHECKING:
    from collections.abc import Iterator

DESC = Desc("stoker_test_depth", Kind.GAUGE, "Depth of the test", ("a",))


class Program:
    """A program that does what a test says."""

    def __init__(self) -> None:
        self.series = 100
        self.is_ready = False
        self.wrong = ""
        self.reloads = 0

    def samples(self) -> list[Sample]:
        return [Sample(DESC, (str(number),), number) for number in range(self.series)]

    def ready(self) -> bool:
        return self.is_ready

    def reload(self) -> str:
        self.reloads += 1
        return self.wrong

    def forget(self, uuid: str) -> bool:
        return uuid == "GPU-1"

    def ingest(self, _: str) -> None:
        return None

    def status_page(self) -> bytes:
        return page("Stoker", ["up"], [])


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def wire(program: Program) -> Iterator[Wire]:
    with running(Server("127.0.0.1:0", routes(program, Exposition()))) as server, Wire(server.port) as wire:
        yield wire


def test_metrics_are_text_unless_openmetrics_is_asked_for(wire: Wire) -> None:
    answer = wire.ask("/metrics")
    assert (answer.status, answer.headers["content-type"]) == (200, TEXT)
    assert b'\nstoker_test_depth{a="7"} 7\n' in answer.body
    answer = wire.ask("/metrics", Accept="application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert answer.headers["content-type"] == OPENMETRICS
    assert answer.body.endswith(b"# EOF\n")


def test_metrics_are_packed_for_who_accepts_it_and_worth_it(wire: Wire, program: Program) -> None:
    plain = wire.ask("/metrics")
    packed = wire.ask("/metrics", Accept_Encoding="gzip")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept, Accept-Encoding"
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 3
    program.series = 1
    assert "content-encoding" not in wire.ask("/metrics", Accept_Encoding="gzip").headers


def test_head_of_metrics_tells_the_length(wire: Wire) -> None:
    assert wire.ask("/metrics", "HEAD").headers["content-length"] == str(len(wire.ask("/metrics").body))


def test_healthy_at_once_and_ready_later(wire: Wire, program: Program) -> None:
    assert wire.ask("/-/healthy").status == 200
    assert wire.ask("/-/ready").status == 503
    program.is_ready = True
    assert wire.ask("/-/ready").status == 200


def test_a_reload_tells_what_is_wrong(wire: Wire, program: Program) -> None:
    assert wire.ask("/-/reload", "POST").status == 200
    program.wrong = "stoker.yaml:1:1: type: wrong\nstoker.yaml:2:1: type: wrong too"
    answer = wire.ask("/-/reload", "POST")
    assert (answer.status, answer.body.decode()) == (500, program.wrong + "\n")
    assert program.reloads == 2


def test_nothing_changes_by_reading(wire: Wire, program: Program) -> None:
    answer = wire.ask("/-/reload")
    assert (answer.status, answer.headers["allow"]) == (405, "POST, PUT")
    assert wire.ask("/-/forget?uuid=GPU-1").status == 405
    assert program.reloads == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://here.evil.example"},
    ],
)
def test_a_page_of_another_site_changes_nothing(headers: dict[str, str], wire: Wire, program: Program) -> None:
    assert wire.ask("/-/reload", "POST", **headers).status == 403
    assert wire.ask("/-/forget?uuid=GPU-1", "POST", **headers).status == 403
    assert program.reloads == 0


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "http://here"}, {"Sec_Fetch_Site": "same-origin"}, {"Sec_Fetch_Site": "none"}]
)
def test_its_own_page_and_programs_may(headers: dict[str, str], wire: Wire) -> None:
    assert wire.ask("/-/reload", "POST", **headers).status == 200


def test_forgetting_a_gpu(wire: Wire) -> None:
    assert wire.ask("/-/forget?uuid=GPU-1", "POST").status == 200
    assert wire.ask("/-/forget?uuid=GPU-2", "POST").status == 404
    assert wire.ask("/-/forget", "POST").status == 400


def test_the_status_page_may_load_and_run_nothing(wire: Wire) -> None:
    answer = wire.ask("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert b"src=" not in answer.body
    assert b"<script" not in answer.body
    assert b"href=/metrics" in answer.body


def test_text_from_logs_is_no_markup_on_the_status_page() -> None:
    evil = "<script>alert('x')</script>\"&"
    shown = page(
        evil, [evil], [Table(evil, (evil,), [(f"!{evil}", evil)], evil), Table("t", ("h",), [], evil)]
    ).decode()
    assert "<script" not in shown
    assert shown.count("&lt;script&gt;") == 8
    assert "<tr class=bad>" in shown
