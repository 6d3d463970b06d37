"""The log engine: one thread that reads all sources, keeps their series and saves positions and values together."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import TYPE_CHECKING, Any

from stoker.logs.engine_source import FindFiles, Source, SourceStatus
from stoker.logs.origin_ingest import Ingest
from stoker.logs.shown import Shown
from stoker.logs.state import StateFile
from stoker.logs.store import Store
from stoker.logs.store_tables import own_zeros
from stoker.metrics import Sample, own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from stoker.config.settings import Settings, SourceSettings
    from stoker.logs.formats import CompiledFormats
    from stoker.logs.gpu_events import GpuEvents
    from stoker.logs.store_runs import Watch
    from stoker.metrics import Desc
    from stoker.spec.metric import MetricSpec

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds after a turn that failed."""
_SAVE_EVERY = 5.0
_SAVE_COST = 50.0
_ANSWER_COST = 10.0
_ANSWER_AFTER = 1.0
"""Seconds after a save at which those who wait for the next one get it at the latest."""
_EXPIRE_EVERY = 10.0
_STOP = 1.5
_SETTLE = 30.0
"""Seconds at most in which sources come to where the life before was that cannot begin at once, as a member of a Kafka group."""
_FIRST_LOOK = 15.0
"""Seconds that the kernel's log waits for the first look at the GPUs, which a driver that hangs never ends."""
_EVENTS = "(events)"
"""Among the names of sources that fail; none has it."""


