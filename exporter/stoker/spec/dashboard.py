"""A dashboard as the spec declares it: rows of panels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, setting

PanelKind = Literal["timeseries", "stat", "gauge", "bar", "pie", "heatmap", "table", "state"]
PanelUnit = Literal[
    "",
    "short",
    "seconds",
    "bytes",
    "bytes_per_second",
    "ratio",
    "watts",
    "joules",
    "celsius",
    "hertz",
    "per_second",
    "timestamp",
]

PanelColour = Literal["green", "blue", "yellow", "orange", "red"]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySpec:
    """One query of a panel."""

    expr: str = setting(
        doc="PromQL; `$cluster`, `$instance`, `$gpu`, `$run`, `$service` filters are added by the compiler."
    )
    legend: str = setting("", doc="Legend with `{{label}}`; in a table the name of the column of values.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelSpec:
    """One panel."""

    title: str = setting(doc="Title; alerts refer to it.")
    description: str = setting(doc="One sentence: what a person learns from it.")
    kind: PanelKind = setting("timeseries", doc="How it is drawn.")
    unit: PanelUnit = setting("short", doc="Base unit of what is drawn; Grafana scales it.")
    expr: str | None = setting(None, doc="Its query, when there is one.")
    legend: str = setting(
        "", doc="Legend of that query; in a table the name of the column of values, which is left out without one."
    )
    queries: tuple[QuerySpec, ...] = setting((), doc="Its queries, when there are several.")
    width: int = setting(8, doc="Of 24 columns.")
    height: int = setting(8, doc="In grid rows.")
    stack: bool = setting(False, doc="Whether series are stacked.")
    minimum: float | None = setting(None, doc="Lower end of the axis.")
    maximum: float | None = setting(None, doc="Upper end of the axis.")
    mappings: dict[str, str] = setting(factory=dict, doc="Value to the word that is shown for it.")
    bad: tuple[str, ...] = setting(
        (), doc="Those of the mapped values that are bad: red, the others green. An alert at a value says it by itself."
    )
    colours: dict[str, PanelColour] = setting(
        factory=dict, doc="Mapped value to its colour, where there is more to say than good or bad."
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSpec:
    """A titled row of panels."""

    title: str = setting(doc="Title of the row.")
    panels: tuple[PanelSpec, ...] = setting(doc="Its panels, left to right.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DashboardSpec:
    """The dashboard of a domain."""

    title: str = setting(doc="Title of the dashboard.")
    description: str = setting("", doc="What it is for.")
    variables: tuple[str, ...] = setting(
        ("cluster", "instance"), doc="Labels that become variables, in order; the data source is always one."
    )
    variable_metric: str = setting("up", doc="Metric whose label values fill the variables.")
    rows: tuple[RowSpec, ...] = setting(doc="Rows of panels.")
    at: At = field(default_factory=At, compare=False, repr=False)
