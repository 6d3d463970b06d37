"""Renders samples as Prometheus text or OpenMetrics.

Almost all of a line, `name{label="value"} `, is the same at every scrape, and often the value too. So what was written for a
series is kept and used again as long as its value stays; what is kept of series that are gone is dropped when it outweighs
the rest.
"""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING, cast

from stoker.metrics import Desc, HistogramValue, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_EXACT = 2.0**53
_SPARE = 100


class _Series:
    """What is kept of a series: its last value and what was written for it, with the beginnings of its lines.

    Attributes:
        text: what was written; of a series with one line, its beginning stays in there and nowhere else.
        size: of that beginning.
        beginnings: of the lines of a histogram.
    """

    __slots__ = ("beginnings", "size", "text", "turn", "value")

    def __init__(self, beginnings: tuple[str, ...]) -> None:
        self.beginnings = beginnings if len(beginnings) > 1 else ()
        self.text = beginnings[0]
        self.size = len(self.text)
        self.turn = 0
        self.value: float | HistogramValue = math.nan  # equal to nothing


class _Family:
    """What is kept of a metric: its series by their labels, and what stands above them in each of the two formats."""

    __slots__ = ("_heads", "desc", "series")

    def __init__(self, desc: Desc) -> None:
        self.desc = desc
        self.series: dict[tuple[str, ...], _Series] = {}
        self._heads = ["", ""]

    def head(self, *, openmetrics: bool) -> str:
        """Its HELP and TYPE."""
        head = self._heads[openmetrics]
        if not head:
            head = self._heads[openmetrics] = _head(self.desc, openmetrics=openmetrics)
        return head


class Exposition:
    """The rendering of one server; keeps what it has written between scrapes. Any thread may ask."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._said: set[tuple[str, str]] = set()
        self._turn = 0
        self._lock = threading.Lock()

    def render(self, samples: Iterable[Sample], *, openmetrics: bool = False) -> bytes:
        """The page: families by name, their series in the order given.

        One wrong series never costs the page: of two with the same labels the first counts, and one that does not fit
        its Desc is left out; both are logged once for each metric.

        Args:
            samples: in any order.
            openmetrics: OpenMetrics 1.0 rather than the text format 0.0.4.
        """
        with self._lock:
            self._turn += 1
            lines: list[str] = []
            families = self._sorted(samples)
            for desc, found in families:
                self._family(desc, found, lines, openmetrics=openmetrics)
            if len(self._families) > len(families):
                self._families = {desc.name: self._families[desc.name] for desc, _ in families}
        if openmetrics:
            lines.append("# EOF\n")
        return "".join(lines).encode()

    def _sorted(self, samples: Iterable[Sample]) -> list[tuple[Desc, list[Sample]]]:
        families: dict[str, tuple[Desc, list[Sample]]] = {}
        current: Desc | None = None
        found: list[Sample] = []
        for sample in samples:
            if sample[0] is not current:
                current = sample[0]
                known = families.get(current.name)
                if known is None:
                    known = families[current.name] = (current, [])
                first, found = known
                if first is not current and first != current:
                    self._say(current.name, "is declared in two ways; the first counts")
                    found = []
            found.append(sample)
        return [families[name] for name in sorted(families)]

    def _family(self, desc: Desc, found: Sequence[Sample], lines: list[str], *, openmetrics: bool) -> None:
        family = self._families.get(desc.name)
        if family is None or (family.desc is not desc and family.desc != desc):
            family = self._families[desc.name] = _Family(desc)
        lines.append(family.head(openmetrics=openmetrics))
        write = _histogram if desc.kind is Kind.HISTOGRAM else _plain
        known = family.series
        turn = self._turn
        for _, labels, value in found:  # the inner loop of every scrape
            try:
                series = known.get(labels)
                if series is None:
                    series = known[labels] = _Series(_beginnings(desc, labels))
                if series.turn == turn:
                    self._say(desc.name, "has two samples with the same labels; the first counts")
                    continue
                series.turn = turn
                if series.value != value:
                    series.text = write(series, value)
                    series.value = value
                lines.append(series.text)
            except (TypeError, ValueError, AttributeError) as error:
                self._say(desc.name, "has a sample that does not fit it and is left out", error)
        if len(known) > 2 * len(found) + _SPARE:  # most of it is of series that are gone
            family.series = {labels: series for labels, series in known.items() if series.turn == turn}

    def _say(self, name: str, text: str, error: Exception | None = None) -> None:
        if (name, text) not in self._said:
            self._said.add((name, text))
            log.error("metric=%s %s%s", name, text, f": {error}" if error else "")


def _head(desc: Desc, *, openmetrics: bool) -> str:
    name, kind = desc.name, str(desc.kind)
    if openmetrics and desc.kind is Kind.COUNTER:
        name = desc.name.removesuffix("_total")
        if name == desc.name:
            kind = "unknown"  # another exporter's name, which OpenMetrics allows no counter
    return f"# HELP {name} {_escape_help(desc.help, quotes=openmetrics)}\n# TYPE {name} {kind}\n"


def _plain(series: _Series, value: object) -> str:
    return f"{series.text[: series.size]}{number(cast('float', value))}\n"


def _histogram(series: _Series, value: object) -> str:
    counts, total = cast("HistogramValue", value)
    *buckets, sums, count = series.beginnings
    so_far = 0
    lines = []
    for bucket, observed in zip(buckets, counts, strict=True):
        so_far += observed
        lines.append(f"{bucket}{so_far}\n")
    return "".join([*lines, f"{sums}{number(total)}\n", f"{count}{so_far}\n"])


def _beginnings(desc: Desc, values: tuple[str, ...]) -> tuple[str, ...]:
    """The beginnings of a series' lines: one, or those of the buckets, the sum and the count."""
    plain = _labels(desc, values)
    if desc.kind is not Kind.HISTOGRAM:
        return (f"{desc.name}{plain} ",)
    bounds = [*(repr(float(bound)) for bound in desc.bounds), "+Inf"]
    buckets = [f"{desc.name}_bucket{_labels(desc, values, le)} " for le in bounds]
    return (*buckets, f"{desc.name}_sum{plain} ", f"{desc.name}_count{plain} ")


def number(value: float) -> str:
    """A value as Prometheus reads it: `3`, `0.25`, `1e+30`, `NaN`, `+Inf`."""
    if isinstance(value, int):
        return str(int(value))  # `int` for booleans
    if value == value and abs(value) < _EXACT:  # noqa: PLR0124 - NaN is the only number that differs from itself
        return str(int(value)) if value == int(value) else repr(value)
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def _labels(desc: Desc, values: Sequence[str], le: str | None = None) -> str:
    pairs = [f'{label}="{_escape(value)}"' for label, value in zip(desc.labels, values, strict=True) if value]
    if le is not None:
        pairs.append(f'le="{le}"')
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escape(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value.encode("utf-8", "replace").decode() if not value.isascii() else value


def _escape_help(text: str, *, quotes: bool) -> str:
    escaped = text.replace("\\", r"\\").replace("\n", r"\n")
    return escaped.replace('"', r"\"") if quotes else escaped
