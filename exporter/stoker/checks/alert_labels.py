"""An alert's result has exactly the labels that it declares, and those are the ones that its domain allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import nearest
from stoker.spec.analysis import PromqlError, parse, result_labels
from stoker.spec.kinds.absent import Absent
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems
    from stoker.spec.kinds import KindAlert

ALLOWED: dict[str, frozenset[str]] = {
    "Gpu": frozenset({"cluster", "instance", "gpu", "uuid"}),
    "Host": frozenset({"cluster", "instance", "device", "mountpoint", "port"}),
    "Training": frozenset({"cluster", "run"}),
    "Serve": frozenset({"cluster", "service", "instance", "route", "engine"}),
    "Data": frozenset({"cluster", "run", "service"}),
    "Business": frozenset({"name"}),
}
"""Label sets by the first word of an alert's name; people route and silence by them. Others may carry any label."""
_EXTRA: dict[str, frozenset[str]] = {
    "GpuXidCritical": frozenset({"xid"}),
    "GpuXidWarning": frozenset({"xid"}),
    "GpuNvswitchError": frozenset({"switch", "sxid"}),
    "HostKernelError": frozenset({"kind"}),
}
"""Events are told apart by their code, so that one of them can be inhibited, silenced and looked up."""


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        _allowed(str(name), alert, problems)
        _result(str(name), alert, view, problems)


def _allowed(name: str, alert: KindAlert, problems: Problems) -> None:
    prefix = next((word for word in ALLOWED if name.startswith(word)), None)
    if prefix is None:
        return
    allowed = ALLOWED[prefix] | _EXTRA.get(name, frozenset())
    for label in alert.by:
        if label not in allowed:
            right = f"{prefix}* alerts carry {', '.join(sorted(allowed))}"
            problems.add(alert.at.value("by"), "alert-labels", f"{name} may not carry the label {label}", right)


def _result(name: str, alert: KindAlert, view: View, problems: Problems) -> None:
    if any(not view.known(selector.name) for text in alert.texts() for selector in selectors(text)):
        return  # what a metric carries that does not exist, nobody knows; the check of expressions names it
    try:
        found = frozenset(
            label for level in alert.resolved() for label in result_labels(parse(alert.expr(level)), view.labels_of)
        )
    except (PromqlError, KeyError):
        return  # said by the check of expressions
    where = alert.at.key("expr") if "expr" in alert.at.keys else alert.at.key("by")
    for label in sorted(set(alert.by) - found):
        right = nearest(label, found) or f"it carries {', '.join(sorted(found)) or 'none'}"
        problems.add(where, "lost-label", f"{name}: the expression loses the label {label}", right)
    if not isinstance(alert, Absent):
        for label in sorted(found - set(alert.by)):
            right = "aggregate it away, or add it to by"
            problems.add(where, "extra-label", f"{name}: the expression's result carries {label} too", right)
