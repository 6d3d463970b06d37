"""Finds the runs under `stoker run` in their folders, and tells what their records say: begin, end, exit code, duration, labels."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from stoker.logs.identity import Identity
from stoker.metrics import Observation, Sample, Target
from stoker.sources.processes import boot_id, namespace
from stoker.sources.run_folder import Entry, Following, entries, logs, share
from stoker.sources.run_record import RunRecord, read_record

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stoker.config.settings import SourceSettings
    from stoker.metrics import Desc

log = logging.getLogger(__name__)

_FULL_LOOK = 10.0
_ALIVE_EVERY = 5.0
_SIGNALS = (130, 143)
"""Exit codes of what was interrupted or asked to end: nobody's failure."""

State = Literal["running", "ended", "lost"]


@dataclass(slots=True)
class _Run:
    """A record, and what has become of its run."""

    entry: Entry
    folder: Path
    record: RunRecord
    state: State = "running"
    ended: float = 0.0

    @property
    def log(self) -> str:
        return f"{self.folder}/{self.entry.base}.log"

    def status(self) -> str:
        """What `stoker_train_finished` makes of it."""
        if self.state == "lost":
            return "lost"
        code = self.record.exit_code
        if code == 0:
            return "completed"
        return "cancelled" if code in _SIGNALS else "nonzero"


