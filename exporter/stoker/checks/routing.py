"""Routes lead to receivers that exist and can be reached; inhibition always has labels in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import nearest

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems

RECEIVERS = ("default", "digest", "watchdog")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    routes = view.pack.routes
    open_ended = None
    for route in routes.routes:
        if route.receiver not in RECEIVERS:
            right = nearest(route.receiver, RECEIVERS) or f"one of {', '.join(RECEIVERS)}"
            problems.add(route.at.value("receiver"), "receiver", f"there is no receiver {route.receiver}", right)
        if open_ended is not None:
            says = f"the route at line {open_ended} takes everything before this one is tried"
            problems.add(route.at.position, "unreachable-route", says, "move it up, or set and_on there")
        if not route.match and not route.and_on:
            open_ended = route.at.position.line
    for rule in routes.inhibit:
        if not rule.equal:
            says = "inhibition without equal silences everything everywhere"
            problems.add(rule.at.position, "inhibit", says, "name the labels that both alerts share")
