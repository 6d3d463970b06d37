"""Every alert has a case in which it fires and one in which it stays quiet; critical ones have such cases by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import Text, nearest
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stoker.checks.view import View
    from stoker.documents import Problems
    from stoker.spec.alert import Case
    from stoker.spec.kinds import KindAlert

_ANY = ("up", "ALERTS", "nothing")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        if any(True for level in alert.resolved() for _ in alert.impossible(level)):
            continue  # said by the check of bounds
        try:
            own = alert.own_cases()
        except (ValueError, KeyError, IndexError) as error:
            says = f"{name}: no cases can be made: {error}"
            problems.add(alert.at.position, "cases", says, "give a probe, or write cases")
            continue
        if name in view.pack.changed:
            continue  # the shipped numbers were proved with the shipped cases
        _enough(str(name), alert, [*own, *alert.cases], problems)
        if any(level.severity == "critical" for level in alert.resolved()):
            _by_hand(str(name), alert, problems)
        for case in alert.cases:
            _series(str(name), case, view, problems)


def _enough(name: str, alert: KindAlert, cases: Sequence[Case], problems: Problems) -> None:
    where = alert.at.key("cases")
    if not any(case.fires for case in cases):
        problems.add(where, "cases", f"{name} has no case in which it fires", "write one")
    if not any(case.quiet for case in cases) and not _always(alert):
        problems.add(where, "cases", f"{name} has no case in which it stays quiet", "write one")


def _always(alert: KindAlert) -> bool:
    """A watchdog fires always; there is nothing in which it could stay quiet."""
    return all("vector(" in text for text in alert.texts())


def _by_hand(name: str, alert: KindAlert, problems: Problems) -> None:
    where = alert.at.key("cases")
    fires = any(case.fires for case in alert.cases)
    quiet = any(case.quiet for case in alert.cases)
    if not (fires and quiet):
        missing = "fires" if not fires else "stays quiet"
        problems.add(
            where, "cases", f"{name} is critical and has no hand-written case in which it {missing}", "write one"
        )


def _series(name: str, case: Case, view: View, problems: Problems) -> None:
    for series in case.series:
        place = series if isinstance(series, Text) else Text(series)
        for selector in selectors(series):
            if view.desc(selector.name) is None and selector.name not in (*view.recorded, *_ANY):
                right = nearest(selector.name, view.known_names())
                problems.add(place.position, "unknown-metric", f"{name}: a case uses {selector.name}", right)
