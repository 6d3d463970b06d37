"""Units fit: bounds lie in the range of a ratio, and no seconds are added to bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.documents import Duration
from stoker.spec.analysis import walk
from stoker.spec.kinds.ratio import Ratio
from stoker.spec.kinds.threshold import Threshold, plain_metric
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems
    from stoker.metrics import Desc

_ADDITIVE = {"+", "-", ">", "<", ">=", "<=", "==", "!="}
_KEEPS_UNIT = {"sum", "max", "min", "avg", "quantile", "topk", "bottomk", "stddev"}
_KEEPING_CALLS = {
    "avg_over_time",
    "max_over_time",
    "min_over_time",
    "quantile_over_time",
    "last_over_time",
    "increase",
    "delta",
    "abs",
    "ceil",
    "floor",
    "clamp_min",
    "clamp_max",
    "label_replace",
    "sort",
    "sort_desc",
    "round",
    "predict_linear",
}
_MOST = 1.5


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for domain in view.pack.domains.values():
        rows = domain.dashboard.rows if domain.dashboard else ()
        panels = [*(panel for row in rows for panel in row.panels), *domain.panels]
        shares = {str(panel.title) for panel in panels if panel.unit == "ratio"}
        for name, alert in domain.alerts.items():
            if isinstance(alert, Threshold | Ratio):
                _bounds(str(name), alert, shares, view, problems)
    for written in view.written:
        for node in walk(written.tree) if written.tree is not None else ():
            if type(node).__name__ == "BinaryExpr" and str(node.op) in _ADDITIVE:
                left, right = unit(view, node.lhs), unit(view, node.rhs)
                if left and right and left != right and {left, right} != {"timestamp", "seconds"}:
                    says = f"{written.owner}: {left} and {right} do not go together with {node.op}"
                    problems.add(written.text.position, "unit", says, "convert one of them")


def _bounds(name: str, alert: Threshold | Ratio, shares: set[str], view: View, problems: Problems) -> None:
    metric = plain_metric(alert.value) if isinstance(alert, Threshold) else None
    desc = view.desc(selectors(metric)[0].name) if metric else None
    share = _share(alert, desc, shares)
    for level in alert.resolved():
        bound = level.params.get(alert.comparison)
        if bound is None:
            continue
        where = alert.at.value(alert.comparison if alert.levels is None else "levels")
        if share and abs(bound) > _MOST:
            problems.add(
                where, "unit", f"{name}: {share} is a ratio, 0 to 1, and never {bound:g}", f"write {bound / 100:g}"
            )
        if desc is not None and isinstance(bound, Duration) and desc.unit not in ("seconds", "timestamp"):
            problems.add(
                where, "unit", f"{name}: {desc.name} is no time", f"write a number of {desc.unit or 'its unit'}"
            )


def _share(alert: Threshold | Ratio, desc: Desc | None, shares: set[str]) -> str:
    """What an alert compares, where it is a share of a whole; empty where it may be more than 1 or is no ratio at all."""
    if isinstance(alert, Ratio):
        return "a part of the whole"
    if desc is not None:
        return desc.name if desc.unit == "ratio" and desc.name.endswith("utilization_ratio") else ""
    return f"what the panel {alert.panel} shows" if str(alert.panel) in shares else ""


def unit(view: View, node: Any) -> str:  # noqa: ANN401 - a syntax node, one return a node type
    """The base unit of an expression, or an empty string when it is unknown or none."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        desc = view.desc(node.name or "")
        is_bucket = (node.name or "").endswith(("_bucket", "_count"))
        return desc.unit if desc is not None and not is_bucket else ""
    if kind == "MatrixSelector":
        return unit(view, node.vector_selector)
    if kind in ("ParenExpr", "SubqueryExpr", "UnaryExpr"):
        return unit(view, node.expr)
    if kind == "AggregateExpr":
        return unit(view, node.expr) if str(node.op) in _KEEPS_UNIT else ""
    if kind == "Call":
        if node.func.name == "time":
            return "timestamp"
        return unit(view, node.args[0]) if node.func.name in _KEEPING_CALLS and len(node.args) else ""
    if kind == "BinaryExpr" and str(node.op) in ("and", "or", "unless", *_ADDITIVE):
        left = unit(view, node.lhs)
        if str(node.op) == "-" and left == unit(view, node.rhs) == "timestamp":
            return "seconds"
        return left
    return ""
