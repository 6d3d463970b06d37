"""The parts of a running exporter, each wired from the settings: the collectors and the log engine."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stoker.catalog import catalog
from stoker.collectors.gpu import Gpus, gpu_collectors
from stoker.collectors.gpu_accounts import GpuAccounts
from stoker.collectors.host import host_collectors
from stoker.collectors.schedule import Schedule, State
from stoker.config.load import state_dir
from stoker.config.settings import RunsSettings, SourceSettings
from stoker.detect.run_watch import RunWatch
from stoker.detect.service_watch import ServiceWatch
from stoker.documents import Problems
from stoker.logs.engine import LogEngine
from stoker.logs.finder_gpu import GpuOutputsFinder
from stoker.logs.finder_runs import RunsFinder
from stoker.logs.formats_sources import formats_of
from stoker.logs.gpu_events import GpuEvents
from stoker.logs.implied import kernel_source
from stoker.logs.state import KeptMapping
from stoker.server.page import Table
from stoker.sources.host import Host
from stoker.sources.mounts import Mounts
from stoker.sources.nvml import NvmlGate
from stoker.sources.nvml_recorded import RecordedProcess
from stoker.sources.pods import LOGS, Pods
from stoker.sources.recording import ACCOUNTS
from stoker.sources.run_folder import folders as run_folders

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from stoker.collectors.collector import Collector
    from stoker.config import Settings
    from stoker.logs.finder import Finder
    from stoker.logs.origin_ingest import Ingest
    from stoker.metrics import Desc, Sample
    from stoker.sources.machine import Machine
    from stoker.sources.replay import Replay
    from stoker.spec.pack import Pack


_RUNS = "runs"
"""The source of what runs under `stoker run`."""
_SHARE = 0.85
"""Of a collector's deadline that a look at GPUs may take, so that it is over before the deadline is."""


class Part(Protocol):
    """Something that runs in the background and has samples."""

    @property
    def ready(self) -> bool:
        """Whether its first samples are there."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End within a second."""

    def samples(self) -> Sequence[Sample]:
        """What it has; never waits for a device."""

    def tables(self) -> Sequence[Table]:
        """What the status page shows of it."""


@dataclass(slots=True)
class CollectorsPart:
    """The schedule of the collectors as a Part.

    Attributes:
        made_of: the settings that it was made of; a reload that leaves them as they are goes on with it.
    """

    schedule: Schedule
    nvml: NvmlGate | None = None
    made_of: tuple[object, ...] = ()

    @property
    def ready(self) -> bool:
        """See Part."""
        return self.schedule.ready

    def start(self) -> None:
        """See Part."""
        self.schedule.start()

    def stop(self) -> None:
        """See Part."""
        self.schedule.stop(0.5)
        if self.nvml is not None:
            self.nvml.close()

    def forget(self, uuid: str) -> bool:
        """Forget a GPU that is gone; whether it was known."""
        return self.nvml is not None and self.nvml.forget(uuid)

    def gpus_read_at(self) -> float:
        """When GPUs were last read, in monotonic seconds; 0 when they were not."""
        return self.schedule.read_at(Gpus.name)

    def samples(self) -> Sequence[Sample]:
        """See Part."""
        return self.schedule.samples()

    def tables(self) -> Sequence[Table]:
        """See Part."""
        rows = []
        for status in self.schedule.status():
            mark = {State.FAILED: "!", State.STUCK: "!", State.UNAVAILABLE: "~"}.get(status.state, "")
            took = f"{status.duration * 1000:.1f} ms"
            rows.append((f"{mark}{status.name}", str(status.state), str(status.series), took, status.says))
        return [Table("Collectors", ("collector", "state", "series", "last run", "says"), rows)]


