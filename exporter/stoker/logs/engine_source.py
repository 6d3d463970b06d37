"""One source of logs: where its bytes come from, an interpreter for each of its streams, and what it says of itself."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stoker.errors import SourceError, UnavailableError
from stoker.logs.engine_totals import StreamReading, Totals
from stoker.logs.identity import Identity, identify
from stoker.logs.interpreter import Interpreter
from stoker.logs.origin import Intake
from stoker.logs.origins import origin_of
from stoker.logs.store_stream import Stream
from stoker.metrics import Observation, Sample, own, sample_of
from stoker.metrics.longest import LongestGap

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Mapping
    from threading import Lock

    from stoker.config.settings import Limits, SourceSettings
    from stoker.logs.finder import Finder
    from stoker.logs.formats import CompiledFormats
    from stoker.logs.store import Store

log = logging.getLogger(__name__)

_LINES = ("decode", "nul", "too_long", "unparsable", "non_finite", "negative")
_SERIES = ("series_limit", "label_cut", "unknown_metric")
_FILES = ("unreadable", "read", "directory", "no_file", "compressed", "vanished")
_STREAMS = ("stream_limit", "repeated", "dropped", "connections")
_REASONS = (*_LINES, *_SERIES, *_FILES, *_STREAMS, "unavailable", "internal")
FindFiles = Callable[["SourceSettings", "Counter[str]"], "Finder | None"]
"""Makes what finds the files of a source, given its settings and its errors by reason; None where its globs do."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """What the status page shows of a source.

    Attributes:
        name: of the source.
        files: followed now.
        lag: bytes written and not read.
        last_line: when a line was last read, in seconds since the epoch.
        lines: read.
        matched: of those, understood.
        errors: by reason, those that happened.
        says: why it cannot be read; empty while it can.
        waits: what there is none of, while there is nothing to read.
    """

    name: str
    files: int
    lag: int
    last_line: float | None
    lines: int
    matched: int
    errors: dict[str, int]
    says: str
    waits: str


class Source:
    """See the module. Everything but `samples` is called by the engine's thread alone.

    Attributes:
        behind: whether there was more to read than its turn allowed.
        files: followed now; a pipe or a device that is open counts as one.
        origin: where its bytes come from.
        lag: bytes written and not read.
        says: why it cannot be read; empty while it can.

    Args:
        settings: of the source.
        formats: those that it uses.
        limits: bounds.
        store: where observations go.
        lock: held while the store or the totals change.
        clock: seconds since the epoch.
        host: of this machine.
        wake: called, from any thread, when something was pushed that should not wait for the next look.
        find: see FindFiles.
    """

    def __init__(  # noqa: PLR0913 - wiring is constructor arguments
        self,
        settings: SourceSettings,
        formats: CompiledFormats,
        limits: Limits,
        store: Store,
        lock: Lock,
        clock: Callable[[], float],
        host: str,
        *,
        wake: Callable[[], None] = lambda: None,
        find: FindFiles = lambda *_: None,
    ) -> None:
        self.settings = settings
        self.name = str(settings.name)
        self.totals = Totals()
        self.totals.errors.update(dict.fromkeys(_REASONS, 0))
        self.totals.matched["none"] = 0
        self.behind = False
        self.files = 0
        self.lag = 0
        self._looked = False
        self.says = ""
        self._formats = formats
        self._limits = limits
        self._store = store
        self._lock = lock
        self._clock = clock
        self._host = host
        self._zone = ZoneInfo(str(settings.timezone)) if settings.timezone else None
        self._gaps = LongestGap()
        # a kernel that says nothing, or nothing that concerns anybody, is well: there is nothing to compare with
        self._expected = not settings.kernel
        self._alive_line: float | None = None
        if settings.runs is None and settings.kernel is None:  # in which few lines, if any, are of a user's format
            store.expect(self.name, self.totals.errors)
        self._finder = find(settings, self.totals.errors)
        intake = Intake(
            settings,
            limits,
            host,
            clock,
            self._begin,
            self._feed,
            self._record,
            self._flush,
            self._lose,
            self._say,
            self._recall,
            wake,
        )
        self._intake = intake
        self.origin = origin_of(intake, self.totals.errors, self._finder)

    def turn(self, steady: float, stopping: Callable[[], bool] = lambda: False) -> None:
        """Read what is there, within bounds; `behind` says afterwards whether there is more.

        Args:
            steady: seconds of a steady clock.
            stopping: asked between two blocks; the rest is left for the next life.
        """
        try:
            self.origin.turn(self._intake, steady, stopping)
            self.behind = self.origin.behind
            self.says = ""
            self._look()
        except SourceError as error:
            self._fail("unavailable" if isinstance(error, UnavailableError) else "read", str(error))

    def status(self) -> SourceStatus:
        """What the status page shows; under the lock."""
        return SourceStatus(
            name=self.name,
            files=self.files,
            lag=self.lag,
            last_line=self.totals.last_line,
            lines=self.totals.lines,
            matched=self.totals.lines - self.totals.matched["none"],
            errors={reason: count for reason, count in dict(self.totals.errors).items() if count},
            says=self.says,
            waits=self.waits,
        )

    @property
    def waits(self) -> str:
        """What there is none of, while there is no file to read; empty otherwise."""
        if self.files or not self._looked:
            return ""
        if self.settings.files:
            return f"no such file: {', '.join(map(str, self.settings.files))}"
        if self.settings.runs is not None:
            return "no run of `stoker run`"
        return "no process on a GPU that writes a file" if self.settings.discover else ""

    def _say(self, said: Iterable[tuple[str, Observation]]) -> None:
        for log_name, observation in said:
            with self._lock:
                stream = Stream(self.settings, self._identity(log_name), self.totals.errors)
                self._store.apply(stream, [observation], self._clock())

    def _identity(self, log_name: str, host: str = "") -> Identity:
        found = self._finder.identity(log_name) if self._finder is not None else None
        return found or identify(self.settings, log_name, host or self._host)

    def _fail(self, reason: str, says: str) -> None:
        """Count and log a failure once, for as long as it lasts."""
        self.behind, self.files = False, 0
        if self.says != says:
            log.warning("source cannot be read source=%s why=%s", self.name, says)
            with self._lock:
                self.totals.errors[reason] += 1
        self.says = says

    def _begin(self, path: str, host: str, whole: bool) -> StreamReading:  # noqa: FBT001 - as Intake has it
        stream = Stream(self.settings, self._identity(path, host), self.totals.errors)
        if self._formats.has_totals:
            with self._lock:
                self._store.begin(stream, f"{host}:{path}" if host else path, whole=whole)
        return StreamReading(stream, self._interpreter)

    def _interpreter(self) -> Interpreter:
        return Interpreter(self._formats, line_length=self._limits.line_length, timezone=self._zone, clock=self._clock)

    def _record(self, reading: StreamReading, lines: bytes, when: float | None, old: bool) -> None:  # noqa: FBT001 - as Intake has it
        if old:
            self._recall(reading, lines)
        else:
            self._feed(reading, lines, when, firm=True)

    def _recall(self, reading: StreamReading, lines: bytes) -> None:
        told = reading.interpreter.feed(lines)
        reading.interpreter.recalled()
        reading.forget()
        with self._lock:
            self._store.recall(reading.stream, told)

    def _lose(self, reason: str, count: int) -> None:
        with self._lock:
            self.totals.errors[reason] += count

    def _feed(self, reading: StreamReading, data: bytes, when: float | None, *, firm: bool = False) -> None:
        try:
            found = reading.interpreter.feed(data)
        except Exception:  # a line that breaks our reader must not stop the source; it is logged and counted
            log.exception("our reader failed source=%s", self.name)
            with self._lock:
                reading.count(self.totals)
                self.totals.errors["internal"] += 1
            reading.begin()
            found = []
        if when is not None:
            found = [each if each.time is not None and not firm else each._replace(moment=when) for each in found]
        self._take(reading, found, len(data))

    def _flush(self, reading: StreamReading) -> None:
        self._take(reading, reading.interpreter.flush(), 0)

    def _take(self, reading: StreamReading, found: Iterable[Observation], size: int) -> None:
        now = self._clock()
        with self._lock:
            self._store.apply(reading.stream, found, now)
            self.totals.bytes += size
            if reading.count(self.totals):
                self._store.touch(reading.stream, now)
                if self._alive_line is not None:
                    self._gaps.add(now, max(0.0, now - self._alive_line))
                self._alive_line = self.totals.last_line = now

    def _look(self) -> None:
        """Note what scrapes ask for, which come from other threads."""
        if not self._looked and self.settings.kernel is not None:
            with self._lock:
                self._store.expect_kernel(Stream(self.settings, self._identity(self.name), self.totals.errors))
        self._looked = True
        self.files, self.lag = self.origin.files, self.origin.lag

    @property
    def opened(self) -> int:
        """Files that were ever opened in this life."""
        return self.origin.opened

    @property
    def rotations(self) -> int:
        """Since the first start."""
        return self.totals.rotations + self.origin.rotations

    @property
    def truncations(self) -> int:
        """Since the first start."""
        return self.totals.truncations + self.origin.truncations

    def samples(self, now: float) -> Iterable[Sample]:
        """What it says of itself; under the lock."""
        name, totals, label = self.name, self.totals, (self.name,)
        yield sample_of((own.LOG_LINES, label, totals.lines))
        yield sample_of((own.LOG_BYTES, label, totals.bytes))
        for format_name, count in totals.matched.items():
            if self._expected or format_name != "none":
                yield sample_of((own.LOG_MATCHED, (name, format_name), count))
        for reason, count in dict(totals.errors).items():
            yield sample_of((own.LOG_ERRORS, (name, reason), count))
        if self._looked or self.says:  # before the first turn has ended nobody knows how much there is to read
            yield sample_of((own.LOG_LAG, label, self.lag))
            yield sample_of((own.LOG_FILES, label, self.files))
        if self._finder is not None:
            yield from self._finder.samples(now)
        yield sample_of((own.LOG_ROTATIONS, label, self.rotations))
        yield sample_of((own.LOG_TRUNCATIONS, label, self.truncations))
        if totals.last_line is not None:
            yield sample_of((own.LOG_LAST_LINE, label, totals.last_line))
        longest = self._gaps.longest(now)
        if longest is not None and self._expected:
            yield sample_of((own.LOG_GAP_MAX, label, longest))

    def state(self) -> dict[str, Any]:
        """Positions and totals, as plain values."""
        totals = {**self.totals.state(), "bytes": self.totals.bytes - self.origin.partial}
        totals |= {"rotations": self.rotations, "truncations": self.truncations}
        return {"totals": totals, "gaps": self._gaps.state(), **self.origin.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self.totals.restore(state["totals"])
        self._gaps.restore(state["gaps"])
        self.origin.restore(state)

    def close(self) -> None:
        """Let go of files, devices, sockets and programs."""
        self.origin.close()
