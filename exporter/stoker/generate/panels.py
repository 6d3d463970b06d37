"""Builds one panel with Grafana's own typed builders: kind, unit, queries, thresholds of the alerts that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grafana_foundation_sdk.builders import (
    bargauge,
    gauge,
    heatmap,
    piechart,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import (
    common as common_builder,
)
from grafana_foundation_sdk.builders import (
    dashboard as dashboard_builder,
)
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models import piechart as piechart_model
from grafana_foundation_sdk.models import prometheus as prometheus_model

from stoker.generate.thresholds import COLOURS, steps
from stoker.generate.variants import TARGET_LABELS, labels_of
from stoker.spec.promql import rewrite_selectors, with_matchers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stoker.spec.dashboard import PanelSpec
    from stoker.spec.kinds import KindAlert
    from stoker.spec.pack import Pack

DATASOURCE = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")
UNITS = {
    "": "short",
    "short": "short",
    "seconds": "s",
    "bytes": "bytes",
    "bytes_per_second": "Bps",
    "ratio": "percentunit",
    "watts": "watt",
    "joules": "joule",
    "celsius": "celsius",
    "hertz": "hertz",
    "per_second": "cps",
    "timestamp": "dateTimeAsIso",
}
"""Grafana's name of each unit."""
_BUILDERS: dict[str, Any] = {
    "timeseries": timeseries.Panel,
    "stat": stat.Panel,
    "gauge": gauge.Panel,
    "bar": bargauge.Panel,
    "pie": piechart.Panel,
    "heatmap": heatmap.Panel,
    "table": table.Panel,
    "state": statetimeline.Panel,
}
_INSTANT = ("table", "pie", "bar", "stat", "gauge")
_NO_COLUMNS = ("Time", "__name__", "job", "alertstate")
"""What Prometheus adds to the rows of a table and nobody reads."""


def build_panel(spec: PanelSpec, alerts: Mapping[str, KindAlert], variables: Sequence[str], pack: Pack) -> Any:  # noqa: ANN401 - the SDK's builders have no common type
    """A panel's builder.

    Args:
        spec: what to draw.
        alerts: those whose `panel` it is.
        variables: labels that the dashboard filters by.
        pack: for the labels of metrics and the links to runbooks.
    """
    panel = _BUILDERS[spec.kind]()
    panel.title(str(spec.title)).description(description(spec, alerts)).datasource(DATASOURCE)
    panel.unit(UNITS[str(spec.unit)])
    if spec.minimum is not None:
        panel.min(spec.minimum)
    if spec.maximum is not None:
        panel.max(spec.maximum)
    queries = (
        [(spec.expr, spec.legend)] if spec.expr is not None else [(query.expr, query.legend) for query in spec.queries]
    )
    for index, (expr, legend) in enumerate(queries):
        panel.with_target(_query(filtered(expr, variables, pack), str(legend), index, spec))
    panel.links([_runbook(name, pack) for name in alerts])
    if spec.kind == "table":
        _columns(panel, [str(legend) for _, legend in queries])
        _runbook_of_rows(panel, pack)
        if spec.mappings:
            panel.cell_options(common.TableColoredBackgroundCellOptions())
    _thresholds(panel, spec, alerts)
    if spec.mappings:
        panel.mappings([_mapping(spec, alerts)])
    _style(panel, spec)
    return panel


def description(spec: PanelSpec, alerts: Mapping[str, KindAlert]) -> str:
    """The panel's sentence, and which alerts watch what it shows."""
    watched = f" Alerts: {', '.join(alerts)}." if alerts else ""
    return f"{spec.description}{watched}"


def filtered(expr: str, variables: Sequence[str], pack: Pack) -> str:
    """The query with a matcher for each variable that the metric carries; those of targets on every raw metric."""
    recorded: dict[str, frozenset[str]] = {}

    def change(selector: Any) -> str:  # noqa: ANN401 - a Selector
        if ":" in selector.name:
            known = frozenset(variables) & _recorded(selector.name, pack)
        elif selector.name.startswith("ALERTS"):
            known = frozenset({"cluster"})
        else:
            known = labels_of(_stem(selector.name, pack), pack, recorded) | frozenset(TARGET_LABELS)
        matchers = [f'{label}=~"${label}"' for label in variables if label in known]
        raw = ":" not in selector.name and not selector.name.startswith("ALERTS")
        return with_matchers(selector, [pack.selector, *matchers] if raw else matchers)

    return rewrite_selectors(expr, change)


def _stem(name: str, pack: Pack) -> str:
    stems = (name, name.removesuffix("_bucket"), name.removesuffix("_sum"), name.removesuffix("_count"))
    return next((stem for stem in stems if stem in pack.catalog), name)


def _recorded(name: str, pack: Pack) -> frozenset[str]:
    from stoker.spec.analysis import recorded_labels  # noqa: PLC0415 - only dashboards with recorded series need it

    return recorded_labels(pack).get(name, frozenset())


