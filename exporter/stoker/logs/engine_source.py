"""One source of logs: where its bytes come from, an interpreter for each of its streams, and what it says of itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from stoker.errors import SourceError, UnavailableError
from stoker.logs.engine_totals import StreamReading, Totals
from stoker.logs.identity import identify
from stoker.logs.interpreter import Interpreter
from stoker.logs.store import Store, Stream
from stoker.metrics import Observation, Sample, own
from stoker.metrics.longest import LongestGap
from stoker.sources.files import Event, Follower
from stoker.sources.files_archives import Archive
from stoker.sources.kernel import KernelLog, Record, is_device
from stoker.sources.stdin import StandardInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from threading import Lock

    from stoker.config.settings import Limits, SourceSettings
    from stoker.logs.formats import CompiledFormats
    from stoker.sources.files_followed import FollowedFile

log = logging.getLogger(__name__)

_CONTEXT = 262_144
_FORMER = 64
_LINES = ("decode", "nul", "too_long", "unparsable", "non_finite", "negative")
_SERIES = ("series_limit", "label_cut", "unknown_metric")
_FILES = ("unreadable", "read", "directory", "no_file", "compressed", "vanished")
_REASONS = (*_LINES, *_SERIES, *_FILES, "unavailable", "internal")


class Source:
    """See the module. Everything but `samples` is called by the engine's thread alone.

    Attributes:
        behind: whether there was more to read than its turn allowed.
        files: followed now; a pipe or a device that is open counts as one.
        opened: files that were ever opened in this life.
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
    """

    def __init__(
        self,
        settings: SourceSettings,
        formats: CompiledFormats,
        limits: Limits,
        store: Store,
        lock: Lock,
        clock: Callable[[], float],
        host: str,
    ) -> None:
        self.settings = settings
        self.name = str(settings.name)
        self.totals = Totals()
        self.totals.errors.update(dict.fromkeys(_REASONS, 0))
        self.totals.matched["none"] = 0
        self.behind = False
        self.files = 0
        self.opened = 0
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
        self._alive_line: float | None = None
        self._readings: dict[FollowedFile | Archive | None, StreamReading] = {}
        self._former: dict[str, StreamReading] = {}
        self._restored = False
        self._follower: Follower | None = None
        self._stdin: StandardInput | None = None
        self._kernel: KernelLog | None = None
        self._open()

    def _open(self) -> None:
        settings = self.settings
        patterns = settings.files
        if settings.kernel is not None:
            path = str(settings.kernel.path)
            if is_device(path):
                self._kernel = KernelLog(path, self._clock)
                return
            patterns = (path,)
        if settings.stdin:
            self._stdin = StandardInput()
        elif patterns is not None:
            # the kernel's file is history since boot, as the device is
            beginning = settings.from_ == "beginning" or settings.kernel is not None
            self._follower = Follower(
                tuple(str(each) for each in patterns), from_beginning=beginning, errors=self.totals.errors
            )

    def turn(self, steady: float, stopping: Callable[[], bool] = lambda: False) -> None:
        """Read what is there, within bounds; `behind` says afterwards whether there is more.

        Args:
            steady: seconds of a steady clock.
            stopping: asked between two blocks; the rest is left for the next life.
        """
        try:
            if self._follower is not None:
                for event in self._follower.turn(steady):
                    self._event(event)
                    if stopping():
                        break
                self.behind = self._follower.behind
            elif self._kernel is not None:
                for record in self._kernel.turn():
                    self._record(record)
                self.behind = self._kernel.behind
            elif self._stdin is not None:
                for data in self._stdin.turn():
                    self._feed(self._reading(None), data)
                if self._stdin.ended and None in self._readings:
                    self._flush(self._readings.pop(None))
                self.behind = self._stdin.behind
            self.says = ""
            self._look()
        except SourceError as error:
            self._fail("unavailable" if isinstance(error, UnavailableError) else "read", str(error))

    def _fail(self, reason: str, says: str) -> None:
        """Count and log a failure once, for as long as it lasts."""
        self.behind, self.files = False, 0
        if self.says != says:
            log.warning("source cannot be read source=%s why=%s", self.name, says)
            with self._lock:
                self.totals.errors[reason] += 1
        self.says = says

    def _reading(self, file: FollowedFile | Archive | None) -> StreamReading:
        found = self._readings.get(file)
        if found is None:
            identity = identify(self.settings, file.log if file else self.name, self._host)
            found = StreamReading(Stream(self.settings, identity, self.totals.errors), self._interpreter)
            if file is not None:
                self._know(found, file)
            self._readings[file] = found
        return found

    def _know(self, reading: StreamReading, file: FollowedFile | Archive) -> None:
        """Let the interpreter know what came before: a log goes on in the file that takes its name, and after a restart."""
        same = file.path == file.log or isinstance(file, Archive)
        former = next((each for each in self._readings if each is not None and each.log == file.log), None)
        older = self._former.pop(file.log, None) if same else None
        if same and file.start == 0 and former is not None:
            older = self._readings.pop(former)
            self._flush(older)
            former.partial = 0
        if older is not None:
            reading.interpreter = older.interpreter
        else:
            if same and self._restored and file.start < _CONTEXT:
                reading.interpreter.feed(file.former(_CONTEXT))
                reading.interpreter.flush()
            reading.interpreter.feed(file.before(_CONTEXT))
        reading.forget()

    def _interpreter(self) -> Interpreter:
        return Interpreter(self._formats, line_length=self._limits.line_length, timezone=self._zone, clock=self._clock)

    def _event(self, event: Event) -> None:
        file = event.file
        if event.kind == "opened":
            self.opened += 1
        elif event.kind == "data":
            self._feed(self._reading(file), event.data)
            ends = max(event.data.rfind(b"\n"), event.data.rfind(b"\r"))
            file.partial = len(event.data) - ends - 1 if ends >= 0 else file.partial + len(event.data)
        elif file in self._readings:
            self._flush(self._readings[file])
            file.partial = 0
            if event.kind == "ended":
                self._former[file.log] = self._readings.pop(file)
                if len(self._former) > _FORMER:
                    del self._former[next(iter(self._former))]

    def _record(self, record: Record) -> None:
        reading = self._reading(None)
        found = reading.interpreter.feed(record.text + b"\n")
        if record.old:
            reading.forget()
            return
        self._take(reading, [each._replace(moment=record.when) for each in found], len(record.text) + 1)

    def _feed(self, reading: StreamReading, data: bytes) -> None:
        try:
            found = reading.interpreter.feed(data)
        except Exception:  # a line that breaks our reader must not stop the source; it is logged and counted
            log.exception("our reader failed source=%s", self.name)
            with self._lock:
                reading.count(self.totals)
                self.totals.errors["internal"] += 1
            reading.begin()
            found = []
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
        self._looked = True
        if self._follower is not None:
            self.files, self.lag = self._follower.count, self._follower.lag
        elif self._stdin is not None:
            self.files = int(not self._stdin.ended)
        else:
            self.files = 1

    @property
    def rotations(self) -> int:
        """Since the first start."""
        return self.totals.rotations + (self._follower.rotations if self._follower else 0)

    @property
    def truncations(self) -> int:
        """Since the first start."""
        return self.totals.truncations + (self._follower.truncations if self._follower else 0)

    def samples(self, now: float) -> Iterable[Sample]:
        """What it says of itself; under the lock."""
        name, totals = self.name, self.totals
        yield Sample(own.LOG_LINES, (name,), totals.lines)
        yield Sample(own.LOG_BYTES, (name,), totals.bytes)
        for format_name, count in totals.matched.items():
            yield Sample(own.LOG_MATCHED, (name, format_name), count)
        lost = self._kernel.lost if self._kernel else 0
        for reason, count in dict(totals.errors).items():
            yield Sample(own.LOG_ERRORS, (name, reason), count)
        if lost:
            yield Sample(own.LOG_ERRORS, (name, "overwritten"), lost)
        if self._looked or self.says:  # before the first turn has ended nobody knows how much there is to read
            yield Sample(own.LOG_LAG, (name,), self.lag)
            yield Sample(own.LOG_FILES, (name,), self.files)
        yield Sample(own.LOG_ROTATIONS, (name,), self.rotations)
        yield Sample(own.LOG_TRUNCATIONS, (name,), self.truncations)
        if totals.last_line is not None:
            yield Sample(own.LOG_LAST_LINE, (name,), totals.last_line)
        longest = self._gaps.longest(now)
        if longest is not None:
            yield Sample(own.LOG_GAP_MAX, (name,), longest)

    def state(self) -> dict[str, Any]:
        """Positions and totals, as plain values."""
        partial = sum(file.partial for file in self._readings if file is not None)
        totals = {**self.totals.state(), "bytes": self.totals.bytes - partial}
        totals |= {"rotations": self.rotations, "truncations": self.truncations}
        kept: dict[str, Any] = {"totals": totals, "gaps": self._gaps.state()}
        if self._follower is not None and self._follower.started:
            kept["files"] = self._follower.state()
        if self._follower is not None:
            kept["archives"] = self._follower.archives.state()
        if self._kernel is not None:
            kept["kernel"] = self._kernel.state()
        return kept

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._restored = True
        self.totals.restore(state["totals"])
        self._gaps.restore(state["gaps"])
        if self._follower is not None and "files" in state:
            self._follower.restore(state["files"])
        if self._follower is not None and "archives" in state:
            self._follower.archives.restore(state["archives"])
        if self._kernel is not None and "kernel" in state:
            self._kernel.restore(state["kernel"])

    def close(self) -> None:
        """Let go of files and devices."""
        if self._follower is not None:
            self._follower.close()
        if self._kernel is not None:
            self._kernel.close()
