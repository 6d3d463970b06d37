"""The kubelet is asked which pod has which GPU, over HTTP/2 of our own; whatever answers, nothing hangs and nothing is raised but one line."""

from __future__ import annotations

import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import pytest

from kubelet import DATA, END, GOAWAY, HEADERS, PING, RST, SETTINGS, Given, Kubelet, answer, frame, listed, message
from machines import Clock, write
from stoker.errors import SourceError, UnavailableError
from stoker.sources.pod_resources import Assignment, assignments, parse
from stoker.sources.pods import PodName, Pods

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Start = Callable[[Callable[[], Iterable[bytes]]], Kubelet]

G = "GPU-5170ce4a-0000-4000-8000-000000000000"
M = "MIG-9a1c3b5e-0000-5000-8000-000000000001"
ID = "3a31a360e5aea903274416e0c4cf8ca8c050fd523cc5d91a82ec5707d5ee9fa1"
ONE = [Given("ml", "trainer-0", "main", (G,))]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    servers = []

    def serve(reply: Callable[[], Iterable[bytes]]) -> Kubelet:
        servers.append(Kubelet(tmp_path / "kubelet.sock", reply))
        return servers[-1]

    yield serve
    for each in servers:
        each.close()
        assert each.wrong == []


def test_it_is_asked_as_grpc_wants_it(start: Start, tmp_path: Path) -> None:
    server = start(lambda: answer(listed(ONE)))
    assert assignments(f"{tmp_path}/kubelet.sock", 5) == [Assignment(G, "ml", "trainer-0", "main")]
    assert server.asked == [
        {
            ":method": "POST",
            ":scheme": "http",
            ":path": "/v1.PodResourcesLister/List",
            ":authority": "localhost",
            "content-type": "application/grpc",
            "te": "trailers",
        }
    ]
    server.close()
    assert set(server.acknowledged) <= {SETTINGS, PING}


def test_shares_of_a_gpu_instances_and_other_devices(start: Start, tmp_path: Path) -> None:
    given = [
        Given("ml", "a", "x", (f"{G}::0", f"{G}::1")),
        Given("ml", "b", "y", (M,), "nvidia.com/mig-1g.10gb"),
        Given("ml", "b", "z", (f"MIG-{G}/3/0",), "nvidia.com/gpu"),
        Given("net", "c", "v", ("0000:3b:02.1",), "intel.com/sriov"),
        Given("ml", "d", "w", ()),
    ]
    start(lambda: answer(listed(given)))
    assert assignments(f"{tmp_path}/kubelet.sock", 5) == [
        Assignment(G, "ml", "a", "x"),
        Assignment(M, "ml", "b", "y"),
        Assignment(f"MIG-{G}/3/0", "ml", "b", "z"),
    ]


@pytest.mark.parametrize("size", [1, 3, 16384])
def test_an_answer_in_pieces_of_any_size_is_the_same(start: Start, tmp_path: Path, size: int) -> None:
    start(lambda: answer(listed(ONE), size))
    assert assignments(f"{tmp_path}/kubelet.sock", 5) == [Assignment(G, "ml", "trainer-0", "main")]


def test_one_byte_at_a_time_too(start: Start, tmp_path: Path) -> None:
    whole = b"".join(answer(listed(ONE)))
    start(lambda: (whole[at : at + 1] for at in range(len(whole))))
    assert len(assignments(f"{tmp_path}/kubelet.sock", 5)) == 1


def test_the_list_of_a_large_node_needs_no_second_window(start: Start, tmp_path: Path) -> None:
    many = [Given("ml", f"pod-{number}", "main", (f"GPU-{number}",)) for number in range(4000)]
    start(lambda: answer(listed(many)))
    assert len(listed(many)) > 200_000
    assert len(assignments(f"{tmp_path}/kubelet.sock", 10)) == 4000


def test_a_node_without_pods(start: Start, tmp_path: Path) -> None:
    start(lambda: answer(b""))
    assert assignments(f"{tmp_path}/kubelet.sock", 5) == []


