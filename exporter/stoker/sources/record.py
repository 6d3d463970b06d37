"""Writes this machine down: GPUs, mounts, drives and owners through the real gates, so that what hangs costs what it costs the exporter."""

from __future__ import annotations

import logging
import platform
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stoker.errors import DeadlineError, SourceError, UnavailableError
from stoker.sources.calls import DRIVE, REAL, Calls, Noted
from stoker.sources.mounts import Mounts
from stoker.sources.nvme import Drives
from stoker.sources.nvml import NvmlGate
from stoker.sources.nvml_lost import StartError
from stoker.sources.nvml_recorded import RecordingProcess
from stoker.sources.owners import Owners
from stoker.sources.pci import Bus
from stoker.sources.pod_resources import SOCKET
from stoker.sources.pods import LOGS, Pods
from stoker.sources.recording import Recording, Round
from stoker.sources.recording_files import Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from stoker.sources.machine import Machine

log = logging.getLogger(__name__)

_FIRST = 1.0
"""Seconds from a look that is thrown away to the first that counts: activity is told between two."""
_DRIVES_EVERY = 300.0
"""Seconds between two questions to a drive, as the exporter asks."""


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
        accounts: what it remembers of their use.
        covers: see recording.Recording.
        kubelet: socket of its pod-resources service.
    """

    rounds: int
    every: float
    host: str
    named: str
    gpus: bool
    deadline: float
    known: dict[str, Any]
    accounts: dict[str, Any] = field(default_factory=dict)
    covers: tuple[str, ...] = ()
    kubelet: str = SOCKET


class _Watch:
    """Looks at a machine but for what NVML says.

    Args:
        machine: where its files are.
        asked: what is wanted.
        calls: what is asked and not read.
        bus: see Taken.take.
    """

    def __init__(self, machine: Machine, asked: Asked, calls: Calls, *, bus: bool) -> None:
        self._machine = machine
        self._bus = bus
        self._noted = Noted(calls)
        self._mounts = Mounts(machine.proc, machine.root)
        self._drives = Drives(machine.root, read=self._noted.calls.drive)
        self._drives_at = 0.0
        self._owners = Owners(Path(machine.proc))
        self._pods = Pods(asked.kubelet, f"{machine.root.rstrip('/')}{LOGS}", ask=self._noted.calls.kubelet)
        self._refused: dict[str, str] = {}

    def look(self, at: float, answers: list[dict[str, Any]], on_gpus: Iterable[int] | None) -> Round:
        """One round.

        Args:
            at: seconds since the first one.
            answers: of NVML.
            on_gpus: numbers of processes; None when NVML told nothing of them.
        """
        taken = Taken(self._machine, self._refused).take(bus=self._bus, mounts=self._mounts)
        self._refused = taken.unread
        with suppress(SourceError):  # noted
            self._noted.calls.clock()
        if at >= self._drives_at:
            self._drives_at = at + _DRIVES_EVERY
            self._ask_drives(taken.files)
        if on_gpus is not None:
            self._owners.begin()
            self._pods.begin()
            owners = {pid: self._owners.owner(pid) for pid in on_gpus}
            containers = {owner.container_id for owner in owners.values()}
            names = ((each, self._pods.name(each)) for each in sorted(containers))
            taken.own(owners, [(each, name) for each, name in names if name is not None])
        return Round(at, answers, taken.files, taken.links, taken.mounts, taken.unread, dict(self._noted.said))

    def _ask_drives(self, files: Mapping[str, str]) -> None:
        for drive in self._machine.folders("class/nvme"):
            if files.get(f"sys/class/nvme/{drive}/state", "").strip() == "live":
                try:
                    self._drives.health(drive)
                except DeadlineError as error:
                    self._noted.failed(f"{DRIVE}{drive}", str(error))
                except SourceError:
                    continue  # noted


def record(
    machine: Machine,
    asked: Asked,
    env: Mapping[str, str],
    *,
    root: Path = Path("/"),
    clock: Callable[[], float] = time.time,
    wait: Callable[[float], None] = time.sleep,
    calls: Calls = REAL,
) -> Recording:
    """Look so often as asked.

    Args:
        machine: where its files are.
        asked: what is wanted.
        env: in which NVML's library is found.
        root: where /dev, and the files by which a container is known, are.
        clock: seconds since the epoch.
        wait: waits for some seconds.
        calls: what is asked and not read.
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
    watch = _Watch(machine, asked, calls, bus=Bus(Path(machine.sys), root, env).gpus() is not None)
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
            rounds.append(watch.look(number * asked.every, process.taken(), gate.processes()))
    finally:
        gate.close()
    about = (asked.host, platform.machine(), begun, gpus)
    found = Recording(*about, rounds, dict(asked.known), dict(asked.accounts), asked.covers)
    return _renamed(found, asked.host, asked.named) if asked.named != asked.host else found


def _look(gate: NvmlGate) -> bool:
    """Whether NVML could be asked at all; that it has no driver is an answer."""
    try:
        gate.snapshot()
    except StartError as error:
        log.warning("the GPUs are not in the recording: %s", error)
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

    rounds = [Round(**anything(asdict(each))) for each in recording.rounds]
    return replace(
        recording, host=named, rounds=rounds, known=anything(recording.known), accounts=anything(recording.accounts)
    )
