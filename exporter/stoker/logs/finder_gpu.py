"""Finds the files that processes on a GPU write to: nobody has to say where the logs are."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stoker.logs.identity import Identity, decimal, identify, job_of
from stoker.metrics import Sample, own
from stoker.sources.control_groups import groups
from stoker.sources.outputs import KINDS, Output, device_users, environment, outputs, shares_output
from stoker.sources.processes import process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from stoker.config.settings import SourceSettings
    from stoker.metrics import Observation

log = logging.getLogger(__name__)

_EVERY = 5.0
_SEARCH_EVERY = 30.0
_COST = 100.0
_PATIENCE = 30.0
"""Seconds in which NVML may tell of processes; after that those that have a device open are looked for."""
_KEPT = 86400.0
_MOST = 500


@dataclass(slots=True)
class _Found:
    """A file, whose it is, and when a process on a GPU was last seen to have it open."""

    run: str
    rank: str
    seen: float


class GpuOutputsFinder:
    """The output files of processes on GPUs.

    Args:
        settings: of the source.
        processes: those that NVML names; None while it does not tell.
        clock: seconds since the epoch.
        steady: seconds of a clock that never jumps, to measure what a search costs.
        host: of this machine.
        procfs: where processes are looked up.
    """

    def __init__(
        self,
        settings: SourceSettings,
        processes: Callable[[], frozenset[int] | None],
        *,
        clock: Callable[[], float],
        steady: Callable[[], float],
        host: str,
        procfs: str = "/proc",
    ) -> None:
        self._settings = settings
        self._processes = processes
        self._clock = clock
        self._steady = steady
        self._host = host
        self._procfs = procfs
        self._files: dict[str, _Found] = {}
        self._kinds: Counter[str] = Counter()
        self._skipped: set[tuple[str, str]] = set()
        self._next = self._search_at = -1.0
        self._searched: frozenset[int] = frozenset()
        self._give_up: float | None = None

    def look(self, now: float) -> bool:
        """See Finder."""
        if self._give_up is None:
            self._give_up = now + _PATIENCE
        if now < self._next:
            return True
        pids = self._processes()
        if pids is None or not any(process(pid, self._procfs) for pid in pids):
            if pids is None and now < self._give_up:
                return bool(self._files)
            pids = (pids or frozenset()) | self._search(now)
        self._next = now + _EVERY
        self._take(sorted(pids))
        return True

    def _search(self, now: float) -> frozenset[int]:
        """Who has a device open; looked for so that it takes at most a hundredth of the time."""
        if now >= self._search_at:
            begun = self._steady()
            self._searched = frozenset(device_users(self._procfs))
            self._search_at = now + max(_SEARCH_EVERY, (self._steady() - begun) * _COST)
        return self._searched

    def _take(self, pids: list[int]) -> None:
        now = self._clock()
        kinds: Counter[str] = Counter()
        skipped: set[tuple[str, str]] = set()
        seen: set[tuple[int, int]] = set()
        for pid in pids:
            for output in outputs(pid, self._procfs):
                if output.file in seen:
                    continue
                seen.add(output.file)
                kinds[output.kind] += 1
                if output.kind == "file":
                    self._keep(pid, output, now)
                else:
                    skipped.add((output.kind, output.path))
                    if (output.kind, output.path) not in self._skipped:
                        log.info("output not followed pid=%d leads_to=%s name=%s", pid, output.kind, output.path)
        self._kinds, self._skipped = kinds, skipped
        over = sorted(self._files, key=lambda path: -self._files[path].seen)[_MOST:]
        for path in [*over, *(path for path, each in self._files.items() if now - each.seen > _KEPT)]:
            self._files.pop(path, None)

    def _keep(self, pid: int, output: Output, now: float) -> None:
        if output.path not in self._files:
            job = job_of(environment(pid, self._procfs))
            rank = "" if shares_output(pid, output.file, self._procfs) else decimal(job.rank)
            self._files[output.path] = _Found(job.run or groups(pid, self._procfs).unit, rank, now)
            log.info("output of a process on a GPU found pid=%d path=%s", pid, output.path)
        self._files[output.path].seen = now

    def paths(self, now: float) -> list[str]:  # noqa: ARG002 - see Finder
        """See Finder."""
        return sorted(self._files)

    def log_of(self, path: str) -> str:
        """See Finder."""
        return path

    def identity(self, log: str) -> Identity | None:
        """See Finder: what the settings say comes first, then the job, then the file's name."""
        found = self._files.get(log)
        if found is None:
            return None
        told = identify(self._settings, log, self._host)
        run = told.run if self._settings.run or not found.run else found.run
        return Identity(run, told.rank or found.rank, told.service, told.engine)

    def begun(self) -> Iterator[tuple[str, Observation]]:
        """See Finder."""
        yield from ()

    def ended(self) -> Iterator[tuple[str, Observation]]:
        """See Finder."""
        yield from ()

    def samples(self, now: float) -> Iterator[Sample]:  # noqa: ARG002 - see Finder
        """See Finder."""
        for kind in KINDS:
            yield Sample(own.LOG_OUTPUTS, (str(self._settings.name), kind), float(self._kinds[kind]))

    def state(self) -> dict[str, Any]:
        """See Finder."""
        return {"files": {path: asdict(each) for path, each in self._files.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Finder."""
        self._files = {
            str(path): _Found(str(each["run"]), str(each["rank"]), float(each["seen"]))
            for path, each in state["files"].items()
        }

    def close(self) -> None:
        """See Finder."""
