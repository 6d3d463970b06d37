"""Turns the bytes of one stream into observations."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.logs.finding import Finding, Reader
from stoker.logs.incidents import Incidents
from stoker.logs.lines import Line, Splitter
from stoker.logs.matcher import LiteralMatcher, Matcher
from stoker.logs.quoting import quoted
from stoker.logs.readers import READERS
from stoker.logs.times import kernel_time, line_time, start_time
from stoker.logs.units import convert
from stoker.logs.unwrap import messages, unglue, unwrap
from stoker.metrics import Observation

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from datetime import tzinfo

    from stoker.logs.formats import CompiledFormat, CompiledFormats, CompiledPattern

_NONFINITE = {"stoker_train_loss": "loss", "stoker_train_grad_norm": "grad_norm", "stoker_train_eval": "eval"}
_COUNTED = "stoker_train_nonfinite_total"
_SERVE_KINDS = frozenset({"oom", "timeout", "cuda", "exception"})
_DEVICE_KINDS = frozenset({"oom", "cuda", "ecc", "nccl"})
"""Failures of a device that a server reports count among the devices' failures as well: the alerts on those read one metric."""
_STEPS = frozenset({"stoker_train_step", "stoker_train_steps"})
_FAILURE = "stoker_train_errors_total"


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
        self._matcher: Matcher = LiteralMatcher([each.literals() for each in formats.formats])
        self._losses = False
        self._incidents = Incidents()
        self._zone = timezone
        self._clock = clock
        self._on_unread = on_unread
        self._awake = 0
        self.context = ""
        self.stats = LineStats(errors=self._splitter.errors)

    def feed(self, data: bytes) -> list[Observation]:
        """What the lines that end in `data` say."""
        self.stats.bytes += len(data)
        return self._lines(self._splitter.feed(data))

    def flush(self) -> list[Observation]:
        """What a last line without end says."""
        return self._lines(self._splitter.flush())

    def _lines(self, lines: list[Line]) -> list[Observation]:
        texts: list[tuple[Line, str, str]] = []
        for line in lines:
            for text in unglue(line.text):
                rank, bare = unwrap(text)
                texts.append((line, rank, bare))
        found: list[Observation] = []
        last, name = None, ""
        for (line, rank, text), mask in zip(texts, self._matcher.scan([text for _, _, text in texts]), strict=True):
            if line is not last:
                last = line
                self.stats.lines += 1
                self._incidents.line()
                name = ""
            said, reader = self._line(line, rank, text, mask)
            found += said
            if not name:
                name = reader
                self.stats.matched[name] += 1
            elif name == "none" != reader:  # two records on one line are one line
                self.stats.matched[name] -= 1
                name = reader
                self.stats.matched[name] += 1
        return found

    def _line(self, line: Line, rank: str, text: str, mask: int) -> tuple[list[Observation], str]:
        """(observations, the format that gave them or `none`)."""
        found, name, claimed = self._record(line, rank, text, mask)
        if not claimed and (inner := [unwrap(message) for message in messages(text)]):
            for (who, message), bits in zip(inner, self._matcher.scan([message for _, message in inner]), strict=True):
                more, other, own = self._record(line, who or rank, message, bits)
                found += more
                name, claimed = (other if more else name), claimed or own
        if not claimed and self._on_unread is not None:
            self._on_unread(line.text)
        return found, name if found else "none"

    def _record(self, line: Line, rank: str, text: str, mask: int) -> tuple[list[Observation], str, bool]:
        """(observations, the format's name, whether a format took it for its own)."""
        wanted = mask | self._awake
        while wanted:
            bit = wanted & -wanted  # the first format is the most specific one
            wanted ^= bit
            each = self._formats.formats[bit.bit_length() - 1]
            if each.guess and self.context == "inference":
                continue
            got = self._try(each, line, text, rank)
            if each.reader:
                self._awake = self._awake | bit if self._readers[each.name].awake else self._awake & ~bit
            if got is None:
                continue
            if each.echo and self._losses:
                got = [made for made in got if made.metric in _STEPS]
            elif not each.echo and not self._losses:
                self._losses = any(made.metric == "stoker_train_loss" for made in got)
            if got and each.kind in ("training", "inference") and not each.guess:
                self.context = each.kind
            return got, each.name, True
        return [], "none", False

    def _try(self, each: CompiledFormat, line: Line, text: str, rank: str) -> list[Observation] | None:
        """Observations of a format, None when the line is not its own."""
        if each.when is not None and not each.when.search(text):
            return None
        if each.reader:
            try:
                findings = self._readers[each.name].read(line, text, rank)
            except ValueError:
                self.stats.errors["unparsable"] += 1
                findings = []
            if findings is not None:
                when = None
                if findings:
                    when = self._time(each, line, findings)
                return self._findings(findings, rank, each.name, when)
        found: list[Observation] = []
        matched = False
        for pattern in each.patterns:
            if pattern.literal in text and (match := pattern.regex.search(text)) is not None:
                if match.start() and quoted(text, match.start()):
                    continue
                matched = True
                found += self._matched(pattern, match, line, rank, each.name)
        return found if matched else None

    def _time(self, each: CompiledFormat, line: Line, findings: list[Finding]) -> float | None:
        if findings[0].line != line.number:
            return None
        read = kernel_time if each.kind == "kernel" else start_time
        return read(line.text, self._zone, self._clock())

    def _matched(
        self, pattern: CompiledPattern, match: re.Match[str], line: Line, rank: str, name: str
    ) -> list[Observation]:
        groups = match.groupdict()
        rank = groups.get("rank") or rank
        labels = {label.name: label.value(groups) for label in pattern.labels}
        if pattern.time and groups.get(pattern.time):
            when = line_time(groups[pattern.time] or "", pattern.time_format, self._zone, self._clock())
        else:
            when = start_time(line.text, self._zone, self._clock())
        found: list[Observation] = []
        for action in pattern.actions:
            if not action.group:
                text: str | None = None
                finding = Finding(action.op, action.desc.name, labels, action.value, line.number)
            else:
                text = groups.get(action.group)
                if text is None:
                    continue
                converted = self._converted(text, action.unit)
                if converted is None:
                    continue
                if action.desc.name == "stoker_train_step" and groups.get("of"):
                    converted += _epochs_before(groups) * int(groups["of"] or 0)
                finding = Finding(action.op, action.desc.name, labels, converted, line.number)
            found += self._observation(finding, rank, when, name)
        told = {each.labels for each in found if each.metric == _COUNTED}
        for action, key, text in pattern.read_keys(match.string):
            converted = self._converted(text, action.unit)
            if converted is not None:
                own = {**labels, action.label: key} if action.label else labels
                finding = Finding("set", action.desc.name, own, converted, line.number)
                made = self._observation(finding, rank, when, name)
                # a line that counts its own NaNs and prints one as well means the same one
                found += [each for each in made if each.metric != _COUNTED or each.labels not in told]
        if pattern.incident:
            detail = groups.get("detail") or ""
            kind = {"kind": pattern.incident}
            finding = Finding("inc", _FAILURE, kind, 1.0, line.number, pattern.incident, detail)
            found += self._findings([finding], rank, name, when)
        return found

    def _converted(self, text: str, unit: str) -> float | None:
        try:
            return convert(text, unit)
        except (ValueError, KeyError):
            self.stats.errors["unparsable"] += 1
            return None

    def _findings(self, findings: list[Finding], rank: str, name: str, when: float | None) -> list[Observation]:
        """A reader's findings; a failure only once, and under the name that fits the stream."""
        fresh = []
        if self.context == "inference" and any(each.incident not in ("", "raised", "exception") for each in findings):
            findings = [each for each in findings if each.incident != "raised"]  # counted under its kind
        for finding in findings:
            who = finding.labels.get("rank") or rank
            again = finding.incident == "raised" and self.context == "inference" and not finding.weak
            told = not again and self._incidents.told(finding.incident, who, finding.detail, weak=finding.weak)
            if not finding.incident or not told:
                fresh.append(finding)
        for finding in findings:
            if finding.incident:
                self._incidents.remember(finding.incident, finding.labels.get("rank") or rank, finding.detail)
        found = []
        for finding in fresh:
            for each in self._in_context(finding):
                found += self._observation(each, rank, when, name)
        return found

    def _in_context(self, finding: Finding) -> list[Finding]:
        """What a failure counts as in a server's log; elsewhere it stays what it is."""
        if finding.metric == "stoker_train_finished" and "cancelled" in finding.labels.values():
            return [finding] if self.context == "training" else []
        if self.context != "inference" or not finding.metric.startswith("stoker_train_e"):
            return [finding]
        if finding.metric == "stoker_train_exceptions_total":
            return [finding._replace(metric="stoker_serve_errors_total", labels={"kind": "exception"})]
        if finding.metric != _FAILURE:
            return [finding]
        kind = finding.labels["kind"]
        if kind == "exception":
            return []  # counted as what was raised
        labels = {"kind": kind if kind in _SERVE_KINDS else "other"}
        served = finding._replace(metric="stoker_serve_errors_total", labels=labels)
        return [served, finding] if kind in _DEVICE_KINDS else [served]

    def _observation(self, finding: Finding, rank: str, when: float | None, name: str) -> list[Observation]:
        desc = self._formats.descs[finding.metric]
        extra = ("pci_bus_id", "uuid") if "uuid" in desc.labels else ()
        labels = {key: value for key, value in finding.labels.items() if value and (key in desc.labels or key in extra)}
        if rank and "rank" in desc.labels and "rank" not in labels:
            labels["rank"] = rank
        op, metric, value = finding.op, finding.metric, finding.value
        if not math.isfinite(value):
            if metric not in _NONFINITE:
                self.stats.errors["non_finite"] += 1
                return []
            op, value = "inc", 1.0
            labels = {**({"rank": labels["rank"]} if "rank" in labels else {}), "value": _NONFINITE[metric]}
            metric = _COUNTED
        if op == "inc" and not value:
            return []
        return [Observation(op, metric, tuple(sorted(labels.items())), value, when, finding.line, name)]


def _epochs_before(groups: dict[str, str | None]) -> int:
    """How many epochs were over when this line was written."""
    if groups.get("epoch1"):
        return max(0, int(groups["epoch1"] or 1) - 1)
    return int(groups.get("epoch0") or 0)
