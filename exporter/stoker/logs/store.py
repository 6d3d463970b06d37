"""Turns observations into series: adds labels, counts, bounds, forgets.

The way of an observation is short: its target remembers the slot with everything prepared. Only the first of its kind takes the long way. Every method has to be called under the engine's lock.
"""

from __future__ import annotations

import logging
from collections import Counter
from functools import partial
from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stoker.logs.identity import decimal, gpu_names, printable
from stoker.logs.once import Once
from stoker.logs.store_runs import Labels, Subject, Watch, named_by, part_of
from stoker.logs.store_series import Buckets, Number, Series
from stoker.logs.store_stream import Slot, Stream
from stoker.logs.store_tables import FAMILIES, LAST_EVENT, ONCE, Zero, zeros
from stoker.logs.store_totals import AllTotals
from stoker.metrics import Desc, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from stoker.config.settings import Limits, SourceSettings
    from stoker.metrics import Observation
    from stoker.spec.metric import MetricSpec

log = logging.getLogger(__name__)

_NAMED = "stoker_train_value"
_OTHER = "{other}"
_ADDED = ("inc", "total")
_KINDS = {"set": Kind.GAUGE, "inc": Kind.COUNTER, "total": Kind.COUNTER, "observe": Kind.HISTOGRAM}


