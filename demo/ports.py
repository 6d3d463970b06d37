"""Where the servers of the demonstration listen: from the environment where it names a port, and each port is free."""

from __future__ import annotations

import os
from dataclasses import dataclass

from demo.processes import DemoError, port_is_free

DEFAULTS = {
    "exporter": ("STOKER_PORT", 9838),
    "prometheus": ("PROMETHEUS_PORT", 9090),
    "alertmanager": ("ALERTMANAGER_PORT", 9093),
    "smtp": ("SMTP_PORT", 2525),
    "http": ("WEBHOOK_PORT", 9880),
    "model": ("MODEL_PORT", 9870),
    "grafana": ("GRAFANA_PORT", 3000),
}
_LAST = 65535


@dataclass(frozen=True, slots=True)
class Ports:
    """All on 127.0.0.1."""

    exporter: int
    prometheus: int
    alertmanager: int
    smtp: int
    http: int
    model: int
    grafana: int


def chosen_ports(*, with_grafana: bool) -> Ports:
    """The ports of a demonstration.

    Raises:
        DemoError: one is no port, is taken or is wanted twice.
    """
    found: dict[str, int] = {}
    for name, (variable, default) in DEFAULTS.items():
        text = os.environ.get(variable, str(default))
        if not (text.isascii() and text.isdigit()) or not 0 < int(text) <= _LAST:
            raise DemoError(f"{variable}={text} is no port; choose a number from 1 to {_LAST}")
        port = int(text)
        if port in found.values():
            other = DEFAULTS[next(each for each, taken in found.items() if taken == port)][0]
            raise DemoError(
                f"{variable} and {other} are both {port}; choose two ports: {variable}={_free(port)} make up"
            )
        if (with_grafana or name != "grafana") and not port_is_free(port):
            raise DemoError(f"port {port} is taken; choose another one for {name}: {variable}={_free(port)} make up")
        found[name] = port
    return Ports(**found)


def _free(port: int) -> int:
    """A port that could be used instead: the next one that is free and not wanted by another server."""
    wanted = {default for _, default in DEFAULTS.values()}
    return next((each for each in range(port + 1, _LAST + 1) if each not in wanted and port_is_free(each)), port - 1)
