"""Every alert has a runbook with something in each of its parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems

_PARTS = ("meaning", "impact", "look", "fix")
_LEAST = 20


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        for part in _PARTS:
            if len(getattr(alert.runbook, part).strip()) < _LEAST:
                where = alert.at.value("runbook")
                problems.add(
                    where, "runbook", f"{name}: the runbook's {part} says nothing", "write what helps at night"
                )
