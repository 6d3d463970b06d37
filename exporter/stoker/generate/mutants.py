"""What is changed in a rule to prove its tests: one place at a time, everywhere that a slip of the pen could be.

Numbers, comparisons, windows and steps of subqueries, labels of `by`, `without`, `on` and `ignoring`, matchers in braces, the operands
of `and`, `or` and `unless`, `for` and `keep_firing_for`. An operand is found by brackets and precedence alone: `or` binds least.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stoker.documents import Duration, duration_text, parse_duration
from stoker.spec.promql import Token, number_text, tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_FLIPS = {">": ("<", ">="), "<": (">", "<="), ">=": ("<", ">"), "<=": (">", "<"), "==": ("!=",), "!=": ("==",)}
_LISTS = {"by", "without", "on", "ignoring"}
_SETS = {"and", "or", "unless"}
_MATCHES = {"=": "!=", "!=": "=", "=~": "!~", "!~": "=~"}
_RESOLUTION_ONLY = {"last_over_time", "max_over_time", "min_over_time"}
_SMALL = 5


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule changed in one place."""

    rule: dict[str, Any]
    what: str


def mutants(rule: dict[str, Any], given: str = "") -> Iterator[Mutant]:
    """Every change of one rule. `given` is a matcher that every selector has (`job="stoker"`) and that is no part of the rule."""
    expr = str(rule["expr"])
    stream = list(tokens(expr))
    for index, token in enumerate(stream):
        for new, what in _changes(stream, index):
            yield Mutant({**rule, "expr": expr[: token.start] + new + expr[token.end :]}, f"{what} in the expression")
    for start, end, label in _grouped(stream):
        yield Mutant({**rule, "expr": _cleaned(expr[:start], expr[end:])}, f"{label} taken out of a label list")
    for places in _matchers(stream, expr, given):
        for start, end in places:
            turned = re.sub(r"=~|!~|!=|=", lambda sign: _MATCHES[sign[0]], expr[start:end], count=1)
            yield Mutant({**rule, "expr": expr[:start] + turned + expr[end:]}, f"{expr[start:end]} became {turned}")
        without = expr
        for start, end in reversed(places):
            without = _cleaned(without[:start], without[end:])
        yield Mutant({**rule, "expr": without}, f"{expr[start:end]} was left out")
    for start, end in _operands(stream):
        says = " ".join(expr[start:end].split())
        yield Mutant({**rule, "expr": expr[:start] + expr[end:]}, f"this was left out: {says}")
    for key in ("for", "keep_firing_for"):
        if key in rule:
            seconds = parse_duration(rule[key]) or Duration(0)
            longer = {**rule, key: duration_text(seconds * 2)}
            shorter = {**rule, key: duration_text(max(0, seconds // 2))}
            yield Mutant(longer, f"{key}: {rule[key]} became {longer[key]}")
            yield Mutant(shorter, f"{key}: {rule[key]} became {shorter[key]}")


def _changes(stream: Sequence[Token], index: int) -> Iterator[tuple[str, str]]:
    token = stream[index]
    before = stream[index - 1].text if index else ""
    if token.kind == "operator" and token.text in _FLIPS and not _in_braces(stream, index):
        for flipped in _FLIPS[token.text]:
            if flipped.rstrip("=") != token.text.rstrip("=") or _exact(stream, index):
                yield flipped, f"{token.text} became {flipped}"
    elif token.kind == "number" and not _in_braces(stream, index) and stream[index - 2].text != "vector":
        value = float(token.text)
        for new in _other_numbers(value):
            text = number_text(round(new, 9))
            yield (f"({text})" if new < 0 else text), f"{token.text} became {text}"
    elif token.kind == "duration" and (before in ("[", "offset") or (before == ":" and _counts(stream, index))):
        seconds = parse_duration(token.text) or Duration(0)
        least = 1.0 if before == ":" else 60.0
        for factor in (0.5, 2):
            text = duration_text(max(least, seconds * factor))
            if text != duration_text(seconds):
                yield text, f"{token.text} became {text}"


def _counts(stream: Sequence[Token], index: int) -> bool:
    """Whether the step of the subquery at `index` changes more than the resolution: the function that it is given to says so."""
    depth = 0
    for before, token in zip(reversed(stream[: index - 1]), reversed(stream[:index]), strict=False):
        depth += {")": 1, "]": 1, "}": 1, "(": -1, "[": -1, "{": -1}.get(token.text, 0)
        if token.text == "(" and depth < -1:  # one bracket is that of the subquery itself
            return before.text not in _RESOLUTION_ONLY
    return True


def _other_numbers(value: float) -> tuple[float, float]:
    """Numbers that nobody meant: a quarter more and less, one more and less for small whole numbers."""
    if value == 0:
        return 2.0, -1.0
    if value == int(value) and abs(value) < _SMALL:
        return value + 1, value - 1
    return value * 1.25, value * 0.75


def _exact(stream: Sequence[Token], index: int) -> bool:
    """Whether both sides can be equal: `>` and `>=` differ for gauges and for "nothing happened at all".

    What functions over ranges extrapolate meets a bound by chance only, and a moment in time never.
    """
    texts = [token.text for token in stream]
    if "[" not in texts and "time" not in texts:
        return index + 1 < len(stream) and stream[index + 1].kind == "number"
    return "increase" in texts[:index] and stream[index].text == ">" and texts[index + 1 : index + 2] == ["0"]


def _in_braces(stream: Sequence[Token], index: int) -> bool:
    depth = 0
    for token in stream[:index]:
        depth += {"{": 1, "}": -1}.get(token.text, 0)
    return depth > 0


def _grouped(stream: Sequence[Token]) -> Iterator[tuple[int, int, str]]:
    """Start, end and name of every label in the list of a grouping or a join."""
    for index, token in enumerate(stream):
        if token.text in _LISTS and index + 1 < len(stream) and stream[index + 1].text == "(":
            labels = []
            for inner in stream[index + 2 :]:
                if inner.text == ")":
                    break
                if inner.kind == "name":
                    labels.append(inner)
            for label in labels:
                yield label.start, label.end, label.text


def _cleaned(before: str, after: str) -> str:
    """Take the comma away with the label."""
    if before.rstrip().endswith(","):
        return before.rstrip()[:-1] + after
    return before + re.sub(r"\A\s*,\s*", "", after)


def _matchers(stream: Sequence[Token], expr: str, given: str) -> Iterator[list[tuple[int, int]]]:
    """Start and end of every matcher; together those of metrics that are joined on all labels, where one alone does nothing."""
    found: dict[tuple[int, str], list[tuple[int, int]]] = {}
    term = 0
    for index, token in enumerate(stream):
        joins_on_some = stream[min(index + 1, len(stream) - 1)].text in ("on", "ignoring")
        term += token.text in ("or", "unless") or joins_on_some
        if token.kind == "operator" and token.text in _MATCHES and _in_braces(stream, index):
            start, end = stream[index - 1].start, stream[index + 1].end
            if expr[start:end] != given:
                found.setdefault((term, expr[start:end]), []).append((start, end))
    yield from found.values()


def _operands(stream: Sequence[Token]) -> Iterator[tuple[int, int]]:
    """Start and end of what `and`, `or` and `unless` join, with the word itself: what is left without it is a whole expression."""
    for index, token in enumerate(stream):
        if token.text.lower() not in _SETS or token.kind != "name":
            continue
        behind = index + 1
        if stream[behind].text in ("on", "ignoring"):
            behind = next(at for at in range(behind, len(stream)) if stream[at].text == ")") + 1
        ends = {"or"} if token.text == "or" else _SETS
        after = _reach(stream, range(behind, len(stream)), ends)
        yield token.start, stream[after].end
        if token.text == "or":
            first = _reach(stream, range(index - 1, -1, -1), ends)
            yield stream[first].start, stream[behind].start


def _reach(stream: Sequence[Token], indexes: range, ends: set[str]) -> int:
    """The last index, going along `indexes`, before one of these words on the same level or the end of the brackets."""
    depth, last = 0, indexes[0]
    for at in indexes:
        text = stream[at].text
        turn = {"(": 1, "{": 1, "[": 1, ")": -1, "}": -1, "]": -1}.get(text, 0) * indexes.step
        if depth + min(turn, 0) < 0 or (not depth and (text in ends or text == ",")):
            return last
        depth += turn
        last = at
    return last
