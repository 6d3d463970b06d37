"""What an expression means: the labels that its result carries, found on promql-parser's syntax tree.

The answer is a pair: labels that the result may carry, None when every label of unknown series may come through.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import promql_parser as promql

from stoker.errors import StokerError
from stoker.spec.promql import fill

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.metrics import Desc
    from stoker.spec.pack import Pack

_GROUPED = re.compile(r"group_(left|right) \(([^)]*)\)")
TARGET_LABELS = frozenset({"cluster", "instance", "job"})
_DROPS_NOTHING = {"label_replace", "label_join"}


class PromqlError(StokerError):
    """An expression that does not parse."""


def parse(expr: str) -> Any:  # noqa: ANN401 - the library's node types have no common base
    """The syntax tree.

    Raises:
        PromqlError: with the parser's words.
    """
    try:
        return promql.parse(expr)
    except ValueError as error:
        raise PromqlError(" ".join(str(error).split())) from error


def pattern_error(pattern: str) -> str:
    """Why a pattern is none that Prometheus, Alertmanager and the compiler all read, or an empty string."""
    quoted = pattern.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    try:
        re.compile(pattern)
        parse(f'up{{label=~"{quoted}"}}')
    except re.error as error:
        return str(error)
    except PromqlError:
        return "RE2 has no such construct"
    return ""


def walk(node: Any) -> list[Any]:  # noqa: ANN401 - see parse
    """Every node below and including this one."""
    found = [node]
    for name in ("lhs", "rhs", "expr", "param", "vector_selector"):
        child = getattr(node, name, None)
        if child is not None and not isinstance(child, str):
            found += walk(child)
    for child in getattr(node, "args", None) or ():
        found += walk(child)
    return found


def result_labels(node: Any, labels_of: Callable[[str], frozenset[str]]) -> frozenset[str]:  # noqa: ANN401 - one return a node type
    """The labels that the result of an expression may carry."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        return labels_of(node.name or "")
    if kind == "MatrixSelector":
        return result_labels(node.vector_selector, labels_of)
    if kind in ("ParenExpr", "SubqueryExpr", "UnaryExpr"):
        return result_labels(node.expr, labels_of)
    if kind == "AggregateExpr":
        return _aggregated(node, labels_of)
    if kind == "Call":
        return _called(node, labels_of)
    if kind == "BinaryExpr":
        return _binary(node, labels_of)
    return frozenset()


def _aggregated(node: Any, labels_of: Callable[[str], frozenset[str]]) -> frozenset[str]:  # noqa: ANN401 - see parse
    inner = result_labels(node.expr, labels_of)
    if str(node.op) in ("topk", "bottomk"):
        return inner
    modifier = node.modifier
    if modifier is None:
        return frozenset()
    names = frozenset(str(label) for label in modifier.labels)
    return inner - names if "without" in str(modifier.type).lower() else inner & names


def _called(node: Any, labels_of: Callable[[str], frozenset[str]]) -> frozenset[str]:  # noqa: ANN401 - see parse
    name = node.func.name
    arguments = list(node.args)
    if name in ("vector", "time", "scalar"):
        return frozenset()
    if name in ("absent", "absent_over_time"):
        matchers = getattr(getattr(arguments[0], "vector_selector", arguments[0]), "matchers", None)
        return frozenset(
            each.name for each in (matchers.matchers if matchers else ()) if str(each.op) == "MatchOp.Equal"
        )
    vectors = [each for each in arguments if type(each).__name__ not in ("NumberLiteral", "StringLiteral")]
    inner = result_labels(vectors[0], labels_of) if vectors else frozenset()
    if name == "histogram_quantile":
        inner = result_labels(vectors[-1], labels_of)
        return inner - {"le"}
    if name in _DROPS_NOTHING:
        target = getattr(arguments[1], "val", None) or str(arguments[1]).strip('"')
        return inner | {str(target)}
    return inner


def _binary(node: Any, labels_of: Callable[[str], frozenset[str]]) -> frozenset[str]:  # noqa: ANN401 - see parse
    left, right = result_labels(node.lhs, labels_of), result_labels(node.rhs, labels_of)
    if _is_scalar(node.rhs):
        return left
    if _is_scalar(node.lhs):
        return right
    operator = str(node.op)
    if operator in ("and", "unless"):
        return left
    if operator == "or":
        return left | right
    modifier = node.modifier
    if modifier is None:
        return left
    # the library shows the labels of group_left only in the modifier's text
    grouped = _GROUPED.search(str(modifier))
    extra = frozenset(grouped[2].replace(" ", "").split(",")) - {""} if grouped else frozenset()
    if grouped:
        many, one = (left, right) if grouped[1] == "left" else (right, left)
        return many | (one & extra)
    if modifier.matching is None:
        return left
    names = frozenset(str(each) for each in modifier.matching.labels)
    return left & names if str(modifier.matching.type).endswith("Include") else left - names


def _is_scalar(node: Any) -> bool:  # noqa: ANN401 - see parse
    kind = type(node).__name__
    if kind == "NumberLiteral":
        return True
    if kind in ("ParenExpr", "UnaryExpr"):
        return _is_scalar(node.expr)
    if kind == "Call":
        return bool(node.func.name in ("time", "scalar"))
    if kind == "BinaryExpr":
        return _is_scalar(node.lhs) and _is_scalar(node.rhs)
    return False


def catalog_labels(
    catalog: Mapping[str, Desc], recorded: Mapping[str, frozenset[str]]
) -> Callable[[str], frozenset[str]]:
    """A function from a metric's name to its labels."""

    def labels_of(name: str) -> frozenset[str]:
        if name in recorded:
            return recorded[name]
        if name in catalog:
            return TARGET_LABELS | frozenset(catalog[name].labels)
        for suffix in ("_bucket", "_sum", "_count"):
            stem = name.removesuffix(suffix)
            if stem != name and stem in catalog:
                return (
                    TARGET_LABELS | frozenset(catalog[stem].labels) | ({"le"} if suffix == "_bucket" else frozenset())
                )
        return TARGET_LABELS

    return labels_of


def recorded_labels(pack: Pack) -> dict[str, frozenset[str]]:
    """The labels of every recorded series; one that cannot be parsed gets the target's labels only."""
    found: dict[str, frozenset[str]] = {}
    pending = {str(name): spec.expr for name, spec in pack.recordings.items()}
    for _ in range(len(pending) + 1):  # recordings may build on each other in any order
        for name, expr in pending.items():
            try:
                found[name] = result_labels(parse(fill(expr, {})), catalog_labels(pack.catalog, found))
            except (PromqlError, KeyError):
                found[name] = TARGET_LABELS
    return found


__all__ = ["PromqlError", "catalog_labels", "parse", "pattern_error", "recorded_labels", "result_labels", "walk"]
