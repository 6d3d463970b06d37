"""Describes one metric: its name, type, help, labels and unit. A Desc that would break a rule cannot be made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from stoker.errors import DescError

BASE_UNITS = ("seconds", "bytes", "ratio", "joules", "watts", "celsius", "hertz")
"""Units that a name may end in (before `_total`); anything else is a plain number."""

FOREIGN_UNITS = {
    "milliseconds": "seconds",
    "microseconds": "seconds",
    "minutes": "seconds",
    "hours": "seconds",
    "ms": "seconds",
    "kilobytes": "bytes",
    "megabytes": "bytes",
    "mib": "bytes",
    "gib": "bytes",
    "percent": "ratio",
    "percentage": "ratio",
    "mhz": "hertz",
    "milliwatts": "watts",
    "fahrenheit": "celsius",
}

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")
_TARGET_LABELS = frozenset({"job", "instance", "cluster"})
_RESERVED_SUFFIXES = ("_count", "_sum", "_bucket", "_created", "_info_total")


class Kind(StrEnum):
    """The type of a metric, as the exposition format spells it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Desc:
    """A metric as declared.

    Args:
        name: full name, `stoker_…`; counters end in `_total`.
        kind: counter, gauge or histogram.
        help: one sentence without a full stop at its end.
        labels: label names in the order in which samples give their values; an empty value means that the
            series does not carry the label (Prometheus treats both alike).
        bounds: upper bounds of a histogram's buckets, rising, without infinity.
        honor: the series speaks of other targets (only `stoker score`), so it may carry target labels.

    Raises:
        DescError: for a name, label, unit or bound that Prometheus or promtool would object to.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    honor: bool = False

    def __post_init__(self) -> None:
        for wrong in self._wrongs():
            raise DescError(f"{self.name}: {wrong}")

    @property
    def unit(self) -> str:
        """The base unit that the name ends in, or an empty string for a plain number."""
        stem = self.name.removesuffix("_total")
        if stem.endswith("_timestamp_seconds"):
            return "timestamp"
        last = stem.rsplit("_", 1)[-1]
        return last if last in BASE_UNITS else ""

    def _wrongs(self) -> list[str]:
        wrongs = []
        if not _NAME.match(self.name):
            wrongs.append("a name is lower-case words joined by single underscores")
        words = self.name.split("_")
        wrongs += [f"{word} is no base unit; use {FOREIGN_UNITS[word]}" for word in words if word in FOREIGN_UNITS]
        if self.kind is Kind.COUNTER and not self.name.endswith("_total"):
            wrongs.append("a counter's name ends in _total")
        if self.kind is not Kind.COUNTER and self.name.endswith("_total"):
            wrongs.append("only a counter's name ends in _total")
        if self.name.endswith(_RESERVED_SUFFIXES):
            wrongs.append("the suffix is reserved by the exposition format")
        if not self.help or self.help.endswith("."):
            wrongs.append("help is one sentence without a full stop")
        for label in self.labels:
            if not _LABEL.match(label) or label.startswith("__") or label in ("le", "quantile"):
                wrongs.append(f"bad label name {label!r}")
            if label in _TARGET_LABELS and not self.honor:
                wrongs.append(f"label {label} belongs to the target; a scrape would rename it exported_{label}")
        if len(set(self.labels)) != len(self.labels):
            wrongs.append("a label is named twice")
        if (self.kind is Kind.HISTOGRAM) != bool(self.bounds):
            wrongs.append("a histogram has bounds, and nothing else has")
        if list(self.bounds) != sorted(set(self.bounds)):
            wrongs.append("bounds rise strictly")
        return wrongs


class ForeignDesc(Desc):
    """A metric by the name that another exporter gave it: our rules for names, labels and units do not hold for it."""

    def _wrongs(self) -> list[str]:
        return []