class Store:
    """The series of all logs.

    Args:
        metrics: as the spec declares them.
        descs: the catalogue.
        limits: bounds of series and labels.
        kinds: kind of each log format, by name.
        watches: makes the detectors of a family (`stoker_train_`, `stoker_serve_`) for a source.
        identify: index and uuid of the GPU at a PCI address, where it is known.
        own: by source, the counters of its formats that exist before their first event and are of no family.
    """

    def __init__(
        self,
        metrics: Mapping[str, MetricSpec],
        descs: Mapping[str, Desc],
        limits: Limits,
        kinds: Mapping[str, str],
        watches: Mapping[str, Callable[[SourceSettings], Watch]],
        identify: Callable[[str], tuple[str, str] | None] = lambda _: None,
        own: Mapping[str, tuple[Zero, ...]] = MappingProxyType({}),
    ) -> None:
        self._metrics = metrics
        self._own = own
        self._descs = descs
        self._limits = limits
        self._kinds = kinds
        self._makers = watches
        self._identify = identify
        self._series: dict[str, dict[tuple[str, ...], Series]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._subjects: dict[tuple[str, str, str], Subject] = {}
        self._settings: dict[str, SourceSettings] = {}
        self._parts: Counter[str] = Counter()
        self._zeros = {kind: tuple(zeros(kind, metrics, descs)) for kind in FAMILIES}
        self._once = Once()
        self._totals = AllTotals(limits.series_per_metric)
        self.age = 0

    def expect(self, source: str, errors: Counter[str]) -> None:
        """Let the counters of a source exist whose labels are known before its first line."""
        for zero in self._own.get(source, ()):
            if not zero.kind:
                self._get(zero.desc, {**zero.labels, "source": source}, None, errors)

    def begin(self, stream: Stream, log: str, *, whole: bool) -> None:
        """Give a stream the running totals of its log; `whole` where it is read from its very beginning, unless it was known before."""
        stream.totals = self._totals.of(str(stream.settings.name), log, whole=whole)

    def recall(self, stream: Stream, observations: Iterable[Observation]) -> None:
        """Learn from lines that stand before where the reading of a stream begins, or that an earlier life has counted."""
        stream.totals.recall(observations, self._limits.series_per_metric)

    def apply(  # noqa: PLR0912 - the one loop that every observation goes through, where a call costs as much as the work
        self, stream: Stream, observations: Iterable[Observation], now: float
    ) -> None:
        """Take in what a stream said; `now` is the time of reading."""
        if stream.age != self.age:
            stream.age, stream.token = self.age, object()
        token = stream.token
        for observation in observations:
            target, value, when, _ = observation
            slot: Slot | None = target.slot if target.owner is token else self._slot(stream, observation, now)
            if slot is None:
                continue
            if not isfinite(value) or (value < 0 and target.op in _ADDED):
                stream.errors["negative" if isfinite(value) else "non_finite"] += 1
                continue
            series, last, watch, subject, total = slot
            if total is not None:
                value = total.grown(value)
            if series is not None:
                # a slot's series has its metric's type, and a counter is born with a value
                if target.op == "set":
                    series.value = value  # type: ignore[union-attr]
                elif target.op in _ADDED:
                    series.value += value  # type: ignore[union-attr,operator]
                else:
                    series.observe(value)  # type: ignore[union-attr]
            if last is not None or watch is not None:
                if when is None or (not isinstance(when, float) and (when := when.read()) is None):
                    when = now
                if last is not None and value > 0:
                    last.value = when if last.value is None else max(when, last.value)
                if watch is not None:
                    watch.see(target.metric, target.labels, value, when, now)
            if subject is not None:
                subject.said = subject.seen = now

    def touch(self, stream: Stream, now: float) -> None:
        """A line of the stream was read, whatever it said."""
        subject = self._subjects.get(("stoker_train_", str(stream.settings.name), stream.identity.run))
        if subject is not None:
            subject.seen = now

    @property
    def mark(self) -> int:
        """A number that changes with what is kept and not exposed."""
        return self.age + self._once.changes

    def looked(self, sources: Iterable[str], now: float) -> None:
        """Everything that these sources have was read."""
        self._once.looked(sources, now)

    def _slot(self, stream: Stream, observation: Observation, now: float) -> Slot | None:
        """Find or make where such observations go; None when there is no room, nothing of that name, or it was told already."""
        target = observation.target
        desc = self._descs.get(target.metric)
        if desc is None or desc.kind is not _KINDS[target.op]:
            stream.errors["unknown_metric"] += 1
            return None
        labels = self._labels(stream, desc, target.labels)
        if desc.name in ONCE and not self._told_first(stream, desc, labels, observation, now):
            return None
        subject = self._subject(stream, desc, labels, now)
        if subject is None and named_by(desc):
            return None
        if subject is not None:
            self._zero(stream, subject, labels, target.format)
        elif self._kinds.get(target.format) == "kernel":
            self.expect_kernel(stream)
        if subject is not None and "route" in labels:
            labels["route"] = self._route(stream, subject, labels["route"])
        watch = self._watch(stream, desc, subject, labels)
        series: Series | None = None
        if watch is None or desc.name not in watch.owns:
            if subject is not None and not self._named(stream, subject, desc, labels):
                return None
            series = self._get(desc, labels, subject, stream.errors)
            if series is None:
                return None
        companion = self._descs.get(LAST_EVENT.get(desc.name, ""))
        last = self._get(companion, labels, subject, stream.errors) if companion is not None else None
        total = (
            stream.totals.total(desc.name, target.labels, self._limits.series_per_metric)
            if target.op == "total"
            else None
        )
        if total is None and target.op == "total":
            stream.errors["series_limit"] += 1
            return None
        taken = watch if watch is not None and watch.takes(desc.name) else None
        slot = Slot(series, last if isinstance(last, Number) else None, taken, subject, total)
        # a GPU's name may change between two events, so that what carries one is looked up each time
        if "uuid" not in desc.labels:
            target.owner, target.slot = stream.token, slot
        return slot

    def _told_first(
        self, stream: Stream, desc: Desc, labels: Mapping[str, str], observation: Observation, now: float
    ) -> bool:
        """Whether an event that several sources tell of is told for the first time."""
        key = (desc.name, *(labels[name] for name in ONCE[desc.name]))
        return self._once.first(str(stream.settings.name), key, labels.get("severity", ""), observation, now)

    def _labels(self, stream: Stream, desc: Desc, labels: Labels) -> dict[str, str]:
        """Label values by name, those of the line before those of the file."""
        said = dict(labels)
        identity = stream.identity
        found = {"source": str(stream.settings.name), "run": identity.run, "rank": identity.rank}
        found |= {"service": identity.service, "engine": identity.engine}
        found |= {name: value for name, value in said.items() if value}
        found["rank"] = decimal(found["rank"])
        if "uuid" in desc.labels and (address := said.get("pci_bus_id")):
            found["gpu"], found["uuid"] = gpu_names(said, self._identify(address))
        longest = self._limits.label_length
        cut = {}
        for name in desc.labels:
            value = found.get(name, "")
            if (shown := printable(value)) is not value:
                stream.errors["decode"] += 1
                value = shown
            if len(value) > longest:
                stream.errors["label_cut"] += 1
                value = value[:longest]
            cut[name] = value
        return cut

    def _subject(self, stream: Stream, desc: Desc, labels: Mapping[str, str], now: float) -> Subject | None:
        """The run or service of a series; None when it is about none, or its source has no room for one more, or one more part."""
        about = named_by(desc)
        if not about:
            return None
        family, name = ("stoker_train_" if about == "run" else "stoker_serve_"), labels[about]
        source = str(stream.settings.name)
        self._settings[source] = stream.settings
        subject, part = self._subjects.get((family, source, name)), part_of(family, labels)
        if subject is None or part not in subject.parts:
            if self._parts[source] >= self._limits.parts_per_source:
                stream.errors["series_limit"] += 1
                return None
            subject = subject or Subject(family, source, name, now, now)
            self._subjects[family, source, name] = subject
            subject.parts.add(part)
            self._parts[source] += 1
        return subject

    def _watch(self, stream: Stream, desc: Desc, subject: Subject | None, labels: Mapping[str, str]) -> Watch | None:
        if subject is None or subject.family not in self._makers or not desc.name.startswith(subject.family):
            return None
        part = part_of(subject.family, labels)
        if part not in subject.watches:
            made = self._makers[subject.family](stream.settings)
            if not made.takes(desc.name):
                return None
            subject.watches[part] = made
        return subject.watches[part]

    def _zero(self, stream: Stream, subject: Subject, labels: Mapping[str, str], name: str) -> None:
        """Let what may be counted exist before it is, from the first line of the format's kind."""
        kind = self._kinds.get(name, "")
        part = part_of(subject.family, labels)
        if (kind, part) in subject.zeroed:
            return
        subject.zeroed.add((kind, part))
        if FAMILIES.get(kind) == "stoker_train_" and part not in subject.watches and "stoker_train_" in self._makers:
            subject.watches[part] = self._makers["stoker_train_"](stream.settings)
        own = [(each.desc, each.labels) for each in self._own.get(subject.source, ()) if each.kind == kind]
        for desc, extra in (*self._zeros.get(kind, ()), *own):
            watch = subject.watches.get(part)
            if watch is None or desc.name not in watch.owns:
                whole = {label: extra.get(label, labels.get(label, "")) for label in desc.labels}
                self._get(desc, self._filled(stream, whole), subject, stream.errors)

    def expect_kernel(self, stream: Stream) -> None:
        """Let what a kernel's log may tell of exist before it does; it is about the machine, not about a run or a service."""
        for desc, labels in self._zeros["kernel"]:
            self._get(desc, labels, None, stream.errors)

    def _filled(self, stream: Stream, labels: dict[str, str]) -> dict[str, str]:
        """Labels with what the store knows, for metrics that have more of them than the one that came."""
        identity = stream.identity
        known = {"source": str(stream.settings.name), "run": identity.run, "service": identity.service}
        return {name: value or known.get(name, "") for name, value in labels.items()}

    def _named(self, stream: Stream, subject: Subject, desc: Desc, labels: Mapping[str, str]) -> bool:
        """Whether a run may have one more name of stoker_train_value."""
        if desc.name != _NAMED or labels["name"] in subject.names:
            return True
        if len(subject.names) >= self._limits.values_per_run:
            stream.errors["series_limit"] += 1
            return False
        subject.names.add(labels["name"])
        return True

    def _route(self, stream: Stream, subject: Subject, route: str) -> str:
        """The route, or what all those share for which a service has no more room: whoever scans a server invents paths."""
        if route not in subject.names:
            if len(subject.names) >= self._limits.routes_per_service:
                stream.errors["series_limit"] += 1
                return _OTHER
            subject.names.add(route)
        return route

    def _get(
        self, desc: Desc, labels: Mapping[str, str], subject: Subject | None, errors: Counter[str]
    ) -> Series | None:
        values = tuple(labels[name] for name in desc.labels)
        table = self._series.setdefault(desc.name, {})
        series = table.get(values)
        if series is not None:
            return series
        source = labels.get("source", "")
        if self._counts[desc.name, source] >= self._limits.series_per_metric:
            errors["series_limit"] += 1
            return None
        self._counts[desc.name, source] += 1
        if desc.kind is Kind.HISTOGRAM:
            series = Buckets(desc.bounds)
        else:
            series = Number(0.0 if desc.kind is Kind.COUNTER else None)
        table[values] = series
        if subject is not None and subject.family == "stoker_train_":
            subject.series.append((desc.name, values))
        return series

    def expire(self, now: float) -> None:
        """Forget the runs whose time is over; a service's series stay."""
        for key, subject in list(self._subjects.items()):
            settings = self._settings.get(subject.source)
            if subject.family != "stoker_train_" or settings is None:
                continue
            if now >= subject.ends_at(settings.series_end, settings.series_end_completed):
                log.info("run ended source=%s run=%s series=%d", subject.source, subject.name, len(subject.series))
                for metric, values in subject.series:
                    if self._series[metric].pop(values, None) is not None:
                        self._counts[metric, subject.source] -= 1
                del self._subjects[key]
                self._parts[subject.source] -= len(subject.parts)
                self.age += 1

    def samples(self, now: float) -> Iterator[Sample]:
        """Every series that has a value."""
        for metric, table in self._series.items():
            desc = self._descs[metric]
            for values, series in table.items():
                value = series.export()
                if value is not None:
                    yield Sample(desc, values, value)
        for subject in self._subjects.values():
            about = "run" if subject.family == "stoker_train_" else "service"
            part_label = "rank" if about == "run" else "engine"
            for part, watch in subject.watches.items():
                base = {"source": subject.source, about: subject.name, part_label: part}
                for metric, extra, number in watch.readings(now):
                    reading = self._descs.get(metric)
                    if reading is not None:
                        labels = {**base, **dict(extra)}
                        yield Sample(reading, tuple(labels.get(name, "") for name in reading.labels), number)

    def state(self) -> dict[str, Any]:
        """Everything, as plain values; what may be much comes from iterators."""
        return {
            "series": {
                metric: ([list(values), series.state()] for values, series in table.items())
                for metric, table in self._series.items()
            },
            "labels": {metric: list(self._descs[metric].labels) for metric in self._series},
            "once": self._once.state(),
            "totals": self._totals.state(),
            "subjects": (subject.state() for subject in self._subjects.values()),
        }

    def restore(self, state: Mapping[str, Any], settings: Mapping[str, SourceSettings]) -> None:
        """Take over what `state` gave, as far as its metrics and sources still exist as they were."""
        self._once.restore(state.get("once", {}), settings)
        self._totals.restore(state.get("totals", ()), settings, self._descs)
        for each in state["subjects"]:
            source = settings.get(each["source"])
            if source is None or each["family"] not in self._makers:
                continue
            subject = Subject.restored(each, partial(self._makers[each["family"]], source))
            self._parts[subject.source] += len(subject.parts)
            self._subjects[subject.family, subject.source, subject.name] = subject
            self._settings[subject.source] = source
        for metric, rows in state["series"].items():
            desc = self._descs.get(metric)
            if desc is None or list(desc.labels) != state["labels"][metric]:
                log.warning("metric changed, its saved values are left out metric=%s", metric)
                continue
            for values, kept in rows:
                labels = dict(zip(desc.labels, values, strict=True))
                if "source" in labels and labels["source"] not in settings:
                    continue
                run = self._subjects.get(("stoker_train_", labels.get("source", ""), labels.get("run", "")))
                if "run" in labels and run is None:
                    continue
                series = self._get(desc, labels, run, Counter())
                if series is not None:
                    series.restore(kept)
                if run is not None and metric == _NAMED:
                    run.names.add(labels["name"])
                service = self._subjects.get(("stoker_serve_", labels.get("source", ""), labels.get("service", "")))
                if service is not None and labels.get("route", _OTHER) != _OTHER:
                    service.names.add(labels["route"])
