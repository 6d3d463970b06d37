"""A bound can be passed and can be kept: an alert that never fires, or always does, helps nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.spec.kinds.ratio import Ratio

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems

PERCENT = 1.5


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        for level in alert.resolved():
            for parameter, wrong, right in alert.impossible(level):
                if isinstance(alert, Ratio) and level.params.get(parameter, 0) > PERCENT:
                    continue  # somebody thinks in percent: said by the check of units
                place = parameter if parameter in alert.at.values else "levels"
                says = f"{name} ({level.severity}): {wrong}" if alert.levels else f"{name}: {wrong}"
                problems.add(alert.at.value(place), "bound", says, right)
