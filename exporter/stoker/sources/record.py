"""Writes this machine down: GPUs through the real gate, so that what hangs costs what it costs the exporter, and files."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoker.errors import SourceError, UnavailableError
from stoker.sources.mounts import Mounts
from stoker.sources.nvml import NvmlGate
from stoker.sources.nvml_lost import StartError
from stoker.sources.nvml_recorded import RecordingProcess
from stoker.sources.pci import Bus
from stoker.sources.recording import Recording, Round
from stoker.sources.recording_files import Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.sources.machine import Machine

_FIRST = 1.0
"""Seconds from a look that is thrown away to the first that counts: activity is told between two."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be recorded.

    Attributes:
        rounds: looks.
        every: seconds between them.
        host: the machine's name.
        named: what stands in the recording in place of it.
        gpus: whether NVML is asked.
        deadline: seconds that one NVML call may take.
        known: GPUs that Stoker remembers of the machine.
    """

    rounds: int
    every: float
    host: str
    named: str
    gpus: bool
    deadline: float
    known: dict[str, Any]


def record(
    machine: Machine,
    asked: Asked,
    env: Mapping[str, str],
    *,
    root: Path = Path("/"),
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
) -> Recording:
    """Look so often as asked.

    Args:
        machine: where its files are.
        asked: what is wanted.
        env: in which NVML's library is found.
        root: where /dev, and the files by which a container is known, are.
        clock: seconds since the epoch.
        wait: waits for some seconds.
    """
    procfs = Path(machine.proc)
    process = RecordingProcess(env, asked.deadline)
    gate = NvmlGate(
        sysfs=Path(machine.sys),
        procfs=procfs,
        memory=dict(asked.known),
        env=env,
        deadline=asked.deadline,
        root=root,
        process=process,
    )
    mounts = Mounts(machine.proc, machine.root)
    bus = Bus(Path(machine.sys), root, env).gpus() is not None
    rounds: list[Round] = []
    try:
        gpus = asked.gpus and _look(gate)
        if gpus and process.answered and asked.rounds:
            process.taken()
            wait(min(_FIRST, asked.every))
            _look(gate)
        begun = clock()
        for number in range(asked.rounds):
            if number:
                wait(asked.every)
                if gpus:
                    _look(gate)
            taken = Taken(machine, procfs).take(bus=bus, gpu_processes=gate.processes() or (), mounts=mounts)
            rounds.append(Round(number * asked.every, process.taken(), taken.files, taken.links, taken.mounts))
    finally:
        gate.close()
    found = Recording(asked.host, platform.machine(), begun, gpus, rounds, dict(asked.known))
    return _renamed(found, asked.host, asked.named) if asked.named != asked.host else found


def _look(gate: NvmlGate) -> bool:
    """Whether NVML could be asked at all; that it has no driver is an answer."""
    try:
        gate.snapshot()
    except StartError:
        return False
    except UnavailableError:
        return True
    except SourceError:
        return True  # what went wrong is among the answers
    return True


def _renamed(recording: Recording, host: str, named: str) -> Recording:
    """Every mention of the machine's name replaced."""

    def text(value: str) -> str:
        return value.replace(host, named) if host else value

    def anything(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        if isinstance(value, str):
            return text(value)
        if isinstance(value, list):
            return [anything(each) for each in value]
        if isinstance(value, dict):
            return {text(name): anything(each) for name, each in value.items()}
        return value

    rounds = [
        Round(each.at, *(anything(part) for part in (each.answers, each.files, each.links, each.mounts)))
        for each in recording.rounds
    ]
    return replace(recording, host=named, rounds=rounds, known=anything(recording.known))
