"""What Prometheus is told to select: matchers that it understands and that some series can have, and an interval that passes."""

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
    if view.pack.scrape_interval <= 0:
        says = "a scrape interval of 0s"
        problems.add(where, "scrape-interval", says, "as in Prometheus's own: scrape_interval: 15s")
    if not selector.strip():
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
