"""The one place where things are wired: settings in, a running exporter out."""

from __future__ import annotations

import logging
import os
import platform
import socket
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from stoker import __version__
from stoker.catalog import catalog
from stoker.collectors.gpu import gpu_collectors
from stoker.collectors.host import check_switches, host_collectors
from stoker.collectors.schedule import Schedule, State
from stoker.config import Loaded, Settings, load_settings
from stoker.config.load import state_dir
from stoker.detect.run_watch import RunWatch
from stoker.detect.service_watch import ServiceWatch
from stoker.documents import Problems
from stoker.errors import MistakeError, StokerError
from stoker.logs.engine import LogEngine
from stoker.logs.formats_sources import formats_of
from stoker.logs.state import KeptMapping
from stoker.metrics import Sample, own
from stoker.server.exposition import Exposition
from stoker.server.http import Server
from stoker.server.page import Table, page
from stoker.server.site import routes
from stoker.sources.machine import Machine
from stoker.sources.nvml import NvmlGate
from stoker.spec.pack import Pack, load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from stoker.collectors.collector import Collector

log = logging.getLogger(__name__)

_TURN = 5.0
"""Seconds that a reload waits for the one before it."""
_STOP = 1.6
"""Seconds that all parts together have to end; a process has two."""


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

    def samples(self) -> Sequence[Sample]:
        """See Part."""
        return self.schedule.samples()

    def tables(self) -> Sequence[Table]:
        """See Part."""
        rows = []
        for status in self.schedule.status():
            bad = "!" if status.state in (State.FAILED, State.STUCK) else ""
            took = f"{status.duration * 1000:.1f} ms"
            rows.append((f"{bad}{status.name}", str(status.state), str(status.series), took, status.says))
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
            rows.append((f"{'!' if status.says else ''}{status.name}", *counts, last, errors, status.says))
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
        process_user=settings.gpu.process_user,
    )


