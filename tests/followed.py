"""Runs the log engine by hand on files of the test's own: small formats, the shipped metrics, a clock that moves when told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from machines import Clock
from stoker.catalog import catalog
from stoker.config.settings import Limits, Settings, SourceSettings
from stoker.detect.run_watch import RunWatch
from stoker.detect.service_watch import ServiceWatch
from stoker.documents import Problems
from stoker.logs.engine import LogEngine
from stoker.logs.formats import compile_formats
from stoker.metrics import HistogramValue
from stoker.spec.format import FormatSpec, PatternSpec
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from stoker.logs.engine_source import FindFiles
    from stoker.logs.gpu_events import GpuEvents
    from stoker.logs.store_runs import Watch
    from stoker.metrics import Sample
    from stoker.spec.pack import Pack

WATCHES: dict[str, Callable[[SourceSettings], Watch]] = {"stoker_train_": RunWatch, "stoker_serve_": ServiceWatch}
PACK = load_pack(alerts=False)
DESCS = catalog(PACK.metrics)

REQUESTS = "stoker_serve_requests_total{source=s,service=s,method=GET,route=/a,code=200}"
"""A series of the format `server`."""


def _pattern(sample: str, regex: str, **keys: Any) -> PatternSpec:  # noqa: ANN401 - the keys of a pattern
    return PatternSpec(sample=sample, regex=regex, **keys)


FORMATS = {
    "trainer": FormatSpec(
        kind="training",
        patterns=(
            _pattern(
                "step 10/100 loss 2.5",
                r"^(?:rank (?P<rank>\d+) )?step (?P<step>\d+)(?:/(?P<steps>\d+))?(?: loss (?P<loss>[\d.]+|nan))?$",
                set={"stoker_train_step": "step", "stoker_train_steps": "steps", "stoker_train_loss": "loss"},
                labels={"rank": "{rank}"},
            ),
            _pattern("saved checkpoint", r"^saved checkpoint$", inc={"stoker_train_checkpoints_total": 1}),
            _pattern("skipped 1", r"^skipped (?P<n>\d+)$", inc={"stoker_train_skipped_steps_total": "n"}),
            _pattern(
                "value a 1",
                r"^value (?P<name>\S+) (?P<v>\d+)$",
                set={"stoker_train_value": "v"},
                labels={"name": "{name}"},
            ),
            _pattern("boom", r"^boom$", inc={"stoker_train_errors_total": 1}, labels={"kind": "cuda"}),
            _pattern("failed", r"^failed$", set={"stoker_train_finished": 1}, labels={"status": "failed"}),
        ),
    ),
    "server": FormatSpec(
        kind="inference",
        patterns=(
            _pattern(
                "GET /a 200 0.5",
                r"^(?P<method>GET|POST) (?P<route>\S+) (?P<code>\d+)(?: (?P<s>[\d.]+))?$",
                inc={"stoker_serve_requests_total": 1},
                observe={"stoker_serve_request_seconds": "s"},
                labels={"method": "{method}", "route": "{route}", "code": "{code}"},
            ),
        ),
    ),
    "kern": FormatSpec(
        kind="kernel",
        patterns=(
            _pattern(
                "Xid (PCI:0000:91:00): 79",
                r"Xid \(PCI:(?P<pci>[0-9a-f:]+)\): (?P<xid>\d+)",
                inc={"stoker_gpu_xid_errors_total": 1},
                labels={"xid": "{xid}", "pci_bus_id": "{pci}"},
            ),
        ),
    ),
}
"""Formats of the tests; the shipped ones may grow without touching what is shown here."""


def settings(folder: Path, **keys: Any) -> SourceSettings:  # noqa: ANN401 - the keys of a source
    """A source named `s` over `folder/*.log`, read from the beginning unless told otherwise."""
    given = {"name": "s", "files": (f"{folder}/*.log",), "from_": "beginning", **keys}
    return SourceSettings(**given)


MADE: list[Followed] = []
"""Whatever a test has made; its files are closed at the test's end."""


class Followed:
    """An engine whose thread is the test.

    Args:
        sources: what it follows.
        state: folder of its state; None for none.
        limits: see Limits.
        clock: shared between the lives of an engine.
        identify: see LogEngine.
        formats: see FORMATS.
        find, events, gpus_known: see LogEngine.
        pack: with its own metrics and formats, in place of the shipped metrics and `formats`.
    """

    def __init__(
        self,
        *sources: SourceSettings,
        state: Path | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        identify: Callable[[str], tuple[str, str] | None] = lambda _: None,
        formats: Mapping[str, FormatSpec] = FORMATS,
        find: FindFiles = lambda *_: None,
        pack: Pack | None = None,
        events: GpuEvents | None = None,
        gpus_known: Callable[[], bool] = lambda: True,
    ) -> None:
        self.clock = clock or Clock(1_700_000_000.0)
        problems = Problems()
        descs = DESCS if pack is None else pack.catalog
        compiled = compile_formats(formats if pack is None else pack.formats, "auto", descs, problems)
        assert not problems.found, list(problems)
        self.engine = LogEngine(
            Settings(sources=tuple(sources), limits=limits or Limits()),
            {str(each.name): compiled for each in sources},
            (pack or PACK).metrics,
            descs,
            watches=WATCHES,
            identify=identify,
            find=find,
            events=events,
            gpus_known=gpus_known,
            folder=state,
            host="h",
            clock=self.clock,
            steady=self.clock,
        )
        self.engine.restore()
        MADE.append(self)

    def turn(self, seconds: float = 1.0) -> dict[str, float]:
        """Let time pass, read everything that is there, and give what is exposed."""
        self.clock.now += seconds
        while self.engine.run_once(self.clock.now):
            pass
        return self.exposed()

    def exposed(self) -> dict[str, float]:
        """Values by series: `name{label=value,...}`, empty labels left out; a histogram as its count."""
        return values(self.engine.samples())

    def kill(self) -> None:
        """End as kill -9 does: nothing is saved any more."""
        for source in self.engine._sources:
            source.close()


def values(samples: Iterable[Sample]) -> dict[str, float]:
    """See Followed.exposed."""
    found: dict[str, float] = {}
    for sample in samples:
        pairs = zip(sample.desc.labels, sample.labels, strict=True)
        series = sample.desc.name + "{" + ",".join(f"{name}={value}" for name, value in pairs if value) + "}"
        assert series not in found, f"{series} twice"
        found[series] = sum(sample.value.counts) if isinstance(sample.value, HistogramValue) else sample.value
    return found


def append(path: Path, text: str) -> None:
    """Add text to a file."""
    with path.open("a") as file:
        file.write(text)