def test_padding_is_no_part_of_the_message(start: Start, tmp_path: Path) -> None:
    body = message(listed(ONE))
    start(lambda: [frame(DATA, 0x8, 1, b"\x04" + body + bytes(4)), frame(HEADERS, 0x5, 1, END)])
    assert len(assignments(f"{tmp_path}/kubelet.sock", 5)) == 1


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        ([frame(HEADERS, 0x5, 1, END)], "without a message"),
        ([frame(RST, 0, 1, struct.pack(">I", 8))], "HTTP/2 error 8"),
        ([frame(GOAWAY, 0, 0, struct.pack(">II", 0, 1))], "HTTP/2 error 1"),
        ([b"HTTP/1.1 400 Bad Request\r\n\r\n"], "does not speak HTTP/2"),
        ([b"\xff" * 100], "does not speak HTTP/2"),
        ([], "closed before"),
        (answer(listed(ONE))[:-1], "closed before"),
        ([frame(DATA, 1, 1, b"\x01\x00\x00\x00\x01x")], "not one plain message"),
        ([frame(DATA, 1, 1, message(b"abc") + b"d")], "not one plain message"),
        ([frame(DATA, 1, 1, message(b"abc")[:-1])], "not one plain message"),
        ([frame(DATA, 0x9, 1, b"")], "without a message"),
    ],
)
def test_what_is_no_answer_is_one_line(start: Start, tmp_path: Path, reply: list[bytes], says: str) -> None:
    start(lambda: reply)
    with pytest.raises(SourceError, match=says) as raised:
        assignments(f"{tmp_path}/kubelet.sock", 5)
    assert not isinstance(raised.value, UnavailableError)
    assert str(raised.value).startswith(f"{tmp_path}/kubelet.sock: ")


def test_one_that_says_nothing_costs_its_time_and_no_more(start: Start, tmp_path: Path) -> None:
    server = start(list)
    server.hang.set()
    begun = time.monotonic()
    with pytest.raises(SourceError, match="no answer within"):
        assignments(f"{tmp_path}/kubelet.sock", 0.1)
    print(f"{time.monotonic() - begun:.3f} s")


def test_one_that_goes_on_for_ever_ends_too(start: Start, tmp_path: Path) -> None:
    def pings() -> Iterator[bytes]:
        while True:
            yield frame(SETTINGS, 0x1, 0)

    start(pings)
    with pytest.raises(SourceError, match="no answer within"):
        assignments(f"{tmp_path}/kubelet.sock", 0.2)


def test_no_kubelet_is_normal_and_one_that_is_not_ours_is_not(tmp_path: Path) -> None:
    for path in ("none.sock", "none/kubelet.sock"):
        with pytest.raises(UnavailableError):
            assignments(str(tmp_path / path))
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match="refused"):
        assignments(str(tmp_path / "file"))
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "left.sock"))  # nobody listens any more
        with pytest.raises(SourceError, match="refused"):
            assignments(str(tmp_path / "left.sock"))
    with pytest.raises(SourceError, match="too long"):
        assignments("/tmp/" + "x" * 200)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open everything")
def test_a_socket_that_may_not_be_opened_is_said(start: Start, tmp_path: Path) -> None:
    start(list)
    (tmp_path / "kubelet.sock").chmod(0)
    with pytest.raises(SourceError, match="Permission denied"):
        assignments(f"{tmp_path}/kubelet.sock")


def test_a_damaged_message_gives_what_can_be_read_of_it() -> None:
    whole = listed([*ONE, Given("ml", "b", "y", (M,))])
    for cut in range(len(whole)):
        assert set(parse(whole[:cut])) <= set(parse(whole))
    for byte in range(256):
        parse(bytes((byte,)) * 50)


def test_names_of_pods_from_links_to_their_logs(tmp_path: Path) -> None:
    clock = Clock()
    pods = Pods(str(tmp_path / "none"), str(tmp_path / "containers"), clock)
    assert pods.name(ID) is None  # no such folder
    write(tmp_path, {f"containers/trainer-0_ml_my-main-{ID}.log": "", "containers/other.log": ""})
    assert pods.name(ID) is None  # just looked
    clock.now += 15
    assert pods.name(ID) == PodName("ml", "trainer-0", "my-main")
    assert pods.name("") is None


def test_a_kubelet_that_fails_is_left_in_peace_for_a_minute(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    replies = [answer(listed(ONE)), [], answer(listed(ONE))]
    server = start(lambda: replies.pop(0))
    pods = Pods(f"{tmp_path}/kubelet.sock", str(tmp_path), clock)
    pods.begin()
    assert (pods.kubelet_up, len(pods.given(G))) == (True, 1)
    pods.begin()
    assert (pods.kubelet_up, pods.given(G)) == (False, [])
    for _ in range(3):
        clock.now += 15
        pods.begin()
    assert len(server.asked) == 2
    clock.now += 15
    pods.begin()
    assert (pods.kubelet_up, len(pods.given(G))) == (True, 1)
    assert len([record for record in caplog.records if "kubelet" in record.message]) == 1


def test_a_machine_without_a_kubelet_says_nothing_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pods = Pods(f"{tmp_path}/kubelet.sock", str(tmp_path))
    pods.begin()
    assert pods.kubelet_up is None
    assert not caplog.records
