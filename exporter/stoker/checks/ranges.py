"""No range is shorter than four scrape intervals: a missed scrape or two would leave nothing to compute from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stoker.documents import duration_text, parse_duration
from stoker.spec.analysis import walk
from stoker.spec.promql import tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    least = 4 * view.pack.scrape_interval
    right = f"at least four scrape intervals, {duration_text(least)}"
    for written in view.written:
        if written.owner.startswith("panel"):
            continue
        for start, window in _written(written.text):
            if window < least:
                says = f"{written.owner} looks back {duration_text(window)}"
                problems.add(written.text.at(start), "short-range", says, right)
    for made in view.made:
        by_hand = {window for text in made.alert.texts() for _, window in _written(text)}
        for window in _made(made.tree):
            if window < least and window not in by_hand:
                says = f"{made.owner} looks back {duration_text(window)}"
                problems.add(made.place_of(window), "short-range", says, right)


def _written(text: str) -> Iterator[tuple[int, float]]:
    """Where each range of a text begins, and its seconds; a subquery evaluates in its own steps and is none."""
    stream = list(tokens(text))
    for before, token, after in zip(stream, stream[1:], stream[2:], strict=False):
        if before.text == "[" and token.kind == "duration" and after.text == "]":
            yield before.start, parse_duration(token.text) or 0.0


def _made(tree: Any) -> Iterator[float]:  # noqa: ANN401 - a syntax node
    """Seconds of every range below a node."""
    for node in walk(tree):
        window = getattr(node, "range", None)
        if type(node).__name__ == "MatrixSelector" and window is not None:
            yield window.total_seconds()
