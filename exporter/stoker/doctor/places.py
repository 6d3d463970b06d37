"""Looks at what the exporter needs of its own place: the configuration, the address, the folder of its state."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.config import Links
from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError
from stoker.sources.http import get

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stoker.config import Settings
    from stoker.documents import Problem

_LITTLE = 100 << 20
_LOOPBACK = ("127.", "localhost", "[::1]", "::1")


def configuration(file: Path | None, problems: Sequence[Problem]) -> Finding:
    """Whether stoker.yaml is there and right."""
    if problems:
        says = f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in it, the first: {problems[0]}"
        return Finding("configuration", State.BROKEN, says, "`stoker check` shows them all")
    if file is None:
        says = "no stoker.yaml: the defaults hold, and only what runs under `stoker run` is followed"
        return Finding(
            "configuration",
            State.DEGRADED,
            says,
            "say in ./stoker.yaml or /etc/stoker/stoker.yaml which logs to follow",
        )
    return Finding("configuration", State.OK, str(file))


def address(settings: Settings) -> Iterator[Finding]:
    """Whether the exporter could listen, or listens already."""
    listen = str(settings.listen)
    host, _, port = listen.rpartition(":")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            yield _taken(listen, error)
        else:
            yield Finding("address", State.OK, f"{listen} is free for `stoker serve`")
    if not host.startswith(_LOOPBACK):
        says = f"{listen} is open to the network, and this exporter asks nobody for a password"
        yield Finding("address", State.DEGRADED, says, "let a firewall admit Prometheus alone")


def _taken(listen: str, error: OSError) -> Finding:
    try:
        ours = b"stoker_build_info" in get(f"http://{listen}/metrics")
    except SourceError:
        ours = False
    if ours:
        return Finding("address", State.OK, f"a Stoker answers at {listen}")
    return Finding(
        "address", State.BROKEN, f"{listen}: {error.strerror}", "set `listen:` to a free address of this machine"
    )


def state_folder(folder: Path) -> Iterator[Finding]:
    """Whether positions and counters can be kept."""
    existing = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    topic, who = "state", f"user {os.geteuid()}"
    if not existing.is_dir():
        yield Finding(topic, State.BROKEN, f"{existing} is no folder", "set `state_dir:` to a folder")
        return
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        right = f"`install -d -o USER {folder}`, or set `state_dir:` to a folder of the exporter's user"
        yield Finding(
            topic,
            State.BROKEN,
            f"{who} cannot write in {existing}: {error.strerror}; a restart would lose counters",
            right,
        )
        return
    free = shutil.disk_usage(existing).free
    if free < _LITTLE:
        yield Finding(
            topic, State.DEGRADED, f"{existing} has {free >> 20} MiB left", "make room: a full disk costs durability"
        )
        return
    yield Finding(
        topic, State.OK, f"{folder} {'is' if folder.exists() else 'can be made and is'} writable, {free >> 30} GiB free"
    )


def links(settings: Settings) -> Finding | None:
    """Whether the links in mails can lead anywhere; None where somebody has said where the runbooks are."""
    base = str(settings.links.runbooks)
    if base != str(Links().runbooks):
        return None
    right = (
        "put docs/runbooks, which `stoker generate` writes, where people can read it, and set `links: {runbooks: …}`"
    )
    return Finding(
        "links", State.DEGRADED, f"the runbook links in notifications lead to {base}, which is an example", right
    )
