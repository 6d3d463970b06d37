"""An alert as the spec declares it: what is common to every kind."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from stoker.documents import At, Duration, setting

Severity: TypeAlias = Literal["critical", "warning", "info", "none"]
Number: TypeAlias = float | Duration
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    """What to do when the alert fires; Markdown."""

    meaning: str = setting(doc="What it means that this fires.")
    impact: str = setting(doc="What is lost while nobody acts.")
    look: str = setting(doc="What to look at first: exact commands and queries.")
    fix: str = setting(doc="What to do about it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """An expression that has to hold (`while`) or must not hold (`unless`) beside the alert's own."""

    expr: str = setting(doc="PromQL; a result means that it holds.")
    on: tuple[str, ...] | None = setting(None, doc="Labels to join on; the alert's own labels (`by`) when left out.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fires:
    """An alert that has to be firing at a time of a case."""

    at: Duration = setting(doc="Time since the start of the case.")
    severity: Severity | None = setting(None, doc="The level; may be left out where the alert has one.")
    labels: dict[str, str] = setting(
        factory=dict,
        doc='Labels that differ from the examples (`spec.examples`) of the alert\'s labels; "" takes one away.',
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case of promtool's rule tests, made from the words of what the alert promises.

    At each time named, the alerts firing under this alert's name are exactly those listed for it: all of `fires` with
    that time, none for a time in `quiet`.
    """

    name: str = setting(doc="A sentence that says what has to happen.")
    interval: Duration = setting(Duration(60), doc="Time between two values of a series.")
    series: dict[str, str] = setting(
        doc="Series to promtool's values (`0x5 1+0x10 _x3 stale`); labels not given are the examples of the metric's labels."
    )
    fires: tuple[Fires, ...] = setting((), doc="Alerts that have to fire.")
    quiet: tuple[Duration, ...] = setting((), doc="Times at which none fires.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What every kind of alert has; the kinds add their own keys.

    In every expression `$name` stands for the parameter of that name: a duration inside `[...]` or after `offset`, seconds or
    the plain number elsewhere. Metrics are written without `job`: the compiler adds the selector. `{xids:critical}` and its like stand for
    what xid.yaml says.
    """

    severity: Severity | None = setting(None, doc="Its level; left out when `levels` are given.")
    levels: dict[str, dict[str, Number]] | None = setting(
        None, doc="Several levels: severity to the parameters that differ between them."
    )
    by: tuple[str, ...] = setting(doc="The alert's label set.")
    for_: Duration = setting(Duration(0), doc="How long it has to hold before it fires.")
    keep_firing_for: Duration = setting(Duration(0), doc="How long it goes on firing after it held last.")
    while_: str | Guard | None = setting(None, doc="Expression that has to hold as well.")
    unless: str | Guard | None = setting(None, doc="Expression that must not hold.")
    params: dict[str, Number] = setting(factory=dict, doc="Named numbers of its expressions, beside those of its kind.")
    enabled: bool = setting(True, doc="Whether the alert is generated.")
    summary: str = setting(doc="One line, English; Go template.")
    summary_zh: str = setting(doc="The same in Chinese.")
    description: str = setting(doc="What happened and what it may mean, English; Go template.")
    description_zh: str = setting(doc="The same in Chinese.")
    runbook: Runbook = setting(doc="The runbook page.")
    panel: str = setting(doc="Title of the panel that shows it, in the domain's dashboard.")
    rows: tuple[str, ...] = setting((), doc="Rows of the requirements that it keeps (L1, A6, ...).")
    probe: dict[str, str | float] = setting(
        factory=dict,
        doc="How the generated cases make the watched value `v`: series to arithmetic of v, for `value`s that are no plain "
        "metric and no ratio of two; with `while` or `unless`, also the series that these need, which a forecast takes as "
        "constants beside its own.",
    )
    cases: tuple[Case, ...] = setting((), doc="Cases written by hand, beside those that the kind makes.")
    at: At = field(default_factory=At, compare=False, repr=False)