class LogEngine:
    """Follows the sources of the settings.

    Args:
        settings: the sources, their bounds and the limits.
        formats: by the name of the source.
        metrics: metrics of logs, as the spec declares them.
        descs: the catalogue.
        watches: makes the detectors of a family of metrics (`stoker_train_`, `stoker_serve_`) for a source.
        identify: index and uuid of the GPU at a PCI address (`0000:91:00.0`), where it is known.
        events: tells of XIDs, beside the lines; None where nothing does.
        gpus_known: whether the GPUs were looked at; the kernel's log, which names them by address, waits for that a while.
        find: makes what finds the files of a source that has no globs.
        folder: where the state is kept; None keeps it in memory.
        host: of this machine, for the names of runs.
        clock: seconds since the epoch.
        steady: seconds of a clock that never jumps.
    """

    def __init__(  # noqa: PLR0913 - wiring is constructor arguments, and these are all that the engine sees
        self,
        settings: Settings,
        formats: Mapping[str, CompiledFormats],
        metrics: Mapping[str, MetricSpec],
        descs: Mapping[str, Desc],
        *,
        watches: Mapping[str, Callable[[SourceSettings], Watch]],
        identify: Callable[[str], tuple[str, str] | None] = lambda _: None,
        events: GpuEvents | None = None,
        gpus_known: Callable[[], bool] = lambda: True,
        find: FindFiles = lambda *_: None,
        folder: Path | None,
        host: str,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._steady = steady
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._first_turn = threading.Event()
        for compiled in formats.values():
            _ = compiled.ways.scanner  # made before the first line is read
        own = {name: tuple(own_zeros(compiled, metrics)) for name, compiled in formats.items()}
        kinds = {each.name: each.kind for compiled in formats.values() for each in compiled.formats}

        def build() -> tuple[Store, list[Source]]:
            store = Store(metrics, descs, settings.limits, kinds, watches, identify, own)
            return store, [
                Source(
                    each,
                    formats[str(each.name)],
                    settings.limits,
                    store,
                    self._lock,
                    clock,
                    host,
                    wake=self._woken.set,
                    find=find,
                )
                for each in settings.sources
            ]

        self._build = build
        self._events = events
        self._gpus_known = gpus_known
        self._began = steady()
        self._store, self._sources = build()
        self._settings = {str(each.name): each for each in settings.sources}
        kept = (source.name for source in self._sources if not source.origin.again and folder is not None)
        self._shown = Shown(kept)
        self._state = StateFile(folder / "logs.json" if folder is not None else None, clock)
        self._saved_at = -math.inf  # the first turn is saved at once: from then on, new files are new
        self._save_took = 0.0
        self._opened = 0
        self._abandoned = False
        self._saved: tuple[int, ...] = ()
        self._expired_at = steady()
        self._patience = _SAVE_EVERY
        self._unsure = True  # until it is known what was saved
        self._failing: set[str] = set()

    @property
    def _again(self) -> bool:
        """Whether values may be lower than a killed process has shown them: it had read on since it last saved.

        That lasts until all is read, and not longer than it took to get there.
        """
        since = self._steady() - self._began
        return self._unsure and since < max(self._patience, _SAVE_COST * self._save_took)

    @property
    def ready(self) -> bool:
        """Whether every source was looked at once, and what was read before a kill is read again."""
        return self._first_turn.is_set() and not self._again

    def start(self) -> None:
        """Take over what was saved, then read in the background. Counters are right from the first scrape on."""
        self.restore()
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and save."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_STOP)
            if self._thread.is_alive():
                log.error("a source does not return, its last lines are read again at the next start")
                self._abandoned = True  # whoever comes next has the state now
                for source in self._sources:
                    if source.origin.pushed:  # its port is for whoever comes next
                        source.origin.close()
                return
        for source in self._sources:
            if source.origin.pushed:  # what has come would not come again
                self._turn(source, self._steady())
        self._turn_events()
        self.save(ended=True)
        self._answer()
        for source in self._sources:
            source.close()

    def _run(self) -> None:
        look = -math.inf
        while not self._stopping.is_set():
            self._woken.clear()
            steady = self._steady()
            whole = steady >= look
            try:
                behind = self.run_once(steady, whole=whole)
            except Exception:  # whatever it is, the next turn may go well, and a thread that ends says nothing more
                log.exception("a turn of the log engine failed")
                behind = False
                self._stopping.wait(_PAUSE)
            self._first_turn.set()
            if whole and not behind:
                look = self._steady() + min((source.origin.every for source in self._sources), default=_PAUSE)
            if not behind:
                self._woken.wait(max(0.0, min(look, self._answers_due()) - self._steady()))

    def run_once(self, steady: float, *, whole: bool = True) -> bool:
        """Give each source its turn; whether one of them has more to read at once.

        Args:
            steady: seconds of the steady clock.
            whole: whether all of them are looked at, or only those that others push to.
        """
        read = []
        for source in self._sources:
            if self._stopping.is_set():
                break
            if (whole or source.origin.pushed) and not self._too_early(source, steady):
                self._turn(source, steady)
                if not source.behind and not source.says:
                    read.append(source.name)
        self._turn_events()
        behind = any(source.behind for source in self._sources)
        if not all(source.origin.settled or source.says for source in self._sources):
            self._patience = _SETTLE
        elif whole and not behind:
            self._unsure = False
        with self._lock:
            self._store.looked(read, self._clock())
        if steady - self._expired_at >= _EXPIRE_EVERY:
            self._expired_at = steady
            with self._lock:
                self._store.expire(self._clock())
        opened = sum(source.opened for source in self._sources)
        # a file that is rotated away before it was ever saved could not be found again
        every = _SAVE_EVERY if opened == self._opened else 0.0
        due = self._saved_at + max(every, _SAVE_COST * self._save_took)
        if steady >= min(due, self._answers_due()):
            self._saved_at, self._opened = steady, opened
            self.save()
            self._answer()
        return behind

    def _answers_due(self) -> float:
        """When those who wait for what they pushed to be saved have to get their answer, by the steady clock.

        Whoever comes meanwhile is answered by the same save; the more a save costs, the more are answered together.
        """
        unsaved = self._events is not None and self._events.unsaved
        if not unsaved and not any(source.origin.waiting for source in self._sources):
            return math.inf
        return self._saved_at + min(_ANSWER_COST * self._save_took, _ANSWER_AFTER)

    def _answer(self) -> None:
        """Tell those who wait. A folder that cannot be written costs durability, as everywhere, not the answer."""
        if not self._abandoned:
            if self._events is not None:
                self._events.saved()
            for source in self._sources:
                source.origin.saved()

    def ingest(self, name: str) -> Ingest | None:
        """The origin of this source, when it is one that is pushed to."""
        origins = (source.origin for source in self._sources if source.name == name)
        return next((origin for origin in origins if isinstance(origin, Ingest)), None)

    def _turn(self, source: Source, steady: float) -> None:
        try:
            source.turn(steady, self._stopping.is_set)
        except Exception as error:
            # a fault of ours in one source must not cost the others; it is logged once and counted
            source.behind = False
            source.says = f"{type(error).__name__}: {error}"
            with self._lock:
                source.totals.errors["internal"] += 1
            if source.name not in self._failing:
                log.exception("source failed source=%s", source.name)
            self._failing.add(source.name)
        else:
            self._failing.discard(source.name)

    def _too_early(self, source: Source, steady: float) -> bool:
        """Whether a source waits for the names of the GPUs that its lines are about."""
        return bool(source.settings.kernel) and steady - self._began < _FIRST_LOOK and not self._gpus_known()

    def _turn_events(self) -> None:
        """After the sources, so that a line of the same XID has spoken already."""
        if self._events is None:
            return
        try:
            with self._lock:
                self._events.turn(self._store, self._clock())
        except Exception:  # as with a source
            if _EVENTS not in self._failing:
                log.exception("events of GPUs failed")
            self._failing.add(_EVENTS)
        else:
            self._failing.discard(_EVENTS)

    def restore(self) -> None:
        """Take over what was saved; what does not fit is set aside."""
        kept = self._state.load()
        if kept is None:
            self._unsure = False
            return
        try:
            for source in self._sources:
                if source.name in kept["sources"]:
                    source.restore(kept["sources"][source.name])
            self._store.restore(kept["store"], self._settings)
            if self._events is not None:
                self._events.restore(kept.get("events", ()))
            self._unsure = not kept.get("ended", False)
            self._note(done=True)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            self._state.set_aside(repr(error))
            self._store, self._sources = (
                self._build()
            )  # positions without their values would lose what lies before them
            self._unsure = False

    def save(self, *, ended: bool = False) -> bool:
        """Save positions and values of one moment, unless nothing has changed; whether they are saved.

        Args:
            ended: whether nothing is read after that.
        """
        begun = time.perf_counter()
        if self._abandoned:
            return False
        # no lock: what is saved changes in the thread that saves only, and scrapes change nothing
        now = (*self._marks(), int(ended))
        if now == self._saved and self._state.writable:
            return True
        whole: dict[str, Any] = {
            "saved": self._clock(),
            "ended": ended,
            "sources": {source.name: source.state() for source in self._sources},
            "store": self._store.state(),
            "events": self._events.state() if self._events is not None else [],
        }
        done = self._state.save(whole)
        if done:
            self._saved = now
        self._note(done=done)
        self._save_took = time.perf_counter() - begun
        return done

    def _note(self, *, done: bool) -> None:
        """What is saved may be shown of sources that nobody can read again; in the thread that changes it."""
        if not done:
            self._shown.forget()
        elif self._shown.sources:
            with self._lock:  # scrapes ask the same at the same time
                self._shown.note(self._everything())

    def _marks(self) -> tuple[int, ...]:
        """Numbers that change with everything that is saved."""
        marks = [self._store.mark, self._events.mark if self._events is not None else 0]
        for source in self._sources:
            marks += [source.totals.bytes, source.totals.lines, source.totals.errors.total(), source.files]
            marks += [source.rotations, source.truncations, source.origin.mark]
        return tuple(marks)

    def samples(self) -> list[Sample]:
        """Everything that logs say, and what the engine says of itself; never waits for a file.

        Nothing while counters would be seen to fall: Prometheus takes that for a restart from zero, and counts all of it again.
        """
        if self._again:
            return []
        with self._lock:
            found = self._shown.of(self._everything())
        state = [Sample(own.STATE_WRITABLE, (), float(self._state.writable))] if self._sources else []
        return [*found, *state]

    def _everything(self) -> list[Sample]:
        now = self._clock()
        found = list(self._store.samples(now))
        for source in self._sources:
            found += source.samples(now)
        return found

    def status(self) -> list[SourceStatus]:
        """What the status page shows."""
        with self._lock:
            return [source.status() for source in self._sources]
