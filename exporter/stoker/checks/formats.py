"""Log formats compile: their patterns read their samples, cannot run forever, and name metrics, groups and units that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import Text
from stoker.logs.formats import check_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.checks.view import View
    from stoker.documents import Position, Problems
    from stoker.spec.format import FormatSpec


def check(view: View, problems: Problems) -> None:
    """See the module."""
    check_formats(view.pack.formats, view.pack.catalog, problems)
    for name, spec in view.pack.formats.items():
        for metric, fallback in _named(spec):
            if metric in view.pack.catalog and metric not in view.pack.metrics:
                where = metric.position if isinstance(metric, Text) else fallback
                says = f"{name}: {metric} is read by a collector; a log would expose it a second time"
                problems.add(where, "collected", says, "declare a metric of your own under metrics")


def _named(spec: FormatSpec) -> Iterator[tuple[str, Position]]:
    """Every metric that a format writes, and the place to blame where its own is not known."""
    for metric in (*spec.keys.values(), *((spec.others,) if spec.others else ())):
        yield metric, spec.at.position
    for pattern in spec.patterns:
        for metric in (*pattern.set, *pattern.inc, *pattern.total, *pattern.observe, *pattern.keys.values()):
            yield metric, pattern.at.position
