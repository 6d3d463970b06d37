"""Compiles the formats of the spec, once, to what the interpreter walks through for each line; says everything that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from stoker.documents import Position, nearest
from stoker.logs.backtracking import backtracks
from stoker.logs.finding import Keys
from stoker.logs.formats_checks import check_pairs, check_pattern, check_words, place_of
from stoker.logs.formats_readers import check_reader
from stoker.logs.keys import bare, keys_regex, pairs
from stoker.logs.literals import finder, required
from stoker.logs.routes import fold
from stoker.logs.units import FACTORS
from stoker.logs.ways import Ways
from stoker.metrics import Desc, Kind
from stoker.spec.words import expand

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.documents import Problems
    from stoker.metrics.observation import Operation
    from stoker.spec.format import FormatSpec, PatternSpec

_LOSS = "stoker_train_loss"
_ELAPSED = "elapsed"
_GROUP = re.compile(r"\{(route:)?(\w+)\}")
_FITTING: dict[str, tuple[Kind, ...]] = {
    "set": (Kind.GAUGE,),
    "inc": (Kind.COUNTER,),
    "total": (Kind.COUNTER,),
    "observe": (Kind.HISTOGRAM,),
}


class Action(NamedTuple):
    """What a match does to one metric: the value is a group's text in a unit, or a number.

    `label` is the label that a key's own name becomes.
    """

    op: Operation
    desc: Desc
    group: str
    value: float
    unit: str
    label: str = ""


class Label(NamedTuple):
    """A label's value: fixed text, a group (folded when it is a path), or a mixture of text and groups."""

    name: str
    text: str
    group: str
    route: bool
    mixed: bool

    def value(self, groups: Mapping[str, str | None]) -> str:
        """The value on a line that matched."""
        if self.mixed:
            return _GROUP.sub(lambda match: _printed(groups[match[2]], route=bool(match[1])), self.text)
        return _printed(groups[self.group], route=self.route) if self.group else self.text


def _printed(text: str | None, *, route: bool) -> str:
    return fold(text or "") if route else text or ""


@dataclass(frozen=True, slots=True, eq=False)
class CompiledPattern:
    """A pattern ready to be searched for.

    Attributes:
        regex: what is searched for.
        find: the same search, the faster way where there is one.
        literals: see `required`.
        actions: what a match does.
        labels: of what it does.
        label_groups: the groups on which labels depend, `rank` among them.
        keys_regex, keys: see PatternSpec.
        time, time_format: the group with the time, and how it is written.
        incident: the kind of failure of which the pattern tells.
        bounds: groups of a request's parameters, each with the least and the greatest normal value.
        begins, ends: names of what begins and ends with the line; `elapsed` are actions that take the seconds since what ends began.
        beside: whether it is only looked for where another pattern of the format has matched.
        counts_on: whether its step counts within an epoch, of which the line says how many steps it has.
        special: whether there is more to it than actions, labels and keys.
    """

    regex: re.Pattern[str]
    find: Callable[[str], re.Match[str] | None]
    literals: frozenset[str]
    actions: tuple[Action, ...]
    labels: tuple[Label, ...]
    label_groups: tuple[str, ...]
    keys_regex: re.Pattern[str] | None
    keys: Mapping[str, Action]
    time: str
    time_format: str | None
    incident: str
    bounds: tuple[tuple[str, float, float], ...]
    begins: str
    ends: str
    elapsed: tuple[Action, ...]
    beside: bool
    counts_on: bool
    special: bool

    def read_keys(self, text: str) -> Iterator[tuple[Action, str, str]]:
        """(what to do, the key, the number as printed) for each key in the line; the first of a metric wins."""
        if self.keys_regex is None:
            return
        seen = set()
        for key, value in pairs(self.keys_regex, text):
            action = self.keys[key]
            if action.label:
                yield action, bare(key), value
            elif action.desc.name not in seen:
                seen.add(action.desc.name)
                yield action, "", value


