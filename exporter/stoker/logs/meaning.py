"""What a match, or a reader's finding, means: observations with labels, each failure once, under the names that fit the stream."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import TYPE_CHECKING, NamedTuple

from stoker.logs.finding import Finding
from stoker.logs.incidents import Incidents
from stoker.logs.times import LineTime
from stoker.logs.units import convert
from stoker.metrics import Observation, Target

if TYPE_CHECKING:
    import re
    from collections import Counter
    from collections.abc import Callable, Mapping
    from datetime import tzinfo

    from stoker.logs.formats import CompiledPattern
    from stoker.logs.lines import Line
    from stoker.metrics import Desc, Moment
    from stoker.metrics.observation import Operation

_NONFINITE = {"stoker_train_loss": "loss", "stoker_train_grad_norm": "grad_norm", "stoker_train_eval": "eval"}
_COUNTED = "stoker_train_nonfinite_total"
_SERVE_KINDS = frozenset({"oom", "timeout", "cuda", "exception"})
_DEVICE_KINDS = frozenset({"oom", "cuda", "ecc", "nccl"})
"""Failures of a device that a server reports count among the devices' failures as well: the alerts on those read one metric."""
_ABNORMAL = "stoker_serve_abnormal_requests_total"
_FAILURE = "stoker_train_errors_total"
_STEP = "stoker_train_step"
_TARGETS = 8192
"""Targets that are kept for one stream; more label values than this are a flood, and made anew each time."""
_LONG = 1024
"""Characters of label values that are worth keeping a target for."""
_Key = tuple["CompiledPattern", str, object]
_Row = tuple[Target, float, int, str]
"""A target, its value, or the number of the group that has it (0 for none) and the unit in which it is printed."""
_observation = tuple.__new__
"""Makes an Observation in half the time that its own constructor takes."""


class _Begun(NamedTuple):
    """When something began, in seconds since the epoch, and whether the line said so itself."""

    when: float
    printed: bool