class RunsFinder:
    """The runs of this machine.

    Args:
        settings: of the source.
        folders: where runs may be.
        descs: the catalogue.
        errors: of the source, by reason.
        clock: seconds since the epoch.
        host: of this machine.
        label_length: characters of a label value.
        shared: the state directory of this exporter, whose folder of runs it makes; None makes none.
        only: the files of the one run that is looked at; empty for all.
        procfs: where processes are looked up.
    """

    def __init__(  # noqa: PLR0913 - wiring is constructor arguments
        self,
        settings: SourceSettings,
        folders: Sequence[Path],
        descs: Mapping[str, Desc],
        errors: Counter[str],
        *,
        clock: Callable[[], float],
        host: str,
        label_length: int,
        shared: Path | None = None,
        only: str = "",
        procfs: str = "/proc",
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._descs = descs
        self._errors = errors
        errors["record"] += 0
        self._clock = clock
        self._host = host
        self._length = label_length
        self._shared = shared
        self._only = only
        self._procfs = procfs
        self._boot = boot_id()
        self._namespace = namespace()
        self._following = [] if only else [Following(folder) for folder in folders]
        self._changed: dict[Path, int] = {}
        self._runs: dict[str, _Run] = {}
        self._wrong: set[tuple[str, float]] = set()
        self._told: dict[str, str] = {}
        self._shown: tuple[_Run, ...] = ()
        self._look_at = self._alive_at = -1.0

    def look(self, now: float) -> bool:
        """See Finder."""
        if self._look_at < 0 and self._shared is not None:
            with suppress(OSError):
                share(self._shared)
        full = now >= self._look_at
        if full:
            self._look_at = now + _FULL_LOOK
            for following in self._following:
                following.hold()
        for folder in self._folders:
            changed = _changed(folder)
            if full or changed != self._changed.get(folder):
                self._changed[folder] = changed
                self._scan(folder)
                self._alive_at = now
        if now >= self._alive_at:
            self._alive_at = now + _ALIVE_EVERY
            self._judge()
        return True

    def _scan(self, folder: Path) -> None:
        found = {}
        for entry in entries(folder):
            if self._only and entry.base != self._only:
                continue
            known = self._runs.get(entry.path)
            if known is not None and known.entry == entry:
                found[entry.path] = known
                continue
            try:
                record = read_record(entry.path)
            except (OSError, ValueError) as error:
                self._complain(entry, error)
                continue
            if self._boot == record.boot or self._host == record.host:
                found[entry.path] = _Run(entry, folder, record)
        others = {path: run for path, run in self._runs.items() if run.folder != folder}
        self._runs = others | found

    def _complain(self, entry: Entry, error: Exception) -> None:
        """Count and say a record that cannot be read once."""
        key = (entry.path, entry.changed)
        if key not in self._wrong:
            self._errors["record"] += 1
            log.warning("record of a run cannot be read path=%s why=%s", entry.path, error)
            self._wrong = {key, *list(self._wrong)[:1000]}

    def _judge(self) -> None:
        """Who still runs, and whose time is over."""
        now = self._clock()
        for run in self._runs.values():
            record = run.record
            if record.ended is not None:
                run.state, run.ended = "ended", record.ended
            elif not record.alive(self._boot, self._namespace, now, run.entry.changed, self._procfs):
                run.state, run.ended = "lost", max(run.entry.changed, _written(run.log))
        shown = [run for run in self._runs.values() if not self._over(run, now)]
        self._shown = tuple(sorted(shown, key=lambda run: (run.record.started, run.entry.base)))
        self._told = {base: told for base, told in self._told.items() if any(run.entry.base == base for run in shown)}

    def _over(self, run: _Run, now: float) -> bool:
        settings = self._settings
        after = settings.series_end_completed if run.record.exit_code == 0 else settings.series_end
        return run.state != "running" and now >= run.ended + after

    def paths(self, now: float) -> list[str]:  # noqa: ARG002 - see Finder
        """See Finder."""
        return [
            path for run in self._shown for path in logs(run.folder, run.entry.base) if _owned(path, run.entry.owner)
        ]

    def log_of(self, path: str) -> str:
        """See Finder."""
        head, dot, number = path.rpartition(".")
        return head if dot and number.isdigit() else path

    def identity(self, log: str) -> Identity | None:
        """See Finder."""
        run = next((run for run in self._shown if run.log == log), None)
        return None if run is None else self._identity(run.record)

    def _identity(self, record: RunRecord) -> Identity:
        return Identity(
            run=record.run,
            rank=record.rank,
            service=record.service,
            engine=str(self._settings.labels.get("engine", "")),
        )

    def begun(self) -> Iterator[tuple[str, Observation]]:
        """See Finder."""
        for run in self._shown:
            if run.entry.base not in self._told:
                self._told[run.entry.base] = "begun"
                yield run.log, _finished("begun", run.record.started)

    def ended(self) -> Iterator[tuple[str, Observation]]:
        """See Finder."""
        newest = self._newest()
        for run in self._shown:
            if run.state != "running" and self._told.get(run.entry.base) == "begun":
                self._told[run.entry.base] = "ended"
                if newest[_key(run)] is run:
                    yield run.log, _finished(run.status(), run.ended)

    def _newest(self) -> dict[tuple[str, str], _Run]:
        """The last start of each run and rank: only that speaks for them."""
        return {_key(run): run for run in self._shown}

    def samples(self, now: float) -> Iterator[Sample]:
        """See Finder."""
        for run in self._newest().values():
            record = run.record
            until = now if run.state == "running" else run.ended
            plain: dict[str, float | None] = {
                "stoker_train_start_timestamp_seconds": record.started,
                "stoker_train_duration_seconds": max(0.0, until - record.started),
                "stoker_train_exit_code": record.exit_code,
                "stoker_train_end_unknown": float(run.state == "lost"),
                "stoker_train_output_lost_bytes": record.lost_bytes,
            }
            for metric, value in plain.items():
                if value is not None:
                    yield from self._sample(metric, record, value)
            for name, text in record.labels.items():
                yield from self._sample("stoker_train_label_info", record, 1, name=name, value=text)

    def _sample(self, metric: str, record: RunRecord, number: float, **labels: str) -> Iterator[Sample]:
        desc = self._descs.get(metric)
        if desc is not None:
            known = {"source": str(self._settings.name), "run": record.run, "rank": record.rank, **labels}
            yield Sample(desc, tuple(known.get(name, "")[: self._length] for name in desc.labels), number)

    def state(self) -> dict[str, Any]:
        """See Finder."""
        return {"told": dict(self._told)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """See Finder."""
        self._told = {str(base): str(told) for base, told in state["told"].items()}

    def close(self) -> None:
        """See Finder."""
        for following in self._following:
            following.close()


def _key(run: _Run) -> tuple[str, str]:
    return (run.record.run, run.record.rank)


def _finished(status: str, when: float) -> Observation:
    return Observation(Target("set", "stoker_train_finished", (("status", status),), ""), 1.0, when, 0)


def _changed(folder: Path) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except OSError:
        return 0


def _written(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _owned(path: str, owner: int) -> bool:
    """Whether it is a file of the record's owner: in a folder where everybody writes, a name may lead anywhere."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_uid == owner