@dataclass(frozen=True, slots=True)
class CompiledFormat:
    """A format ready to be tried; `losses` says whether it may tell a loss that later formats of the stream only repeat."""

    name: str
    kind: str
    priority: int
    when: re.Pattern[str] | None
    when_literals: frozenset[str]
    reader: str
    keys: Keys
    patterns: tuple[CompiledPattern, ...]
    guess: bool
    echo: bool
    losses: bool


@dataclass(frozen=True)
class CompiledFormats:
    """The formats of a source, the most specific first."""

    formats: tuple[CompiledFormat, ...]
    descs: Mapping[str, Desc] = field(repr=False)

    @cached_property
    def has_totals(self) -> bool:
        """Whether lines may tell running totals."""
        return any(
            each.keys.totals or any(action.op == "total" for pattern in each.patterns for action in pattern.actions)
            for each in self.formats
        )

    @cached_property
    def ways(self) -> Ways:
        """All ways to read a line; made once for all streams."""
        return Ways(self.formats)


def compile_formats(
    formats: Mapping[str, FormatSpec],
    wanted: str | tuple[str, ...],
    descs: Mapping[str, Desc],
    problems: Problems,
    where: Callable[[str], Position] | None = None,
) -> CompiledFormats:
    """The formats that a source uses.

    Args:
        formats: all that exist.
        wanted: `auto` for all, or names.
        descs: the catalogue.
        problems: where mistakes go; a pattern with one is left out.
        where: the position of a wanted name that does not exist.
    """
    names = list(formats) if isinstance(wanted, str) else [str(name) for name in wanted]
    made = []
    for name in names:
        if name not in formats:
            position = where(name) if where else Position("", 0, 0)
            right = nearest(name, formats) or f"known: {', '.join(sorted(formats))}"
            problems.add(position, "unknown-format", f"there is no log format {name}", right)
            continue
        made.append(_format(name, formats[name], descs, problems))
    return CompiledFormats(tuple(sorted(made, key=lambda each: (-each.priority, each.name))), descs)


def check_formats(formats: Mapping[str, FormatSpec], descs: Mapping[str, Desc], problems: Problems) -> None:
    """Adds everything that is wrong with the formats to `problems`; nothing has to be read for it."""
    compile_formats(formats, "auto", descs, problems)


def _format(name: str, spec: FormatSpec, descs: Mapping[str, Desc], problems: Problems) -> CompiledFormat:
    for key, metric in (*spec.keys.items(), *((("", spec.others),) if spec.others else ())):
        op = "total" if key in spec.total else "set"
        _desc(name, metric, op, descs, place_of(metric, spec.at.value("keys")), problems)
    for unit in spec.units.values():
        _unit(name, unit, spec.at.value("units"), problems)
    if all(pattern.beside for pattern in spec.patterns) and spec.reader is None:
        right = "let one of its patterns not be beside others" if spec.patterns else "give it patterns"
        problems.add(spec.at.key("kind"), "reads-nothing", f"{name}: the format reads nothing", right)
    keys = Keys(
        {str(key): str(metric) for key, metric in spec.keys.items()},
        {str(key): str(unit) for key, unit in spec.units.items()},
        str(spec.others or ""),
        {str(label): str(column) for label, column in spec.labels.items()},
        frozenset(map(str, spec.total)),
    )
    check_reader(name, spec, keys, descs, problems)
    when = _regex(name, spec.when, spec.at.value("when"), problems) if spec.when else None
    patterns = [_pattern(name, pattern, when, descs, problems) for pattern in spec.patterns]
    check_pairs(name, spec.patterns, problems)
    return CompiledFormat(
        name=str(name),
        kind=str(spec.kind),
        priority=spec.priority,
        when=when,
        when_literals=required(when.pattern) if when else frozenset(),
        reader=str(spec.reader or ""),
        keys=keys,
        patterns=tuple(pattern for pattern in patterns if pattern is not None),
        guess=spec.guess,
        echo=spec.echo,
        losses=not spec.echo
        and (spec.reader is not None or any(_LOSS in (*each.set, *each.keys.values()) for each in spec.patterns)),
    )