class Meaning:
    """See the module. One for each stream.

    Attributes:
        context: the kind of what was understood last, `training` or `inference`; empty before.
        incidents: remembers the failures that were counted.

    Args:
        descs: the catalogue.
        zone: of times that name none; the machine's when None.
        clock: seconds since the epoch.
        errors: counts what could not be read, by reason.
    """

    def __init__(
        self, descs: Mapping[str, Desc], zone: tzinfo | None, clock: Callable[[], float], errors: Counter[str]
    ) -> None:
        self.context = ""
        self._descs = descs
        self._zone = zone
        self._clock = clock
        self._errors = errors
        self.incidents = Incidents()
        self._begun: dict[tuple[str, str, str], _Begun] = {}
        self._rows: dict[_Key, list[_Row]] = {}
        self._targets: dict[tuple[Operation, str, tuple[tuple[str, str], ...], str], Target] = {}

    def matched(
        self, pattern: CompiledPattern, match: re.Match[str], line: Line, rank: str, name: str
    ) -> list[Observation]:
        """What the match of a format's pattern says."""
        own = match.group(*pattern.label_groups) if pattern.label_groups else None
        rows = self._rows.get((pattern, rank, own))
        if rows is None:
            rows = self._prepared(pattern, match, rank, name, own)
        number = line.number
        timed = match[pattern.time] if pattern.time else None
        moment = LineTime(timed or line.text, pattern.time_format if timed else "start", self._zone, self._clock)
        found: list[Observation] = []
        for target, constant, group, unit in rows:
            value = constant
            if group:
                text = match[group]
                if text is None:
                    continue
                try:
                    value = convert(text, unit) if unit else float(text)
                except (ValueError, KeyError):
                    converted = self._converted(text, unit)
                    if converted is None:
                        continue
                    value = converted
                if pattern.counts_on and target.metric == _STEP:
                    before = self._steps_before(match.groupdict())
                    if before is None:
                        continue
                    value += before
            if value - value != 0.0:  # NaN minus itself is NaN, and so is infinity's
                found += self._observed(target, value, moment, number)
            elif value or target.op != "inc":
                found.append(_observation(Observation, (target, value, moment, number)))
        if pattern.keys_regex is not None:
            found += self._keys(pattern, match, found, line, rank, name, moment)
        if pattern.special:
            found += self._special(pattern, match, number, rank, name, moment)
        return found

    def _special(
        self, pattern: CompiledPattern, match: re.Match[str], line: int, rank: str, name: str, moment: Moment
    ) -> list[Observation]:
        """What few patterns have: a beginning or an end, bounds of a request's parameters, a failure."""
        found: list[Observation] = []
        if pattern.begins or pattern.ends:
            found += self._elapsed(pattern, match, line, rank, name, moment)
        if pattern.bounds:
            found += self._abnormal(pattern, match, line, rank, name, moment)
        if pattern.incident:
            detail = match["detail"] if "detail" in pattern.regex.groupindex else ""
            kind = {"kind": pattern.incident}
            finding = Finding("inc", _FAILURE, kind, 1.0, line, pattern.incident, detail or "")
            found += self.findings([finding], self._rank(match) or rank, name, moment)
        return found

    def _elapsed(
        self, pattern: CompiledPattern, match: re.Match[str], line: int, rank: str, name: str, moment: Moment
    ) -> list[Observation]:
        """How long took what ends with the line, which may begin something itself."""
        found: list[Observation] = []
        who = self._rank(match) or rank
        one = (match["id"] or "") if "id" in match.re.groupindex else ""
        printed = moment.read()
        when = self._clock() if printed is None else printed
        begun = self._begun.pop((pattern.ends, one, who), None) if pattern.ends else None
        if begun is not None and begun.printed == (printed is not None):
            labels = self._labels(pattern, match)
            for each in pattern.elapsed:
                target = self._target(each.op, each.desc.name, labels, who, name)
                found += self._observed(target, max(0.0, when - begun.when), moment, line)
        if pattern.begins:
            if len(self._begun) >= _TARGETS:
                del self._begun[next(iter(self._begun))]
            self._begun[pattern.begins, one, who] = _Begun(when, printed is not None)
        return found

    def recalled(self) -> None:
        """What was read until now was read before, by an earlier life: when, only the lines themselves can say."""
        self._begun = {key: begun for key, begun in self._begun.items() if begun.printed}

    def _abnormal(
        self, pattern: CompiledPattern, match: re.Match[str], line: int, rank: str, name: str, moment: Moment
    ) -> list[Observation]:
        """The parameters of a request that are outside of what is normal."""
        found = []
        for parameter, least, greatest in pattern.bounds:
            given = self._converted(match[parameter], "") if match[parameter] is not None else None
            if given is not None and not least <= given <= greatest:
                target = self._target("inc", _ABNORMAL, {"reason": parameter}, rank, name)
                found.append(Observation(target, 1.0, moment, line))
        return found

    def _rank(self, match: re.Match[str]) -> str:
        return (match["rank"] or "") if "rank" in match.re.groupindex else ""

    def _prepared(
        self, pattern: CompiledPattern, match: re.Match[str], rank: str, name: str, own: object
    ) -> list[_Row]:
        """Each action of the pattern with its target, for these values of the labels."""
        labels = self._labels(pattern, match)
        who = self._rank(match) or rank
        groups = pattern.regex.groupindex
        rows = [
            (
                self._target(each.op, each.desc.name, labels, who, name),
                each.value,
                groups[each.group] if each.group else 0,
                each.unit,
            )
            for each in pattern.actions
        ]
        if _length(own) <= _LONG:
            if len(self._rows) >= _TARGETS:
                self._rows.clear()
            self._rows[pattern, rank, own] = rows
        return rows

    def _labels(self, pattern: CompiledPattern, match: re.Match[str]) -> dict[str, str]:
        groups = match.groupdict()
        return {label.name: label.value(groups) for label in pattern.labels}

    def _target(self, op: Operation, metric: str, labels: Mapping[str, str], rank: str, name: str) -> Target:
        desc = self._descs[metric]
        extra = ("pci_bus_id", "uuid") if "uuid" in desc.labels else ()
        own = {key: value for key, value in labels.items() if value and (key in desc.labels or key in extra)}
        # ranks have running totals of their own, whatever series these are added up in
        if rank and ("rank" in desc.labels or op == "total") and "rank" not in own:
            own["rank"] = rank
        key = (op, metric, tuple(sorted(own.items())), name)
        target = self._targets.get(key)
        if target is None:
            target = Target(*key)
            if _length(own.values()) <= _LONG:
                if len(self._targets) >= _TARGETS:
                    self._targets.clear()
                self._targets[key] = target
        return target

    def _converted(self, text: str, unit: str) -> float | None:
        try:
            return convert(text, unit)
        except (ValueError, KeyError):
            self._errors["unparsable"] += 1
            return None

    def _steps_before(self, groups: dict[str, str | None]) -> float | None:
        """How many steps the epochs took that were over when this line was written; None where the line's numbers are too long."""
        try:
            epoch = max(0, int(groups["epoch1"] or 1) - 1) if groups.get("epoch1") else int(groups.get("epoch0") or 0)
            return float(epoch * int(groups.get("of") or 0))
        except (ValueError, OverflowError):
            self._errors["unparsable"] += 1
            return None

    def _keys(
        self,
        pattern: CompiledPattern,
        match: re.Match[str],
        found: list[Observation],
        line: Line,
        rank: str,
        name: str,
        moment: Moment,
    ) -> list[Observation]:
        labels = self._labels(pattern, match)
        who = self._rank(match) or rank
        told = {each.labels for each in found if each.metric == _COUNTED}
        more: list[Observation] = []
        for action, key, text in pattern.read_keys(match.string):
            value = self._converted(text, action.unit)
            if value is not None:
                own = {**labels, action.label: key} if action.label else labels
                made = self._observed(self._target("set", action.desc.name, own, who, name), value, moment, line.number)
                # a line that counts its own NaNs and prints one as well means the same one
                more += [each for each in made if each.metric != _COUNTED or each.labels not in told]
        return more

    def _observed(
        self, target: Target, value: float, moment: Moment | None, line: int
    ) -> tuple[()] | tuple[Observation]:
        """The observation; NaN and infinity are counted where they tell of a run, and are a mistake elsewhere."""
        if isfinite(value):
            return () if target.op == "inc" and not value else (Observation(target, value, moment, line),)
        if target.metric not in _NONFINITE:
            self._errors["non_finite"] += 1
            return ()
        rank = dict(target.labels).get("rank", "")
        counted = self._target("inc", _COUNTED, {"value": _NONFINITE[target.metric]}, rank, target.format)
        return (Observation(counted, 1.0, moment, line),)

    def findings(self, findings: list[Finding], rank: str, name: str, moment: Moment | None) -> list[Observation]:
        """A reader's findings; a failure only once, and under the name that fits the stream."""
        fresh = []
        if self.context == "inference" and any(each.incident not in ("", "raised", "exception") for each in findings):
            findings = [each for each in findings if each.incident != "raised"]  # counted under its kind
        for finding in findings:
            who = finding.labels.get("rank") or rank
            again = finding.incident == "raised" and self.context == "inference" and not finding.weak
            told = not again and self.incidents.told(finding.incident, who, finding.detail, weak=finding.weak)
            if not finding.incident or not told:
                fresh.append(finding)
        for finding in findings:
            if finding.incident:
                self.incidents.remember(finding.incident, finding.labels.get("rank") or rank, finding.detail)
        found: list[Observation] = []
        for finding in fresh:
            for each in self._in_context(finding):
                target = self._target(each.op, each.metric, each.labels, rank, name)
                found += self._observed(target, each.value, moment, each.line)
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


def _length(values: object) -> int:
    """Characters of what a match gave for labels: a text, several of them, or nothing."""
    if isinstance(values, str):
        return len(values)
    return sum(len(each) for each in values if each) if isinstance(values, Iterable) else 0
