"""Dashboards can be drawn and understood: every alert is on a panel that exists, every panel says what it shows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.documents import Text, nearest
from stoker.spec.user import CUSTOM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from stoker.checks.view import View
    from stoker.documents import Position, Problems
    from stoker.spec.dashboard import DashboardSpec, PanelSpec
    from stoker.spec.pack import Domain

_COLUMNS = 24
_MOST_QUERIES = 8
_RATE = re.compile(r"\b(i?rate)\([^][]*\[(?!\$__rate_interval\])([^]]*)\]")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    everywhere = {str(panel.title) for domain in view.pack.domains.values() for panel in domain.panels}
    for domain in view.pack.domains.values():
        rows = domain.dashboard.rows if domain.dashboard else ()
        panels = [*(panel for row in rows for panel in row.panels), *domain.panels]
        _titles(panels, domain, problems)
        for panel in panels:
            _panel(panel, problems)
        for panel in (panel for row in rows for panel in row.panels):
            _rates(panel, problems)
        if domain.dashboard is not None:
            _variables(domain.dashboard, view, problems)
        _shown(domain, {str(panel.title) for panel in panels} | everywhere, problems)


def _titles(panels: Iterable[PanelSpec], domain: Domain, problems: Problems) -> None:
    seen: set[str] = set()
    for panel in panels:
        if str(panel.title) in seen:
            says = f"two panels of the dashboard {domain.name} are called {str(panel.title)!r}"
            problems.add(panel.at.value("title"), "panel", says, "alerts refer to panels by their title: rename one")
        seen.add(str(panel.title))


def _panel(panel: PanelSpec, problems: Problems) -> None:
    for key in ("title", "description"):
        if not str(getattr(panel, key)).strip():
            problems.add(panel.at.value(key), "panel", f"the panel's {key} is empty", "one sentence for its reader")
    queries = _queries(panel)
    if not queries:
        problems.add(panel.at.position, "panel", f"the panel {panel.title} has no query", "give it expr or queries")
    if panel.expr is not None and panel.queries:
        says = f"the panel {panel.title} has both expr and queries"
        problems.add(panel.at.key("queries"), "panel", says, "move expr into queries")
    if len(queries) > _MOST_QUERIES:
        says = f"the panel {panel.title} has {len(queries)} queries"
        problems.add(panel.at.value("queries"), "panel", says, f"at most {_MOST_QUERIES}: make two panels of it")
    if not 1 <= panel.width <= _COLUMNS:
        problems.add(panel.at.value("width"), "panel", f"a width of {panel.width} columns", f"1 to {_COLUMNS}")
    if panel.height < 1:
        problems.add(panel.at.value("height"), "panel", f"a height of {panel.height} rows", "1 or more")
    for value, says in (*((each, "bad") for each in panel.bad), *panel.colours.items()):
        if value not in panel.mappings:
            right = (
                nearest(value, panel.mappings) or f"one of {', '.join(panel.mappings) or 'mappings, which is empty'}"
            )
            where = _place(value, panel, "bad" if says == "bad" else "colours")
            problems.add(where, "panel", f"{value} is {says} but has no word in mappings", right)


def _queries(panel: PanelSpec) -> Sequence[str]:
    return [query.expr for query in panel.queries] if panel.expr is None else [panel.expr]


def _rates(panel: PanelSpec, problems: Problems) -> None:
    """A rate over a fixed range leaves out what lies between two points of a long time range. Users may want that."""
    for query in _queries(panel):
        for match in _RATE.finditer(query):
            where = query.at(match.start()) if isinstance(query, Text) else panel.at.position
            says = f"the panel {panel.title} has {match[1]} over {match[2]}, whatever the time range"
            problems.add(where, "rate-interval", says, "[$__rate_interval], or increase over a fixed window")


def _place(value: str, panel: PanelSpec, key: str) -> Position:
    return value.position if isinstance(value, Text) else panel.at.value(key)


def _variables(board: DashboardSpec, view: View, problems: Problems) -> None:
    """Each variable is filled from a label that the metric behind it carries."""
    metric = str(board.variable_metric)
    if view.desc(metric) is None and metric not in (*view.recorded, "up"):
        right = nearest(metric, view.known_names()) or "a metric that carries every variable"
        problems.add(board.at.value("variable_metric"), "unknown-metric", f"{metric} does not exist", right)
        return
    carried = view.labels_of(metric)
    for label in board.variables:
        if label not in carried:
            where = label.position if isinstance(label, Text) else board.at.value("variables")
            right = nearest(label, carried) or f"its labels: {', '.join(sorted(carried))}"
            problems.add(where, "unknown-label", f"{metric} has no label {label} to fill a variable with", right)


def _shown(domain: Domain, titles: set[str], problems: Problems) -> None:
    for name, alert in domain.alerts.items():
        if domain.name == CUSTOM and not titles:
            continue  # a user's alert may stand without a panel of its own
        if alert.panel not in titles:
            right = nearest(alert.panel, titles) or f"add the panel to the dashboard of {domain.name}"
            where = alert.at.value("panel")
            problems.add(where, "panel", f"{name}: no panel is called {str(alert.panel)!r}", right)
