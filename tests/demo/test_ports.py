"""Ports of the demonstration: chosen through the environment, and one clear line for each that cannot be had."""

from __future__ import annotations

import socket

import pytest
from demo.ports import DEFAULTS, chosen_ports
from demo.processes import DemoError, free_ports


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """A free port for each server, named in the environment."""
    found = dict(zip(DEFAULTS, free_ports(len(DEFAULTS)), strict=True))
    for name, (variable, _) in DEFAULTS.items():
        monkeypatch.setenv(variable, str(found[name]))
    return found


def test_ports_come_from_the_environment(chosen: dict[str, int]) -> None:
    ports = chosen_ports(with_grafana=True)
    assert {name: getattr(ports, name) for name in DEFAULTS} == chosen


def test_a_taken_port_is_said_with_another_that_is_free(chosen: dict[str, int]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", chosen["grafana"]))
        taken.listen()
        with pytest.raises(
            DemoError, match=rf"^port {chosen['grafana']} is taken; .* GRAFANA_PORT=\d+ make up$"
        ) as told:
            chosen_ports(with_grafana=True)
        assert f"={chosen['grafana']} " not in str(told.value)
        assert chosen_ports(with_grafana=False).grafana == chosen["grafana"]


@pytest.mark.parametrize("text", ["none", "0", "65536", "-1", "²", ""])
def test_what_is_no_port_is_refused(chosen: dict[str, int], monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    assert chosen
    monkeypatch.setenv("MODEL_PORT", text)
    with pytest.raises(DemoError, match=f"^MODEL_PORT={text} is no port; choose a number from 1 to 65535$"):
        chosen_ports(with_grafana=False)


def test_two_servers_cannot_have_one_port(chosen: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALERTMANAGER_PORT", str(chosen["prometheus"]))
    with pytest.raises(DemoError, match=r"^ALERTMANAGER_PORT and PROMETHEUS_PORT are both "):
        chosen_ports(with_grafana=False)
