"""What the doctor says of the configuration, the address, the state's folder and the machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from machines import write
from stoker.config import HostSettings, Links, Settings
from stoker.doctor.finding import State
from stoker.doctor.machine import host, system
from stoker.doctor.places import address, configuration, links, state_folder
from stoker.documents import Position, Problem
from stoker.server.http import Server
from stoker.server.message import Response, Route
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path


def test_a_configuration_is_there_missing_or_wrong(tmp_path: Path) -> None:
    assert configuration(tmp_path, []).state is State.OK
    assert configuration(None, []).state is State.DEGRADED
    wrong = configuration(tmp_path, [Problem(Position("stoker.yaml", 3, 1), "unknown-key", "hosst is no key here")])
    assert wrong.state is State.BROKEN
    assert "stoker.yaml:3:1: unknown-key: hosst is no key here" in wrong.says


def test_an_address_is_free_ours_or_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        other.settimeout(10)
    (free,) = address(Settings(listen=f"127.0.0.1:{port}"))
    assert (free.state, "is free" in free.says) == (State.OK, True)

    body = b"stoker_build_info 1\n"
    server = Server("127.0.0.1:0", [Route("/metrics", {"GET": lambda _: Response(200, body)})])
    server.start()
    try:
        (ours,) = address(Settings(listen=server.address))
        body = b"something_else 1\n"
        (taken,) = address(Settings(listen=server.address))
    finally:
        server.stop()
    assert (ours.state, "a Stoker answers" in ours.says) == (State.OK, True)
    assert taken.state is State.BROKEN
    assert "Address already in use" in taken.says


def test_an_address_that_is_not_this_machines_or_open_to_all() -> None:
    (found, is_open) = address(Settings(listen="203.0.113.7:9838"))
    assert found.state is State.BROKEN
    assert is_open.state is State.DEGRADED
    assert "nobody for a password" in is_open.says


def test_the_state_can_be_kept_or_not(tmp_path: Path) -> None:
    (fine,) = state_folder(tmp_path / "yet" / "to come")
    assert fine.state is State.OK
    assert not (tmp_path / "yet").exists()
    (tmp_path / "file").write_text("")
    (no_folder,) = state_folder(tmp_path / "file" / "state")
    assert no_folder.state is State.BROKEN
    assert "is no folder" in no_folder.says


def test_collectors_that_work_lack_something_or_fail_are_told_apart(tmp_path: Path) -> None:
    write(tmp_path, {"proc/meminfo": "MemTotal: 1 kB\n", "proc/loadavg": "nonsense\n", "sys/empty": ""})
    only = dict.fromkeys(
        ("host_cpu", "host_disk", "host_network", "host_info", "host_swap", "host_processes", "host_oom"), False
    )
    only |= {"host_filesystem": False, "host_memory": False, "host_temperature": False}
    settings = Settings(host=HostSettings(collectors=only))
    found = list(host(settings, Machine(str(tmp_path / "proc"), str(tmp_path / "sys"))))
    by_topic = {each.topic: each for each in found}
    assert by_topic["host_load"].state is State.BROKEN
    assert "host_load: false" in by_topic["host_load"].do
    assert "host_infiniband" in by_topic["host"].says
    (off,) = host(Settings(host=HostSettings(enabled=False)), Machine())
    assert off.state is State.ABSENT


def test_another_system_is_told_what_it_misses() -> None:
    assert system("linux").state is State.OK
    assert system("darwin").state is State.DEGRADED
    assert "Linux only" in system("darwin").says


def test_links_that_nobody_has_set_lead_nowhere() -> None:
    found = links(Settings())
    assert found is not None
    assert found.state is State.DEGRADED
    assert "which is an example" in found.says
    assert links(Settings(links=Links(runbooks="https://wiki.example.com/runbooks"))) is None