def _query(expr: str, legend: str, index: int, spec: PanelSpec) -> Any:  # noqa: ANN401 - see build_panel
    query = prometheus.Dataquery().expr(expr).ref_id("ABCDEFGH"[index]).datasource(DATASOURCE)
    if legend:
        query.legend_format(legend)
    if spec.kind in _INSTANT:
        query.instant()
    else:
        query.range()
    if spec.kind == "table":
        query.format(prometheus_model.PromQueryFormat.TABLE)
    if spec.kind == "heatmap":
        query.format(prometheus_model.PromQueryFormat.HEATMAP)
    return query


def _runbook(name: str, pack: Pack) -> Any:  # noqa: ANN401 - see build_panel
    link = dashboard_builder.DashboardLink(f"Runbook of {name}")
    link.type(dashboard.DashboardLinkType.LINK).url(f"{pack.links.runbooks.rstrip('/')}/{name}").target_blank(True)  # noqa: FBT003 - the SDK's
    return link


def _thresholds(panel: Any, spec: PanelSpec, alerts: Mapping[str, KindAlert]) -> None:  # noqa: ANN401 - see build_panel
    found = steps(alerts.values(), lines=spec.kind == "timeseries")
    config = dashboard_builder.ThresholdsConfig().mode(dashboard.ThresholdsMode.ABSOLUTE)
    panel.thresholds(config.steps([dashboard.Threshold(value=step.value, color=step.colour) for step in found]))
    if spec.kind == "timeseries" and len(found) > 1:
        style = common_builder.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
        panel.thresholds_style(style)


def _mapping(spec: PanelSpec, alerts: Mapping[str, KindAlert]) -> dashboard.ValueMap:
    """Words for values; coloured where it is known which of them are bad."""
    bad = {str(value): "red" for value in spec.bad}
    for alert in alerts.values():
        bad |= {f"{bound:g}": COLOURS[severity] for severity, bound, side in alert.thresholds() if side == "equals"}
    bad |= {str(value): str(colour) for value, colour in spec.colours.items()}
    options = {
        str(value): dashboard.ValueMappingResult(
            text=str(word), color=bad.get(str(value), "green") if bad else None, index=index
        )
        for index, (value, word) in enumerate(spec.mappings.items())
    }
    return dashboard.ValueMap(options=options)


def _columns(panel: Any, legends: Sequence[str]) -> None:  # noqa: ANN401 - see build_panel
    """One row for each set of labels; a legend names the column of the values, without one they are left out."""
    values = ["Value"] if len(legends) == 1 else [f"Value #{letter}" for letter in "ABCDEFGH"[: len(legends)]]
    if len(legends) > 1:
        panel.with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
    named = dict(zip(values, legends, strict=True))
    hidden = [*_NO_COLUMNS, *(value for value, legend in named.items() if not legend)]
    options = {
        "excludeByName": dict.fromkeys(hidden, True),
        "renameByName": {value: legend for value, legend in named.items() if legend},
    }
    panel.with_transformation(dashboard.DataTransformerConfig(id_val="organize", options=options))


def _runbook_of_rows(panel: Any, pack: Pack) -> None:  # noqa: ANN401 - see build_panel
    """A table with a column of alerts leads from each of them to its runbook."""
    link = {"title": "Runbook", "url": f"{pack.links.runbooks.rstrip('/')}/${{__value.raw}}", "targetBlank": True}
    panel.override_by_name("alertname", [dashboard.DynamicConfigValue(id_val="links", value=[link])])


def _style(panel: Any, spec: PanelSpec) -> None:  # noqa: ANN401 - see build_panel
    if spec.kind == "timeseries":
        panel.line_width(1).fill_opacity(20 if spec.stack else 5).show_points(common.VisibilityMode.NEVER)
        tooltip = common_builder.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
        panel.tooltip(tooltip.sort(common.SortOrder.DESCENDING))
        if spec.stack:
            panel.stacking(common_builder.StackingConfig().mode(common.StackingMode.NORMAL))
    if spec.kind in ("bar", "pie", "stat", "gauge"):
        panel.reduce_options(common_builder.ReduceDataOptions().calcs(["lastNotNull"]))
    if spec.kind == "bar":
        panel.orientation(common.VizOrientation.HORIZONTAL)
    if spec.kind == "pie":
        # the SDK's default hides the legend, and slices without names say nothing
        legend = piechart.PieChartLegendOptions().show_legend(True)  # noqa: FBT003 - the SDK's
        legend.display_mode(common.LegendDisplayMode.TABLE).placement(common.LegendPlacement.RIGHT)
        panel.legend(legend.values([piechart_model.PieChartLegendValues.VALUE]))
        panel.display_labels([piechart_model.PieChartLabels.PERCENT])
    if spec.kind == "heatmap":
        panel.calculate(False).y_axis(heatmap.YAxisConfig().unit(UNITS[str(spec.unit)]))  # noqa: FBT003 - the SDK's
