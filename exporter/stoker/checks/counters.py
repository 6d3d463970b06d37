"""Counters are looked at through rate or increase, and nothing else is."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from stoker.metrics import Kind
from stoker.spec.analysis import walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.checks.view import View, Written
    from stoker.documents import Position, Problems

_FOR_COUNTERS = {"rate", "increase", "irate", "resets"}
_FOR_GAUGES = {"delta", "idelta", "deriv", "predict_linear"}
_COMPARISONS = {">", "<", ">=", "<=", "==", "!="}


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for written in view.written:
        if written.tree is not None:
            _tree(view, written.tree, partial(_place, written), problems)
    for made in view.made:
        _tree(view, made.tree, made.place, problems)


def _tree(view: View, tree: Any, place: Callable[[str], Position], problems: Problems) -> None:  # noqa: ANN401 - a syntax node
    for node in walk(tree):
        _call(view, node, place, problems)
        _comparison(view, node, place, problems)


def _call(view: View, node: Any, place: Callable[[str], Position], problems: Problems) -> None:  # noqa: ANN401 - a syntax node
    if type(node).__name__ != "Call" or node.func.name not in _FOR_COUNTERS | _FOR_GAUGES:
        return
    function = node.func.name
    for each in node.args:
        selector = getattr(each, "vector_selector", None)
        name = getattr(selector, "name", None)
        desc = view.desc(name) if name else None
        if desc is None or name is None:
            continue
        cumulative = desc.kind is Kind.COUNTER or desc.kind is Kind.HISTOGRAM
        if function in _FOR_COUNTERS and not cumulative:
            says = f"{function} over the gauge {name}"
            problems.add(place(name), "rate-of-gauge", says, "use delta or deriv, or a counter")
        if function in _FOR_GAUGES and cumulative:
            says = f"{function} over the counter {name}"
            problems.add(place(name), "delta-of-counter", says, "use rate or increase")


def _comparison(view: View, node: Any, place: Callable[[str], Position], problems: Problems) -> None:  # noqa: ANN401 - a syntax node
    if type(node).__name__ != "BinaryExpr" or str(node.op) not in _COMPARISONS:
        return
    for side, other in ((node.lhs, node.rhs), (node.rhs, node.lhs)):
        name = _raw_counter(side)
        desc = view.desc(name) if name else None
        if name and desc is not None and desc.kind is Kind.COUNTER and type(other).__name__ == "NumberLiteral":
            says = f"the counter {name} is compared as it is"
            problems.add(place(name), "raw-counter", says, "compare its increase or rate")


def _raw_counter(node: Any) -> str | None:  # noqa: ANN401 - a syntax node
    kind = type(node).__name__
    if kind == "VectorSelector":
        return str(node.name) if node.name else None
    if kind == "ParenExpr" or (kind == "AggregateExpr" and str(node.op) in ("sum", "max", "min", "avg")):
        return _raw_counter(node.expr)
    return None


def _place(written: Written, name: str) -> Position:
    return written.text.at(max(0, written.text.find(name)))
