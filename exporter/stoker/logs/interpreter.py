"""Turns the bytes of one stream into observations."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.logs.incidents import Incidents
from stoker.logs.lines import Line, Splitter
from stoker.logs.readers import READERS, Finding, Reader
from stoker.logs.routes import fold
from stoker.logs.times import kernel_time, line_time
from stoker.logs.units import convert
from stoker.logs.unwrap import unwrap
from stoker.metrics import Observation

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from datetime import tzinfo

    from stoker.logs.formats import CompiledFormat, CompiledFormats, CompiledPattern

_NONFINITE = {"stoker_train_loss": "loss", "stoker_train_grad_norm": "grad_norm", "stoker_train_eval": "eval"}
_SERVE_KINDS = frozenset({"oom", "timeout", "cuda", "exception"})


@dataclass(slots=True)
class LineStats:
    """What was read so far.

    Attributes:
        lines: not empty ones.
        bytes: all of them.
        matched: lines that gave something, by format; `none` for the rest.
        errors: by reason.
    """

    lines: int = 0
    bytes: int = 0
    matched: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)


class Interpreter:
    """One stream of a log.

    Args:
        formats: what its lines may be.
        line_length: bytes after which a line is cut.
        timezone: of times that name none; the machine's when None.
        clock: seconds since the epoch.
        on_unread: called with each line that no format understood.
    """

    def __init__(
        self,
        formats: CompiledFormats,
        *,
        line_length: int,
        timezone: tzinfo | None,
        clock: Callable[[], float],
        on_unread: Callable[[str], None] | None = None,
    ) -> None:
        self._formats = formats
        self._splitter = Splitter(line_length)
        self._readers: dict[str, Reader] = {
            each.name: READERS[each.reader](each.keys) for each in formats.formats if each.reader
        }
        self._incidents = Incidents()
        self._zone = timezone
        self._clock = clock
        self._on_unread = on_unread
        self._open_bytes = 0
        self.context = ""
        self.stats = LineStats(errors=self._splitter.errors)

    @property
    def pending(self) -> int:
        """Bytes whose effect is not complete: a restart has to read them again."""
        return self._splitter.pending + self._open_bytes

    def feed(self, data: bytes) -> list[Observation]:
        """What the lines that end in `data` say."""
        self.stats.bytes += len(data)
        found: list[Observation] = []
        for line in self._splitter.feed(data):
            found += self._line(line)
        return found

    def flush(self) -> list[Observation]:
        """What a last line without end says."""
        found: list[Observation] = []
        for line in self._splitter.flush():
            found += self._line(line)
        self._open_bytes = 0
        return found

    def _line(self, line: Line) -> list[Observation]:
        self.stats.lines += 1
        self._incidents.line()
        rank, text = unwrap(line.text)
        found: list[Observation] = []
        name = "none"
        claimed = False
        for each in self._formats.formats:
            got = self._try(each, line, text, rank)
            if got is None:
                continue
            claimed = True
            if got:
                found, name = got, each.name
                if each.kind in ("training", "inference"):
                    self.context = each.kind
            break
        self.stats.matched[name if found or not claimed else "none"] += 1
        if not claimed and self._on_unread is not None:
            self._on_unread(line.text)
        is_open = any(reader.open for reader in self._readers.values())
        self._open_bytes = self._open_bytes + line.size if is_open else 0
        return found

    def _try(self, each: CompiledFormat, line: Line, text: str, rank: str) -> list[Observation] | None:
        """Observations of a format, None when the line is not its own."""
        if each.reader:
            findings = self._readers[each.name].read(line, text, rank)
            if findings is not None:
                kernel = findings and each.kind == "kernel"
                when = kernel_time(line.text, self._zone, self._clock()) if kernel else None
                return [made for finding in findings for made in self._finding(finding, rank, each.name, when)]
        if each.when is not None and (each.when_literal not in text or not each.when.search(text)):
            return None
        found: list[Observation] = []
        matched = False
        for pattern in each.patterns:
            if pattern.literal in text and (match := pattern.regex.search(text)) is not None:
                matched = True
                found += self._matched(pattern, match, line, rank, each.name)
        return found if matched else None

    def _matched(
        self, pattern: CompiledPattern, match: re.Match[str], line: Line, rank: str, name: str
    ) -> list[Observation]:
        groups = match.groupdict()
        labels = {}
        for label in pattern.labels:
            value = (groups.get(label.group) or "") if label.group else label.text
            labels[label.name] = fold(value) if label.route else value
        when = None
        if pattern.time and groups.get(pattern.time):
            when = line_time(groups[pattern.time] or "", pattern.time_format, self._zone, self._clock())
        found = []
        for action in pattern.actions:
            value = action.value
            if action.group:
                text = groups.get(action.group)
                if text is None:
                    continue
                try:
                    value = convert(text, action.unit)
                except (ValueError, KeyError):
                    self.stats.errors["unparsable"] += 1
                    continue
            finding = Finding(action.op, action.desc.name, labels, value, line.number)
            found += self._observation(finding, rank, when, name)
        if pattern.incident:
            metric = "stoker_train_errors_total"
            finding = Finding("inc", metric, {"kind": pattern.incident}, 1.0, line.number, pattern.incident)
            found += self._finding(finding, rank, name)
        return found

    def _finding(self, finding: Finding, rank: str, name: str, when: float | None = None) -> list[Observation]:
        """A reader's finding; a failure only once, and under the name that fits the stream."""
        if finding.incident and not self._incidents.new(finding.incident, rank):
            return []
        if self.context == "inference" and finding.metric.startswith("stoker_train_e"):
            if finding.metric != "stoker_train_errors_total":
                return []
            kind = finding.labels["kind"]
            labels = {"kind": kind if kind in _SERVE_KINDS else "other"}
            finding = finding._replace(metric="stoker_serve_errors_total", labels=labels)
        return self._observation(finding, rank, when, name)

    def _observation(self, finding: Finding, rank: str, when: float | None, name: str) -> list[Observation]:
        desc = self._formats.descs[finding.metric]
        extra = ("pci_bus_id", "uuid") if "uuid" in desc.labels else ()
        labels = {key: value for key, value in finding.labels.items() if value and (key in desc.labels or key in extra)}
        if rank and "rank" in desc.labels and "rank" not in labels:
            labels["rank"] = rank
        op, metric, value = finding.op, finding.metric, finding.value
        if not math.isfinite(value) and metric in _NONFINITE:
            op, value = "inc", 1.0
            labels = {**({"rank": labels["rank"]} if "rank" in labels else {}), "value": _NONFINITE[metric]}
            metric = "stoker_train_nonfinite_total"
        return [Observation(op, metric, tuple(sorted(labels.items())), value, when, finding.line, name)]
