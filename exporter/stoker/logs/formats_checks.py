"""Says what is wrong with a pattern that compiles: it does not read its sample, reads no number there, or measures nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from stoker.documents import Position, Text, nearest
from stoker.logs.incidents import KINDS
from stoker.logs.store_tables import STORE_LABELS
from stoker.logs.units import convert
from stoker.logs.unwrap import unwrap
from stoker.spec.words import GROK, WORDS, unknown_grok, unknown_words

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator

    from stoker.documents import Problems
    from stoker.logs.formats import CompiledPattern
    from stoker.spec.format import PatternSpec

_DEVICE_LABELS = frozenset({"gpu", "uuid", "severity"})
"""Found out by the store from the address on the bus, or said by few lines only."""
_FORMS = ("iso", "epoch")


def place_of(text: object, fallback: Position) -> Position:
    """The place of a text of the user's, or of what it stands in."""
    return text.position if isinstance(text, Text) and text.position.line else fallback


def check_words(name: str, regex: str, at: Position, problems: Problems) -> None:
    """A misspelled `{numbr}` would be taken for these very characters."""
    for word in unknown_words(regex):
        right = nearest(word, WORDS) or f"known: {', '.join(WORDS)}; braces of the line itself are written \\{{"
        problems.add(at, "unknown-word", f"{name}: there is no word {{{word}}}", right)
    for word in unknown_grok(regex):
        right = nearest(word, GROK) or f"known: {', '.join(GROK)}; with a group %{{NUMBER:loss}}"
        problems.add(at, "unknown-word", f"{name}: there is no grok pattern %{{{word}}}", right)


def check_pattern(
    name: str, spec: PatternSpec, compiled: CompiledPattern, when: re.Pattern[str] | None, problems: Problems
) -> None:
    """Adds what is wrong with one pattern."""
    at = spec.at.value("regex")
    measures = (compiled.actions, compiled.keys, compiled.incident, compiled.bounds, compiled.begins, compiled.elapsed)
    if not any(measures):
        problems.add(at, "measures-nothing", f"{name}: the pattern measures nothing", "give it set, inc, observe, keys")
    if compiled.regex.search("") is not None:
        says = f"{name}: the pattern matches every line, an empty one, too"
        problems.add(at, "regex", says, "begin with a text that only such lines have")
        return
    for key in spec.keys:
        if not key.strip():
            problems.add(spec.at.value("keys"), "empty-key", f"{name}: a key is empty", "name what stands in the line")
    for unit in spec.units:
        if unit not in compiled.regex.groupindex and " ".join(unit.split()) not in compiled.keys:
            known = [*compiled.regex.groupindex, *compiled.keys]
            right = nearest(unit, known) or f"its groups and keys: {', '.join(known) or 'none'}"
            problems.add(
                place_of(unit, spec.at.value("units")), "unknown-group", f"{name}: {unit} is no group and no key", right
            )
    _check_time(name, spec, compiled, problems)
    if compiled.incident and compiled.incident not in KINDS:
        right = nearest(compiled.incident, KINDS) or f"one of {', '.join(KINDS)}"
        problems.add(spec.at.value("incident"), "unknown-kind", f"{name}: {compiled.incident} is no kind", right)
    _check_labels(name, spec, compiled, problems)
    for sample in spec.sample if isinstance(spec.sample, tuple) else (spec.sample,):
        _check_sample(name, sample, compiled, when, place_of(sample, spec.at.value("sample")), problems)


def check_pairs(name: str, patterns: Iterable[PatternSpec], problems: Problems) -> None:
    """What begins has to end somewhere, and the other way round."""
    begun = {str(each.begins): each.at.value("begins") for each in patterns if each.begins}
    ended = {str(each.ends): each.at.value("ends") for each in patterns if each.ends}
    for what, at in begun.items():
        if what not in ended:
            right = nearest(what, ended) or f"give the pattern of its end `ends: {what}`"
            problems.add(at, "pair", f"{name}: {what} begins and nothing ends it", right)
    for what, at in ended.items():
        if what not in begun:
            right = nearest(what, begun) or f"give the pattern of its beginning `begins: {what}`"
            problems.add(at, "pair", f"{name}: {what} ends and nothing begins it", right)


def _check_time(name: str, spec: PatternSpec, compiled: CompiledPattern, problems: Problems) -> None:
    if compiled.time and compiled.time not in compiled.regex.groupindex:
        known = list(compiled.regex.groupindex)
        right = nearest(compiled.time, known) or f"its groups: {', '.join(known) or 'none'}"
        problems.add(spec.at.value("time"), "unknown-group", f"{name}: there is no group {compiled.time}", right)
    form = compiled.time_format
    if form is None or form in _FORMS:
        return
    try:
        written = datetime.now(UTC).strftime(form)
        datetime.strptime(written, form)  # noqa: DTZ007 - only whether it can be read
    except ValueError as error:
        problems.add(spec.at.value("time_format"), "time", f"{name}: {error}", "write it as strptime reads it")


def _check_labels(name: str, spec: PatternSpec, compiled: CompiledPattern, problems: Problems) -> None:
    given = {label.name for label in compiled.labels} | STORE_LABELS | _DEVICE_LABELS
    missing: dict[str, str] = {}
    for action in (*compiled.actions, *compiled.elapsed, *compiled.keys.values()):
        for label in action.desc.labels:
            if label not in given and label != action.label:
                missing.setdefault(label, action.desc.name)
    for label, metric in missing.items():
        says = f"{name}: {metric} has a label {label}, and the pattern does not give it"
        problems.add(spec.at.value("regex"), "missing-label", says, f"labels: {{{label}: ...}}")


def _check_sample(
    name: str,
    sample: str,
    compiled: CompiledPattern,
    when: re.Pattern[str] | None,
    at: Position,
    problems: Problems,
) -> None:
    text = str(sample) if compiled.regex.search(str(sample)) else unwrap(str(sample))[1]
    match = compiled.regex.search(text)
    if match is None:
        says = f"{name}: the pattern does not read its own sample"
        problems.add(at, "sample", says, "correct the pattern or the sample")
        return
    if when is not None and not when.search(text):
        problems.add(at, "sample", f"{name}: `when` does not find the sample", "correct `when` or the sample")
    for group, printed, unit in _numbers(compiled, match):
        try:
            convert(printed, unit)
        except ValueError:
            says = f"{name}: group {group} is {printed!r} in the sample, which is no number"
            problems.add(at, "sample", says, "let it match the number alone")


def _numbers(compiled: CompiledPattern, match: re.Match[str]) -> Iterator[tuple[str, str, str]]:
    for action in compiled.actions:
        if action.group and (printed := match[action.group]) is not None:
            yield action.group, printed, action.unit