def _unit(name: str, unit: str, where: Position, problems: Problems) -> bool:
    if not unit or unit == "auto" or unit in FACTORS:
        return True
    right = nearest(unit, FACTORS) or f"known: {', '.join(each for each in FACTORS if each)}"
    problems.add(where, "unknown-unit", f"{name}: {unit} is no unit", right)
    return False


def _regex(name: str, text: str, where: Position, problems: Problems) -> re.Pattern[str] | None:
    check_words(name, text, where, problems)
    expanded = expand(text)
    try:
        regex = re.compile(expanded)
    except (re.error, OverflowError) as error:
        says = str(error).partition("'")[0].strip()  # what follows may quote words that are written out
        problems.add(where, "regex", f"{name}: no regular expression: {says}", "correct it")
        return None
    if danger := backtracks(expanded):
        problems.add(
            where,
            "regex",
            f"{name}: {danger}, which can take forever on a line",
            "say what may stand there, `[^,]*`, or how much of it, `.{0,80}`",
        )
        return None
    return regex


def _pattern(
    name: str, spec: PatternSpec, when: re.Pattern[str] | None, descs: Mapping[str, Desc], problems: Problems
) -> CompiledPattern | None:
    before = len(problems.found)
    regex = _regex(name, spec.regex, spec.at.value("regex"), problems)
    if regex is None:
        return None
    actions, elapsed = [], []
    for op, table in (("set", spec.set), ("inc", spec.inc), ("total", spec.total), ("observe", spec.observe)):
        for metric, value in table.items():
            desc = _desc(name, metric, op, descs, place_of(metric, spec.at.value(op)), problems)
            group = value if isinstance(value, str) else ""
            if spec.ends and group == _ELAPSED and op != "total":
                elapsed += [] if desc is None else [Action(op, desc, "", 0.0, "")]  # type: ignore[arg-type]
                continue
            if group and group not in regex.groupindex:
                right = nearest(group, regex.groupindex) or f"its groups: {', '.join(regex.groupindex) or 'none'}"
                at = place_of(group, spec.at.value(op))
                problems.add(at, "unknown-group", f"{name}: there is no group {group}", right)
                continue
            unit = str(spec.units.get(group, "")) if group else ""
            if not _unit(name, unit, spec.at.value("units"), problems):
                continue
            if desc is not None:
                actions.append(Action(op, desc, str(group), 0.0 if group else float(value), unit))  # type: ignore[arg-type]
    for metric in spec.total:
        if metric in spec.inc:
            at = place_of(metric, spec.at.value("total"))
            problems.add(at, "operation", f"{name}: {metric} is both inc and total", "keep one of them")
    keys = _keys(name, spec, descs, problems)
    labels = _labels(name, spec, regex, [*actions, *elapsed, *keys.values()], problems)
    compiled = CompiledPattern(
        regex=regex,
        find=finder(regex),
        literals=required(regex.pattern),
        actions=tuple(actions),
        labels=labels,
        label_groups=_label_groups(labels, regex),
        keys_regex=keys_regex(keys) if keys else None,
        keys=keys,
        time=str(spec.time or ""),
        time_format=str(spec.time_format) if spec.time_format else None,
        incident=str(spec.incident or ""),
        bounds=_bounds(name, spec, regex, problems),
        begins=str(spec.begins or ""),
        ends=str(spec.ends or ""),
        elapsed=tuple(elapsed),
        beside=spec.beside,
        counts_on="of" in regex.groupindex,
        special=bool(spec.begins or spec.ends or spec.bounds or spec.incident),
    )
    if len(problems.found) == before:  # the rest would be said twice
        check_pattern(name, spec, compiled, when, problems)
    return compiled


