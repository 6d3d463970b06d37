"""The selector that every raw metric gets is one that Prometheus understands and that some series can match."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import NOWHERE, Text
from stoker.spec.analysis import PromqlError, parse
from stoker.spec.examples import matching
from stoker.spec.promql import patterns

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    selector = view.pack.selector
    where = selector.position if isinstance(selector, Text) else NOWHERE
    right = """matchers without braces, as in job="stoker", or job="nodes",env=~"prod|dev" for several"""
    if not selector.strip() or selector.strip().endswith(","):
        problems.add(where, "selector", f"{str(selector)!r} is no selector", right)
        return
    try:
        parse(f"up{{{selector}}}")
    except PromqlError as error:
        problems.add(where, "selector", f"{selector} is no selector: {error}", right)
        return
    for label, pattern in patterns(selector):
        try:
            matching(pattern)
        except ValueError as error:
            problems.add(where, "selector", f"{label}: {error}", "the rule tests need one: write it more simply")
