"""Every alert is shown: the panel that it names is in its domain's dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import nearest
from stoker.spec.pack import CUSTOM

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    everywhere = {panel.title for domain in view.pack.domains.values() for panel in domain.panels}
    for domain in view.pack.domains.values():
        rows = domain.dashboard.rows if domain.dashboard else ()
        titles = {str(panel.title) for row in rows for panel in row.panels} | {str(title) for title in everywhere}
        for row in rows:
            for panel in row.panels:
                if panel.expr is None and not panel.queries:
                    problems.add(
                        panel.at.position, "panel", f"the panel {panel.title} has no query", "give it expr or queries"
                    )
        for name, alert in domain.alerts.items():
            if domain.name == CUSTOM and not titles:
                continue  # a user's alert may stand without a panel of its own
            if alert.panel not in titles:
                right = nearest(alert.panel, titles) or f"add the panel to the dashboard of {domain.name}"
                where = alert.at.value("panel")
                problems.add(where, "panel", f"{name}: no panel is called {str(alert.panel)!r}", right)
