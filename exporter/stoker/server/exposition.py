"""Renders samples as Prometheus text or OpenMetrics.

Almost all of a line, `name{label="value"} `, is the same at every scrape, so it is prepared once for each series and joined
with the value; preparing is what costs. A series that is gone is forgotten at the next sweep.
"""

from __future__ import annotations

import logging
import math
from itertools import groupby
from typing import TYPE_CHECKING, cast

from stoker.metrics import Desc, HistogramValue, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

log = logging.getLogger(__name__)

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_EXACT = 2.0**53


class Exposition:
    """The rendering of one server; keeps the prepared beginnings of lines between scrapes."""

    def __init__(self) -> None:
        self._prefixes: dict[tuple[str, tuple[str, ...]], str] = {}
        self._histograms: dict[tuple[str, tuple[str, ...]], list[str]] = {}
        self._said: set[str] = set()
        self._series = 0

    def render(self, samples: Iterable[Sample], *, openmetrics: bool = False) -> bytes:
        """The page.

        Args:
            samples: in any order; of two with the same labels the first counts.
            openmetrics: OpenMetrics 1.0 rather than the text format 0.0.4.
        """
        ordered = sorted(samples, key=_family)
        lines: list[str] = []
        count = 0
        for _, group in groupby(ordered, key=_family):
            family = list(group)
            count += len(family)
            lines += self._family(family, openmetrics=openmetrics)
        self._forget(count)
        if openmetrics:
            lines.append("# EOF\n")
        return "".join(lines).encode()

    def _family(self, family: Sequence[Sample], *, openmetrics: bool) -> list[str]:
        desc = family[0].desc
        name = desc.name.removesuffix("_total") if openmetrics and desc.kind is Kind.COUNTER else desc.name
        lines = [f"# HELP {name} {_escape_help(desc.help, quotes=openmetrics)}\n# TYPE {name} {desc.kind}\n"]
        if desc.kind is Kind.HISTOGRAM:
            for sample in self._once(family):
                lines += self._histogram(sample)
            return lines
        prefixes = self._prefixes
        key_name = desc.name
        for sample in self._once(family):
            prefix = prefixes.get((key_name, sample.labels))
            if prefix is None:
                prefix = f"{key_name}{_labels(desc, sample.labels)} "
                prefixes[key_name, sample.labels] = prefix
            lines.append(f"{prefix}{number(cast('float', sample.value))}\n")
        return lines

    def _once(self, family: Sequence[Sample]) -> Sequence[Sample]:
        unique = {sample.labels: sample for sample in reversed(family)}
        if len(unique) == len(family):
            return family
        name = family[0].desc.name
        if name not in self._said:
            self._said.add(name)
            log.error("metric=%s has two samples with the same labels; the first counts", name)
        return list(reversed(unique.values()))

    def _histogram(self, sample: Sample) -> list[str]:
        desc, value = sample.desc, cast("HistogramValue", sample.value)
        prefixes = self._histograms.get((desc.name, sample.labels))
        if prefixes is None:
            bounds = [*(number_of_bound(bound) for bound in desc.bounds), "+Inf"]
            prefixes = [f"{desc.name}_bucket{_labels(desc, sample.labels, le)} " for le in bounds]
            plain = _labels(desc, sample.labels)
            prefixes += [f"{desc.name}_sum{plain} ", f"{desc.name}_count{plain} "]
            self._histograms[desc.name, sample.labels] = prefixes
        total = 0
        lines = []
        for prefix, count in zip(prefixes, value.counts, strict=False):
            total += count
            lines.append(f"{prefix}{total}\n")
        return [*lines, f"{prefixes[-2]}{number(value.total)}\n", f"{prefixes[-1]}{total}\n"]

    def _forget(self, count: int) -> None:
        """When far more lines are prepared than were used, the rest is of series that are gone."""
        if len(self._prefixes) + len(self._histograms) > 2 * count + 1000:
            self._prefixes.clear()
            self._histograms.clear()


def _family(sample: Sample) -> str:
    return sample.desc.name


def number(value: float) -> str:
    """A value as Prometheus reads it: `3`, `0.25`, `1e+30`, `NaN`, `+Inf`."""
    if isinstance(value, int):
        return str(int(value))
    if value == value and abs(value) < _EXACT:  # noqa: PLR0124 - NaN is the only number that differs from itself
        return str(int(value)) if value == int(value) else repr(value)
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(value)


def number_of_bound(bound: float) -> str:
    """A bucket's bound, spelled as `1.0`."""
    return repr(float(bound))


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


def negotiate(accept: str) -> bool:
    """Whether an Accept header prefers OpenMetrics to the text format."""
    best: dict[bool, float] = {}
    for part in accept.split(","):
        kind, *parameters = (word.strip() for word in part.split(";"))
        quality = 1.0
        fits = True
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
            if name == "version" and kind == "application/openmetrics-text":
                fits = value in ("1.0.0", "0.0.1")
        if kind == "application/openmetrics-text" and fits:
            best[True] = max(best.get(True, 0.0), quality)
        elif kind in ("text/plain", "*/*", "text/*"):
            best[False] = max(best.get(False, 0.0), quality)
    return best.get(True, 0.0) > 0 and best.get(True, 0.0) >= best.get(False, 0.0)
