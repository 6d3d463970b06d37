"""Routes lead to receivers that exist and can be reached by some alert; inhibition never silences a stranger."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stoker.documents import Text, nearest
from stoker.spec.analysis import pattern_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.checks.view import View
    from stoker.documents import Position, Problems
    from stoker.spec.routes import InhibitSpec, IntervalSpec, RouteSpec, RoutesSpec

_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d|24:00")
_ALIKE = 0.8
"""How alike an unknown label and a known one are when it is taken for a mistake: `sevrity` is one, `region` is none."""
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Sent:
    """What is known of the labels of an alert before it fires.

    Attributes:
        known: labels with their values.
        open: labels that it carries with values that only time tells.
    """

    known: Mapping[str, str]
    open: frozenset[str]

    def may(self, match: Mapping[str, str]) -> bool:
        """Whether some alert with these labels matches."""
        return all(self._value(label, pattern) is not False for label, pattern in match.items())

    def must(self, match: Mapping[str, str]) -> bool:
        """Whether every alert with these labels matches."""
        return all(self._value(label, pattern) is True for label, pattern in match.items())

    def _value(self, label: str, pattern: str) -> bool | None:
        """Whether the label matches; None where it depends."""
        if label in self.open:
            return None
        return re.fullmatch(pattern, self.known.get(label, "")) is not None


def check(view: View, problems: Problems) -> None:
    """See the module."""
    routes = view.pack.routes
    sent = list(_sent(view))
    labels = {label for each in sent for label in (*each.known, *each.open)} | {"team", "domain"}
    if not _patterns(routes, labels, problems):
        return
    for route in routes.routes:
        if route.receiver not in view.pack.receivers:
            right = nearest(route.receiver, view.pack.receivers) or f"one of {', '.join(view.pack.receivers)}"
            problems.add(route.at.value("receiver"), "receiver", f"there is no receiver {route.receiver}", right)
        if route.active is not None and route.active not in routes.intervals:
            right = nearest(route.active, routes.intervals) or "declare it under intervals"
            problems.add(route.at.value("active"), "interval", f"there is no interval {route.active}", right)
    for name, interval in routes.intervals.items():
        _interval(name, interval, problems)
    _reached(routes, sent, labels, problems)
    for rule in routes.inhibit:
        _inhibition(rule, sent, labels, problems)


def _sent(view: View) -> Iterator[Sent]:
    teams = frozenset({"team"} if view.pack.routes.teams else ())
    for name, alert in view.pack.alerts.items():
        for level in alert.resolved():
            yield Sent({"alertname": str(name), "severity": level.severity}, frozenset(alert.by) | teams)


def _patterns(routes: RoutesSpec, labels: set[str], problems: Problems) -> bool:
    """Whether every pattern is one. A label that no alert carries may come from Prometheus; one that is nearly one does not."""
    good = True
    for match in _matches(routes):
        for label, pattern in match.items():
            if error := pattern_error(pattern):
                good = False
                where = _place(pattern, match)
                problems.add(where, "regex", f"{pattern} is no regular expression: {error}", "RE2, anchored")
            if label not in labels and (close := difflib.get_close_matches(label, labels, n=1, cutoff=_ALIKE)):
                right = f"did you mean {close[0]}?"
                problems.add(_place(label, match), "unknown-label", f"no alert carries the label {label}", right)
    return good


def _matches(routes: RoutesSpec) -> Iterator[Mapping[str, str]]:
    yield from (team.match for team in routes.teams)
    yield from (route.match for route in routes.routes)
    for rule in routes.inhibit:
        yield from (rule.source, rule.target)


def _place(word: str, match: Mapping[str, str]) -> Position:
    return next(each.position for each in (word, *match) if isinstance(each, Text))


def _interval(name: str, interval: IntervalSpec, problems: Problems) -> None:
    for key in ("start", "end"):
        text = getattr(interval, key)
        if not _TIME.fullmatch(text):
            problems.add(interval.at.value(key), "interval", f"{name}: {text!r} is no time", "as in 09:00")
    if interval.start >= interval.end:
        says = f"{name}: {interval.end} is not after {interval.start}"
        problems.add(interval.at.value("end"), "interval", says, "two intervals, where it goes past midnight")
    for days in interval.weekdays:
        for day in days.split(":"):
            if day not in _DAYS:
                right = nearest(day, _DAYS) or "as in monday:friday"
                problems.add(interval.at.value("weekdays"), "interval", f"{name}: {day!r} is no day", right)


def _reached(routes: RoutesSpec, sent: list[Sent], labels: set[str], problems: Problems) -> None:
    reached: set[int] = set()
    taken: dict[int, RouteSpec] = {}
    for each in sent:
        for index, route in enumerate(routes.routes):
            if not each.may(_of(route.match, labels)):
                continue
            reached.add(index)
            if each.must(route.match) and not route.and_on:
                taken |= {
                    later: route
                    for later in range(index + 1, len(routes.routes))
                    if each.may(_of(routes.routes[later].match, labels))
                }
                break
    for index, route in enumerate(routes.routes):
        if index not in reached:
            first = taken.get(index)
            why = (
                f"what it matches is taken by the route to {first.receiver} before it"
                if first
                else "no alert matches it"
            )
            right = "move it up, or set and_on there" if first else "see the labels in the reference of the alerts"
            problems.add(route.at.position, "unreachable-route", f"no alert reaches this route: {why}", right)


def _of(match: Mapping[str, str], labels: set[str]) -> dict[str, str]:
    """The part that the pack can judge: labels that Prometheus adds (`external_labels`) may have any value."""
    return {label: pattern for label, pattern in match.items() if label in labels}


def _inhibition(rule: InhibitSpec, sent: list[Sent], labels: set[str], problems: Problems) -> None:
    if not rule.equal:
        says = "inhibition without equal silences everything everywhere"
        problems.add(rule.at.value("equal"), "inhibit", says, "name the labels that both alerts share")
    for side in ("source", "target"):
        if not any(each.may(_of(getattr(rule, side), labels)) for each in sent):
            problems.add(
                rule.at.value(side), "inhibit", f"no alert matches the {side}", "see the reference of the alerts"
            )
    if "alertname" not in rule.equal:
        return
    # two levels of one alert: a label that is not compared would let one disk silence the other
    for name in sorted({each.known["alertname"] for each in sent}):
        levels = [each for each in sent if each.known["alertname"] == name]
        source, target = _of(rule.source, labels), _of(rule.target, labels)
        if any(each.may(source) for each in levels) and any(each.may(target) for each in levels):
            for label in sorted(frozenset().union(*(each.open for each in levels)) - {*rule.equal, "team"}):
                says = f"{name} of one {label} would silence {name} of another"
                problems.add(rule.at.value("equal"), "inhibit", says, f"add {label} to equal")
