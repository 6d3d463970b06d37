"""A running exporter: its settings and parts, its server, reload and end. Together with `parts` the one place where things are wired."""

from __future__ import annotations

import gc
import logging
import platform
import socket
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stoker import __version__
from stoker.collectors.dcgm import Dcgm
from stoker.collectors.host import check_switches
from stoker.config import Loaded, Settings, load_settings
from stoker.documents import Problems
from stoker.errors import MistakeError, StokerError
from stoker.metrics import Sample, own
from stoker.parts import Part, build_parts
from stoker.server.exposition import Exposition
from stoker.server.http import Server
from stoker.server.page import Table, page
from stoker.server.site import routes
from stoker.sources.machine import Machine
from stoker.spec.pack import Pack, load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from stoker.server.ingest import Door

log = logging.getLogger(__name__)

_TURN = 5.0
"""Seconds that a reload waits for the one before it."""
_STOP = 1.6
"""Seconds that all parts together have to end; a process has two."""


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
        host: name of the machine, for those who ask for dcgm-exporter's labels.

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
        host: str | None = None,
    ) -> None:
        self._file = file
        self._dcgm = Dcgm(socket.gethostname() if host is None else host)
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
        gc.unfreeze()  # the parts that have ended are garbage, though `serve` has told that they stay
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

    def ingest(self, name: str) -> Door | None:
        """The source of this name, when it is one that is pushed to."""
        found = (getattr(part, "ingest", lambda _: None)(name) for part in self._parts)
        return next((door for door in found if door is not None), None)

    def samples(self) -> list[Sample]:
        """Everything to expose."""
        dcgm = self._settings.compat == "dcgm"
        read_at = self._gpus_read_at() if dcgm else 0.0
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
        if dcgm:
            # a reading that came meanwhile belongs to another moment
            found += self._guarded(
                "dcgm", lambda: self._dcgm.read(found, read_at if read_at == self._gpus_read_at() else 0)
            )
        return found

    def _gpus_read_at(self) -> float:
        return max((getattr(part, "gpus_read_at", float)() for part in self._parts), default=0.0)

    def _of(self, part: Part) -> list[Sample]:
        """A part's samples; a bug in one costs the page only these."""
        return self._guarded(type(part).__name__, part.samples)

    def _guarded(self, name: str, samples: Callable[[], Sequence[Sample]]) -> list[Sample]:
        try:
            found = list(samples())
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