def _bounds(
    name: str, spec: PatternSpec, regex: re.Pattern[str], problems: Problems
) -> tuple[tuple[str, float, float], ...]:
    found = []
    for group, bounds in spec.bounds.items():
        at = place_of(group, spec.at.value("bounds"))
        if group not in regex.groupindex:
            right = nearest(group, regex.groupindex) or f"its groups: {', '.join(regex.groupindex) or 'none'}"
            problems.add(at, "unknown-group", f"{name}: there is no group {group}", right)
        elif len(bounds) != 2 or not bounds[0] <= bounds[1]:  # noqa: PLR2004 - the least and the greatest
            problems.add(at, "bounds", f"{name}: {group} has no least and greatest value", "write it as [0, 2]")
        else:
            found.append((str(group), float(bounds[0]), float(bounds[1])))
    return tuple(found)


def _label_groups(labels: tuple[Label, ...], regex: re.Pattern[str]) -> tuple[str, ...]:
    named = {group for label in labels for group in ([label.group] if label.group else _groups(label.text))}
    return tuple(sorted(named | ({"rank"} & set(regex.groupindex))))


def _groups(text: str) -> list[str]:
    return [group for _, group in _GROUP.findall(text)]


def _keys(name: str, spec: PatternSpec, descs: Mapping[str, Desc], problems: Problems) -> dict[str, Action]:
    found = {}
    for key, metric in spec.keys.items():
        desc = _desc(name, metric, "set", descs, place_of(metric, spec.at.value("keys")), problems)
        unit = str(spec.units.get(key, ""))
        if not _unit(name, unit, spec.at.value("units"), problems) or desc is None:
            continue
        own = next((label for label in ("metric", "name") if label in desc.labels and label not in spec.labels), "")
        found[" ".join(key.split())] = Action("set", desc, "", 0.0, unit, own)
    return found


def _labels(
    name: str, spec: PatternSpec, regex: re.Pattern[str], actions: list[Action], problems: Problems
) -> tuple[Label, ...]:
    known = {label for action in actions for label in action.desc.labels} | {"pci_bus_id", "uuid"}
    found = []
    for label, text in spec.labels.items():
        if label not in known and actions:
            right = nearest(label, known) or f"its labels: {', '.join(sorted(known))}"
            at = place_of(label, spec.at.value("labels"))
            problems.add(at, "unknown-label", f"{name}: none of its metrics has the label {label}", right)
        unknown = [group for group in _groups(text) if group not in regex.groupindex]
        for group in unknown:
            right = nearest(group, regex.groupindex) or f"its groups: {', '.join(regex.groupindex) or 'none'}"
            at = place_of(text, spec.at.value("labels"))
            problems.add(at, "unknown-group", f"{name}: there is no group {group}", right)
        if unknown:
            continue
        match = _GROUP.fullmatch(text)
        mixed = match is None and _GROUP.search(text) is not None
        found.append(Label(str(label), str(text), match[2] if match else "", bool(match and match[1]), mixed))
    return tuple(found)


_RIGHT = {
    Kind.GAUGE: "use set",
    Kind.COUNTER: "use inc where each line says how much was added, total where it repeats the running total",
    Kind.HISTOGRAM: "use observe",
}
"""How a metric of this kind is changed."""


def _desc(
    name: str, metric: str, op: str, descs: Mapping[str, Desc], where: Position, problems: Problems
) -> Desc | None:
    desc = descs.get(metric)
    if desc is None:
        right = nearest(metric, descs) or "see the reference of the metrics"
        problems.add(where, "unknown-metric", f"{name}: {metric} does not exist", right)
    elif desc.kind not in _FITTING[op]:
        wrong = f"{name}: {metric} is a {desc.kind} and cannot be {op}"
        problems.add(where, "operation", wrong, _RIGHT[desc.kind])
        return None
    return desc