def log_engine(settings: Settings, pack: Pack, nvml: NvmlGate | None = None) -> LogEngine:
    """The engine for the sources of the settings.

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
        folder=state_dir(settings, os.environ),
        host=socket.gethostname(),
        identify=nvml.identify if nvml is not None else lambda _: None,
    )


def build_parts(settings: Settings, pack: Pack, machine: Machine, before: Sequence[Part] = ()) -> list[Part]:
    """What the settings ask for, not yet started, or one of those `before` that runs on."""
    parts: list[Part] = []
    collecting = _collecting(settings, machine, before)
    if collecting is not None:
        parts.append(collecting)
    if settings.sources:
        parts.append(LogsPart(log_engine(settings, pack, collecting.nvml if collecting is not None else None)))
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
        collectors += gpu_collectors(nvml, required=settings.gpu.enabled is True)
    if not collectors:
        return None
    schedule = Schedule(collectors, interval=settings.interval, deadline=settings.deadline)
    return CollectorsPart(schedule, nvml, made_of)


def load_all(file: Path | None) -> tuple[Loaded, Pack]:
    """Settings and the part of the pack that the exporter needs, both checked.

    Raises:
        MistakeError: with every problem of both.
    """
    loaded = load_settings(file)
    problems = Problems()
    pack = load_pack(loaded.settings.pack, problems, alerts=False)
    check_switches(loaded.settings.host.collectors, problems)
    try:
        problems.raise_if_any()
    except MistakeError as error:
        error.texts = {**pack.texts, **loaded.texts}
        raise
    return loaded, pack


class App:
    """A running exporter.

    Args:
        file: stoker.yaml, or None for the defaults; read again at every reload.
        listen: takes the place of the settings' address.
        machine: whose /proc and /sys are read, in place of the settings' one.
        build: makes the parts, given those that run before a reload; tests give their own.
        clock: seconds since the epoch.

    Raises:
        MistakeError: when the configuration is wrong at the start.
        UsageError: when the address is taken.
    """

    def __init__(
        self,
        file: Path | None,
        *,
        listen: str | None = None,
        machine: Machine | None = None,
        build: Callable[[Settings, Pack, Machine, Sequence[Part]], list[Part]] = build_parts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._machine = machine
        self._build = build
        self._clock = clock
        self._started = clock()
        loaded, pack = load_all(file)
        self._reloaded_at = clock()
        self._reload_says = ""
        self._settings = loaded.settings
        self._listen = listen or str(loaded.settings.listen)
        self._parts = self._built(loaded.settings, pack, ())
        self._before: dict[type[Part], list[Sample]] = {}
        self._changing = threading.Lock()
        self._failing: set[str] = set()
        self.server = Server(self._listen, routes(self, Exposition()))

    def start(self) -> None:
        """Answer and collect."""
        self.server.start()
        with self._changing:
            self._start_parts(self._parts)
        log.info("listening on=%s config=%s", self.server.address, self._file or "(defaults)")

    def _built(self, settings: Settings, pack: Pack, before: Sequence[Part]) -> list[Part]:
        return self._build(settings, pack, self._machine or Machine.of(settings.host), before)

    def _start_parts(self, parts: Sequence[Part]) -> None:
        for part in parts:
            try:
                part.start()
            except Exception:  # the others start all the same, and `ready` tells that this one did not
                log.exception("part=%s did not start", type(part).__name__)

    def _stop_parts(self, parts: Sequence[Part]) -> None:
        """All at the same time, so that a slow one takes nothing from the others."""

        def stop(part: Part) -> None:
            try:
                part.stop()
            except Exception:
                log.exception("part=%s did not stop", type(part).__name__)

        threads = [threading.Thread(target=stop, args=(part,), daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        until = time.monotonic() + _STOP
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()))

    def stop(self) -> None:
        """End everything within two seconds."""
        self.server.stop()
        self._stop_parts(self._parts)

    def ready(self) -> bool:
        """Whether every part has its first samples."""
        return all(part.ready for part in self._parts)

    def reload(self) -> str:
        """Load the configuration again; what is wrong with it, one line a problem, or an empty string.

        One reload after the other, whoever asks. Until a new part has its first samples, those of the old one are
        served, so that a reload leaves no gap in which an alert would begin to wait anew.
        """
        if not self._changing.acquire(timeout=_TURN):
            # who asks again and again must not use up the requests that scrapes need
            log.error("reload refused: the one before has not ended")
            return "the reload before this one has not ended: something hangs, such as the disk of the configuration"
        try:
            return self._reload()
        finally:
            self._changing.release()

    def _reload(self) -> str:
        try:
            loaded, pack = load_all(self._file)
            parts = self._built(loaded.settings, pack, self._parts)
        except MistakeError as error:
            return self._refuse([str(problem) for problem in error.problems])
        except (StokerError, OSError) as error:
            return self._refuse([str(error) or type(error).__name__])
        except Exception as error:
            log.exception("a bug of ours while the configuration was read")
            return self._refuse([f"a bug of ours, see the log: {type(error).__name__}: {error}"])
        if str(loaded.settings.listen) != str(self._settings.listen):
            log.warning("listen changed to=%s: this takes a restart", loaded.settings.listen)
        # the old parts end first, so that the new ones find the state that these have saved
        ending = _without(self._parts, parts)
        beginning = _without(parts, self._parts)
        self._stop_parts(ending)
        self._before = {type(part): self._of(part) for part in ending}
        self._settings, self._parts = loaded.settings, parts
        self._start_parts(beginning)
        self._reload_says, self._reloaded_at = "", self._clock()
        log.info("reloaded config=%s", self._file or "(defaults)")
        return ""

    def _refuse(self, problems: list[str]) -> str:
        self._reload_says = "\n".join(problems)  # first, so that whoever reads the log finds the metric to say the same
        for problem in problems:
            log.error("reload refused: %s", problem)
        return self._reload_says

    def forget(self, uuid: str) -> bool:
        """Forget a GPU that is gone."""
        answers = [getattr(part, "forget", lambda _: False)(uuid) for part in self._parts]
        return any(answers)

    def samples(self) -> list[Sample]:
        """Everything to expose."""
        found = [
            Sample(own.BUILD_INFO, (__version__, platform.python_version()), 1),
            Sample(own.CONFIG_RELOAD_SUCCESSFUL, (), float(not self._reload_says)),
            Sample(own.CONFIG_RELOAD_TIMESTAMP, (), self._reloaded_at),
            *self.server.samples(),
        ]
        for part in self._parts:
            before = self._before.get(type(part))
            if before is not None and part.ready:
                before = None
                self._before.pop(type(part), None)
            found += self._of(part) if before is None else before
        return found

    def _of(self, part: Part) -> list[Sample]:
        """A part's samples; a bug in one costs the page only these."""
        name = type(part).__name__
        try:
            found = list(part.samples())
        except Exception:
            if name not in self._failing:
                self._failing.add(name)
                log.exception("part=%s has no samples, by a bug of ours", name)
            return []
        self._failing.discard(name)
        return found

    def status_page(self) -> bytes:
        """The page at `/`."""
        loaded = datetime.fromtimestamp(self._reloaded_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        facts = [
            f"Version {__version__}, Python {platform.python_version()}, up for {_span(self._clock() - self._started)}",
            f"Configuration: {self._file or 'defaults, no file'}, loaded {loaded}",
        ]
        refused = [(f"!{problem}",) for problem in self._reload_says.splitlines()]
        tables = [Table("The last reload was refused; the configuration before goes on", ("problem",), refused)]
        return page("Stoker", facts, [*(tables if refused else []), *self._tables()])

    def _tables(self) -> Iterator[Table]:
        for part in self._parts:
            try:
                yield from part.tables()
            except Exception as error:  # noqa: BLE001 - shown where it is missed; `samples` logs what breaks a part
                yield Table(type(part).__name__, ("fault",), [(f"!{type(error).__name__}: {error}",)])


def _span(seconds: float) -> str:
    """A time as people say it: `2 d 0 h 5 min 30 s`, without what is zero in front."""
    whole = int(seconds)
    parts = ((whole // 86400, "d"), (whole // 3600 % 24, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    first = next((place for place, (number, _) in enumerate(parts) if number), len(parts) - 1)
    return " ".join(f"{number} {unit}" for number, unit in parts[first:])


def _without(parts: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    return [part for part in parts if not any(part is other for other in others)]
