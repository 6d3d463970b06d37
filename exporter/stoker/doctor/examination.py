"""The whole examination, topic by topic, each as soon as it is known."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.config.load import state_dir
from stoker.doctor import gpu, gpu_owners, logs, machine, places, programs, servers
from stoker.documents import Problems
from stoker.logs.formats_sources import formats_of
from stoker.sources.machine import Machine
from stoker.sources.nvml import NvmlGate
from stoker.sources.pci import Bus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stoker.config import Settings
    from stoker.doctor.finding import Finding
    from stoker.documents import Problem
    from stoker.spec.pack import Pack


@dataclass(frozen=True, slots=True)
class Servers:
    """Where Prometheus and Alertmanager are, and which of them the user named."""

    prometheus: str
    alertmanager: str
    asked_prometheus: bool = False
    asked_alertmanager: bool = False


def examine(
    file: Path | None,
    settings: Settings,
    pack: Pack,
    problems: Sequence[Problem],
    where: Servers,
    env: Mapping[str, str] | None = None,
) -> Iterator[Finding]:
    """Look at everything.

    Args:
        file: stoker.yaml, if there is one.
        settings: what it says; the defaults where it is wrong.
        pack: with its catalogue.
        problems: of the configuration.
        where: the servers.
        env: of this process; what NVML's library is found by.
    """
    here = Machine.of(settings.host)
    yield machine.system()
    yield places.configuration(file, problems)
    if (links := places.links(settings)) is not None:
        yield links
    yield from places.address(settings)
    yield from places.state_folder(state_dir(settings, os.environ))
    yield from machine.host(settings, here)
    yield from _gpus(settings, here, dict(os.environ if env is None else env))
    # formats that are wrong are told by the configuration
    yield from logs.sources(settings, formats_of(settings.sources, pack.formats, pack.catalog, Problems()))
    yield from servers.Prometheus(where.prometheus, asked=where.asked_prometheus).look(pack)
    yield from servers.alertmanager(where.alertmanager, asked=where.asked_alertmanager)
    yield programs.tools()


def _gpus(settings: Settings, here: Machine, env: Mapping[str, str]) -> Iterator[Finding]:
    gate = None
    if settings.gpu.enabled is not False:
        gate = NvmlGate(
            sysfs=Path(here.sys),
            procfs=Path(here.proc),
            memory=_remembered(state_dir(settings, os.environ) / "gpu.json"),
            env=env,
            deadline=settings.gpu.deadline,
        )
    pci = Bus(Path(here.sys), Path("/"), env).gpus()
    try:
        found = list(gpu.gpus(settings, gate, pci))
    finally:
        if gate is not None:
            gate.close()
    yield from found
    answering = any("answering" in each.says for each in found)
    if answering:
        yield from gpu_owners.owners(settings, Path(here.proc))
    wanted = logs.kernel_wanted(settings, gpus=answering)
    if wanted is not None:
        yield wanted


def _remembered(file: Path) -> dict[str, object]:
    """The GPUs that the exporter knows. A copy: an examination changes nothing that the exporter remembers."""
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    values = kept.get("values") if isinstance(kept, dict) else None
    return values if isinstance(values, dict) else {}
