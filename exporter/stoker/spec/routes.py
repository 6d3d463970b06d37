"""Who is told what: teams, receivers and inhibition, as routes.yaml declares them."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.documents import At, Duration, setting

RECEIVERS = ("default", "digest", "watchdog")
"""Receivers that always exist: tells people at once, once a day, and hears that all is well. Others are in `notify:`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamSpec:
    """Rules whose labels match get the label `team`; the first team that matches wins."""

    team: str = setting(doc="Value of the label `team`.")
    match: dict[str, str] = setting(
        doc="`alertname`, `severity`, `domain` or a label of the alert, to an anchored RE2."
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSpec:
    """One route below the default one."""

    match: dict[str, str] = setting(factory=dict, doc="Label to an anchored RE2.")
    receiver: str = setting(doc="Name of the receiver.")
    group_by: tuple[str, ...] = setting((), doc="Labels that make a group; the default's when left out.")
    group_wait: Duration | None = setting(None, doc="How long a new group waits for company.")
    group_interval: Duration | None = setting(None, doc="How long until additions to a group are sent.")
    repeat_interval: Duration | None = setting(None, doc="How long until it is said again.")
    active: str | None = setting(None, doc="Name of one of `intervals`, outside of which nothing is sent.")
    and_on: bool = setting(False, doc="Whether later routes are tried too (`continue`).")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalSpec:
    """Hours of the week, for routes that are active only then."""

    weekdays: tuple[str, ...] = setting((), doc="Days, as in `monday:friday` or `sunday`; every day when left out.")
    start: str = setting("00:00", doc="Beginning, `09:00`.")
    end: str = setting("24:00", doc="End, `17:30`.")
    location: str = setting("UTC", doc="Time zone, as in `Europe/Berlin`.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class InhibitSpec:
    """An alert that silences others with the same `equal` labels."""

    source: dict[str, str] = setting(doc="Label to an anchored RE2, of the alert that speaks.")
    target: dict[str, str] = setting(doc="Label to an anchored RE2, of the alerts that keep quiet.")
    equal: tuple[str, ...] = setting(doc="Labels that both share; never empty.")
    about: str = setting("", doc="Why.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutesSpec:
    """routes.yaml."""

    group_by: tuple[str, ...] = setting(("alertname", "cluster", "instance", "run", "service"), doc="Default grouping.")
    group_wait: Duration = setting(Duration(30), doc="Default wait of a new group.")
    group_interval: Duration = setting(Duration(300), doc="Default interval of additions.")
    repeat_interval: Duration = setting(Duration(14400), doc="Default interval of repetition.")
    receiver: str = setting("default", doc="Receiver of what no route takes.")
    teams: tuple[TeamSpec, ...] = setting((), doc="Which team a rule belongs to.")
    routes: tuple[RouteSpec, ...] = setting((), doc="Routes, tried in order.")
    intervals: dict[str, IntervalSpec] = setting(factory=dict, doc="Hours of the week by name, for `active`.")
    inhibit: tuple[InhibitSpec, ...] = setting((), doc="What silences what.")
    at: At = field(default_factory=At, compare=False, repr=False)
