"""No range is shorter than four scrape intervals: a missed scrape or two would leave nothing to compute from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import duration_text
from stoker.spec.analysis import walk
from stoker.spec.promql import tokens

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    least = 4 * view.pack.scrape_interval
    for written in view.written:
        if written.tree is None or written.owner.startswith("panel"):
            continue
        bracket = next((token.start for token in tokens(written.text) if token.text == "["), 0)
        for node in walk(written.tree):
            window = getattr(node, "range", None)
            if type(node).__name__ == "MatrixSelector" and window is not None and window.total_seconds() < least:
                says = f"{written.owner} looks back {duration_text(window.total_seconds())}"
                right = f"at least four scrape intervals, {duration_text(least)}"
                problems.add(written.text.at(bracket), "short-range", says, right)
