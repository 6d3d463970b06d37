"""Every expression parses, and every metric, label and parameter in it exists."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.checks.view import all_params
from stoker.documents import Problems, nearest
from stoker.metrics import Kind
from stoker.spec.promql import Selector, named_params, selectors

if TYPE_CHECKING:
    from stoker.checks.view import View, Written

_MATCHED_LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*[\"']")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for written in view.written:
        missing = _parameters(written, problems)
        if written.tree is None and not missing:
            problems.add(written.text.position, "promql", f"{written.owner}: {written.error}", "correct the expression")
        for selector in selectors(written.text):
            _selector(view, written, selector, problems)


def _parameters(written: Written, problems: Problems) -> bool:
    if written.alert is None:
        return False
    known = all_params(written.alert)
    missing = [token for token in named_params(written.text) if token.text[1:] not in known]
    for token in missing:
        right = nearest(token.text[1:], known) or f"its parameters: {', '.join(sorted(known))}"
        where = written.text.at(token.start)
        problems.add(where, "unknown-parameter", f"{written.owner} has no parameter {token.text}", right)
    return bool(missing)


def _selector(view: View, written: Written, selector: Selector, problems: Problems) -> None:
    where = written.text.at(selector.start)
    desc = view.desc(selector.name)
    if not view.known(selector.name):
        right = nearest(selector.name, view.known_names()) or "see the reference of the metrics"
        problems.add(where, "unknown-metric", f"{selector.name} does not exist", right)
        return
    if desc is None and selector.name not in view.recorded:
        return  # not of ours: its labels are its own
    if desc is not None and desc.kind is Kind.HISTOGRAM and selector.name == desc.name:
        right = f"name {desc.name}_bucket, _sum or _count"
        problems.add(where, "histogram", f"{selector.name} is a histogram and has no series of that name", right)
    known = view.labels_of(selector.name)
    for match in _MATCHED_LABEL.finditer(selector.matchers):
        if match[1] not in known:
            right = nearest(match[1], known) or f"its labels: {', '.join(sorted(known))}"
            problems.add(where, "unknown-label", f"{selector.name} has no label {match[1]}", right)
