"""The parts from which kinds build their own cases: series that hold a value, times, and the usual endings."""

from __future__ import annotations

import ast
import math
import operator
import re
from typing import TYPE_CHECKING

from stoker.documents import Duration
from stoker.spec.alert import Case, Fires
from stoker.spec.promql import number_text, selectors, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stoker.spec.kinds.kind import KindAlert, Level

STEP = 60.0
"""Seconds between two values of a generated series."""
_SHORT = 300.0
_MOST_VALUES = 1440
_BYSTANDER = {"cluster": "c2"}
_FOREIGN = "something-else"
_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def arithmetic(text: str, v: float) -> float:
    """The value of a formula of `v` with + - * / and brackets.

    Raises:
        ValueError: for anything else.
    """

    def value(node: ast.expr) -> float:
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            return float(node.value)
        if isinstance(node, ast.Name) and node.id == "v":
            return v
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return _OPERATORS[type(node.op)](value(node.left), value(node.right))
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return -value(node.operand)
        raise ValueError(f"{text!r} is more than arithmetic of v")

    return value(ast.parse(str(text), mode="eval").body)


def constant(value: float, steps: int) -> str:
    """Promtool's notation of `steps` + 1 equal values."""
    return f"{number_text(value)}x{steps}"


def rising(start: float, per_step: float, steps: int) -> str:
    """Promtool's notation of a counter."""
    sign = "+" if per_step >= 0 else "-"
    return f"{number_text(start)}{sign}{number_text(abs(per_step))}x{steps}"


def steps(seconds: float, step: float = STEP) -> int:
    """Whole steps that cover a time."""
    return math.ceil(seconds / step)


def minute(seconds: float) -> float:
    """The next whole minute: tests that go on for hours are evaluated no more often."""
    return steps(seconds) * STEP


def pace(window: float) -> float:
    """Seconds between values for a window: as a scrape has them where it is short, few enough for promtool where it is long."""
    if window < _SHORT:
        return 15.0
    return minute(max(STEP, window / _MOST_VALUES))


def series_name(selector_text: str, extra: Mapping[str, str] | None = None) -> str:
    """A selector with equality matchers as a series; `extra` labels are added."""
    found = selectors(selector_text)
    name = found[0].name if found else selector_text
    labels = dict(re.findall(r'(\w+)\s*=\s*"([^"]*)"', found[0].matchers)) if found else {}
    # of a regular expression the first alternative will do
    for label, pattern in re.findall(r'(\w+)\s*=~\s*"([^"]*)"', found[0].matchers if found else ""):
        labels[label] = pattern.split("|")[0]
    labels |= extra or {}
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name


def bystander(selector_text: str) -> str:
    """The same series in another cluster, where all is well."""
    return series_name(selector_text, _BYSTANDER)


def unselected(selector_text: str) -> list[str]:
    """Series that a selector leaves out: the one that it takes with one of its labels changed, for each label."""
    found = selectors(selector_text)
    matchers = re.findall(r'(\w+)\s*(=~?)\s*"([^"]*)"', found[0].matchers) if found else []
    foreign = [label for label, _, pattern in matchers if not re.fullmatch(pattern, _FOREIGN)]
    return [series_name(selector_text, {label: _FOREIGN}) for label in foreign]


def longest_window(alert: KindAlert, level: Level) -> float:
    """Seconds that the expression looks back."""
    return max([0.0, *windows(alert.expr(level))])


def firing(levels: Iterable[Level], at: float) -> list[Fires]:
    """These levels fire at a time, with the example labels."""
    return [Fires(at=Duration(at), severity=level.severity) for level in levels]


def resolving(levels: Sequence[Level], since: float, slack: float = 15.0) -> tuple[list[Fires], list[float]]:
    """What has to fire until `keep_firing_for` after `since`, when the condition held last, and when none does any more."""
    keep = max(level.keep for level in levels)
    fires = firing([level for level in levels if level.keep == keep], since + keep - slack) if keep else []
    return fires, [minute(since + keep) + slack]


def case(
    name: str, series: Mapping[str, str], fires: Sequence[Fires] = (), quiet: Sequence[float] = (), step: float = STEP
) -> Case:
    """A case, with times in seconds."""
    return Case(
        name=name,
        interval=Duration(step),
        series=dict(series),
        fires=tuple(fires),
        quiet=tuple(Duration(at) for at in quiet),
    )