@dataclass(slots=True)
class LogsPart:
    """The log engine as a Part."""

    engine: LogEngine

    @property
    def ready(self) -> bool:
        """See Part."""
        return self.engine.ready

    def start(self) -> None:
        """See Part."""
        self.engine.start()

    def stop(self) -> None:
        """See Part."""
        self.engine.stop()

    def ingest(self, name: str) -> Ingest | None:
        """The source of this name, when it is one that is pushed to."""
        return self.engine.ingest(name)

    def samples(self) -> Sequence[Sample]:
        """See Part."""
        return self.engine.samples()

    def tables(self) -> Sequence[Table]:
        """See Part."""
        rows = []
        for status in self.engine.status():
            last = f"{datetime.fromtimestamp(status.last_line, UTC):%Y-%m-%d %H:%M:%S}" if status.last_line else ""
            errors = ", ".join(f"{reason} {count}" for reason, count in sorted(status.errors.items()))
            counts = (str(status.files), str(status.lines), str(status.matched), str(status.lag))
            mark = "!" if status.says else "~" if status.waits else ""
            rows.append((f"{mark}{status.name}", *counts, last, errors, status.says or status.waits))
        head = ("source", "files", "lines", "understood", "lag (bytes)", "last line (UTC)", "errors", "says")
        return [Table("Logs", head, rows)]


def nvml_gate(settings: Settings, machine: Machine) -> NvmlGate | None:
    """The gate to the GPUs, unless they are switched off. What it remembers of them is kept in the state directory."""
    if settings.gpu.enabled is False:
        return None
    return NvmlGate(
        sysfs=Path(machine.sys),
        procfs=Path(machine.proc),
        memory=KeptMapping(state_dir(settings, os.environ) / "gpu.json"),
        deadline=settings.gpu.deadline,
        budget=settings.deadline * _SHARE,
        process_user=settings.gpu.process_user,
    )


def replayed_parts(
    replay: Replay, settings: Settings, _: Pack, machine: Machine, before: Sequence[Part] = ()
) -> list[Part]:
    """A recorded machine in place of this one: its collectors, and no logs; nothing is kept."""
    made_of = (settings.host, settings.gpu, settings.interval, settings.deadline)
    for part in before:
        if isinstance(part, CollectorsPart) and part.made_of == made_of:
            return [part]
    recording = replay.recording
    collectors: list[Collector] = []
    if settings.host.enabled:
        mounts = Mounts(machine.proc, machine.root, statvfs=replay.statvfs)
        found = host_collectors(
            Host(machine, mounts=mounts, read_file=replay.read_file),
            switches=settings.host.collectors,
            clock=replay.clock,
            monotonic=replay.elapsed,
            calls=replay.calls,
        )
        collectors += [each for each in found if each.name in recording.covers]
    nvml = None
    if recording.gpus and settings.gpu.enabled is not False:
        nvml = NvmlGate(
            sysfs=Path(machine.sys),
            procfs=Path(machine.proc),
            root=Path(machine.root),
            memory=dict(recording.known),
            clock=replay.clock,
            env={},
            process=RecordedProcess(replay.now),
        )
        collectors += gpu_collectors(
            nvml,
            required=settings.gpu.enabled is True,
            pods=Pods(logs=f"{machine.root}{LOGS}", ask=replay.calls.kubelet),
            accounts=GpuAccounts(
                lambda: replay.accounts,
                clock=replay.clock,
                monotonic=replay.elapsed,
                users=False,
            ),
            accounted=ACCOUNTS in recording.covers,
        )
    schedule = Schedule(collectors, interval=settings.interval, deadline=settings.deadline, shown=replay.named)
    return [CollectorsPart(schedule, nvml, made_of)]


def with_runs(settings: Settings) -> Settings:
    """The settings with a source for what runs under `stoker run`, unless they have one or switch it off."""
    if any(source.runs is not None for source in settings.sources):
        return replace(settings, sources=tuple(source for source in settings.sources if source.runs is not False))
    taken = any(source.name == _RUNS for source in settings.sources)
    own = SourceSettings(name=f"stoker-{_RUNS}" if taken else _RUNS, runs=True)
    return replace(settings, sources=(*settings.sources, own))


def with_kernel(settings: Settings, pack: Pack) -> Settings:
    """The settings with a source for the kernel's log where they need none to have one, unless they switch it off."""
    own = kernel_source(settings, pack.formats)
    sources = tuple(source for source in settings.sources if source.kernel is not False)
    return replace(settings, sources=sources if own is None else (*sources, own))


def run_engine(settings: Settings, pack: Pack, folder: Path, base: str) -> LogEngine:
    """An engine for one run under `stoker run` only, which keeps no state."""
    source = SourceSettings(name=_RUNS, runs=RunsSettings(folder=str(folder)))
    return log_engine(replace(settings, sources=(source,)), pack, only=base)


def log_engine(settings: Settings, pack: Pack, nvml: NvmlGate | None = None, only: str = "") -> LogEngine:
    """The engine for the sources of the settings; `only` names the files of a run, when there is no other and no state is kept.

    Raises:
        MistakeError: when a source names a format that does not exist, or a format is wrong.
    """
    problems = Problems()
    descs = catalog(pack.metrics)
    formats = formats_of(settings.sources, pack.formats, descs, problems)
    problems.raise_if_any()
    return LogEngine(
        settings,
        formats,
        pack.metrics,
        descs,
        watches={"stoker_train_": RunWatch, "stoker_serve_": ServiceWatch},
        find=partial(_finder, settings, descs, nvml, only),
        folder=None if only else state_dir(settings, os.environ),
        host=socket.gethostname(),
        identify=nvml.identify if nvml is not None else lambda _: None,
        events=GpuEvents(nvml.events) if nvml is not None else None,
        gpus_known=(lambda: nvml.looked) if nvml is not None else lambda: True,
    )


def _finder(
    settings: Settings,
    descs: Mapping[str, Desc],
    nvml: NvmlGate | None,
    only: str,
    source: SourceSettings,
    errors: Counter[str],
) -> Finder | None:
    """What finds the files of a source that has no globs."""
    host = socket.gethostname()
    if source.discover is not None:
        return GpuOutputsFinder(
            source,
            nvml.processes if nvml is not None else frozenset,
            clock=time.time,
            steady=time.perf_counter,
            host=host,
            procfs=settings.host.proc,
        )
    if source.runs is None:
        return None
    named = source.runs.folder if isinstance(source.runs, RunsSettings) else None
    state = state_dir(settings, os.environ)
    return RunsFinder(
        source,
        [Path(named)] if named else run_folders(state, os.environ),
        descs,
        errors,
        clock=time.time,
        host=host,
        label_length=settings.limits.label_length,
        shared=None if named else state,
        only=only,
    )


def build_parts(settings: Settings, pack: Pack, machine: Machine, before: Sequence[Part] = ()) -> list[Part]:
    """What the settings ask for, not yet started, or one of those `before` that runs on."""
    parts: list[Part] = []
    settings = with_kernel(with_runs(settings), pack)
    collecting = _collecting(settings, machine, before)
    if collecting is not None:
        parts.append(collecting)
    nvml = collecting.nvml if collecting is not None else None
    if settings.sources or nvml is not None:
        parts.append(LogsPart(log_engine(settings, pack, nvml)))
    return parts


def _collecting(settings: Settings, machine: Machine, before: Sequence[Part]) -> CollectorsPart | None:
    """The collectors. What they remember (the last reading, GPUs' errors, since when a process hangs) is worth keeping."""
    made_of = (settings.host, settings.gpu, settings.interval, settings.deadline, settings.state_dir)
    for part in before:
        if isinstance(part, CollectorsPart) and part.made_of == made_of:
            return part
    collectors: list[Collector] = []
    if settings.host.enabled:
        collectors += host_collectors(machine, switches=settings.host.collectors)
    nvml = nvml_gate(settings, machine)
    if nvml is not None:
        kept = state_dir(settings, os.environ) / "gpu_accounts.json"
        collectors += gpu_collectors(
            nvml,
            required=settings.gpu.enabled is True,
            pods=Pods(settings.gpu.kubelet_socket, f"{machine.root.rstrip('/')}{LOGS}"),
            accounts=GpuAccounts(partial(KeptMapping, kept), users=settings.gpu.process_user != "off"),
        )
    if not collectors:
        return None
    schedule = Schedule(collectors, interval=settings.interval, deadline=settings.deadline)
    return CollectorsPart(schedule, nvml, made_of)
