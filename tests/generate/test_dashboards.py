"""Dashboards as Grafana gets them: their models, variables, filters, thresholds, links and ids."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import pytest
from grafana_foundation_sdk.models import dashboard as model

from packs import WORDS, pack_of
from stoker.catalog import complete
from stoker.generate.dashboards import dashboards, panel_ids
from stoker.generate.panels import UNITS, filtered
from stoker.spec.dashboard import PanelUnit
from stoker.spec.pack import Pack, load_pack

VARIABLES = ("cluster", "instance", "gpu", "run", "service")


@cache
def shipped() -> Pack:
    return complete(load_pack())


@cache
def boards() -> dict[str, dict[str, Any]]:
    return {
        board["uid"]: board
        for artifact in dashboards(shipped())
        if artifact.path.endswith(".json")
        for board in [json.loads(artifact.content)]
    }


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel(uid: str, title: str) -> dict[str, Any]:
    return next(each for each in panels(boards()[uid]) if each["title"] == title)


def drawn(uid: str, title: str) -> list[tuple[float | None, str]]:
    steps = panel(uid, title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(step["value"], step["color"]) for step in steps]


def colour(steps: list[tuple[float | None, str]], value: float) -> str:
    """As Grafana chooses it: the last step that the value reaches."""
    return [name for bound, name in steps if bound is None or value >= bound][-1]


def user_panel(text: str) -> list[str]:
    _, problems = pack_of(f"panels:\n  - {{title: Mine, description: It says something., {text}}}")
    return [f"{problem.rule}: {problem.wrong}; {problem.right}" for problem in problems]


def test_there_is_one_for_each_domain_and_one_for_the_fleet() -> None:
    assert {f"stoker-{name}" for name, domain in shipped().domains.items() if domain.dashboard} == set(boards())
    assert {"stoker-fleet", "stoker-gpu", "stoker-training", "stoker-stoker"} <= set(boards())


def test_grafanas_own_model_reads_them_and_writes_the_same() -> None:
    for board in boards().values():
        again = json.loads(json.dumps(model.Dashboard.from_json(board).to_json(), default=lambda each: each.to_json()))
        assert again["uid"] == board["uid"]
        assert len(again["panels"]) == len(board["panels"])
        assert again["templating"] == board["templating"]


def test_they_cannot_be_edited_and_lead_to_each_other_with_time_and_variables() -> None:
    for board in boards().values():
        assert board["editable"] is False
        [link] = board["links"]
        assert (link["type"], link["tags"], link["keepTime"], link["includeVars"]) == (
            "dashboards",
            ["stoker"],
            True,
            True,
        )
        assert "stoker" in board["tags"]


def test_every_panel_says_what_it_shows_in_which_unit_from_the_chosen_data_source() -> None:
    for board in boards().values():
        for each in panels(board):
            assert each["title"]
            assert each["description"]
            assert each["fieldConfig"]["defaults"]["unit"] in UNITS.values()
            assert {target["datasource"]["uid"] for target in each["targets"]} == {"${datasource}"}
            assert each["datasource"]["uid"] == "${datasource}"


def test_each_unit_of_the_spec_has_a_name_in_grafana() -> None:
    assert set(UNITS) == set(get_args(PanelUnit))


def test_panels_do_not_overlap_and_stay_within_the_columns() -> None:
    for board in boards().values():
        taken: set[tuple[int, int]] = set()
        for each in board["panels"]:
            place = each["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, (board["uid"], each["title"])
            assert max(x for x, _ in cells) < 24
            taken |= cells


def test_rates_follow_the_time_range() -> None:
    for board in boards().values():
        for each in panels(board):
            for target in each["targets"]:
                assert "rate(" not in target["expr"] or "[$__rate_interval]" in target["expr"], each["title"]


def test_variables_are_a_chain_from_the_data_source_to_the_narrowest_label() -> None:
    source, cluster, instance, gpu = boards()["stoker-gpu"]["templating"]["list"]
    assert (source["type"], source["query"]) == ("datasource", "prometheus")
    assert cluster["query"]["query"] == 'label_values(stoker_gpu_up{job="stoker"}, cluster)'
    assert instance["query"]["query"] == 'label_values(stoker_gpu_up{job="stoker",cluster=~"$cluster"}, instance)'
    expected = 'label_values(stoker_gpu_up{job="stoker",cluster=~"$cluster",instance=~"$instance"}, gpu)'
    assert gpu["query"]["query"] == expected
    assert all(
        (each["multi"], each["includeAll"], each["allValue"]) == (True, True, ".*") for each in (cluster, instance, gpu)
    )
    names = {each["name"] for board in boards().values() for each in board["templating"]["list"]}
    assert set(VARIABLES) <= names


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("stoker_gpu_up", 'stoker_gpu_up{job="stoker",cluster=~"$cluster",instance=~"$instance",gpu=~"$gpu"}'),
        ("stoker_host_load5", 'stoker_host_load5{job="stoker",cluster=~"$cluster",instance=~"$instance"}'),
        ('up{instance="a:1"} == 0', 'up{instance="a:1",job="stoker",cluster=~"$cluster",instance=~"$instance"} == 0'),
        ('ALERTS{alertstate="firing"}', 'ALERTS{alertstate="firing",cluster=~"$cluster"}'),
        (
            "rate(stoker_serve_request_seconds_bucket[$__rate_interval])",
            'rate(stoker_serve_request_seconds_bucket{job="stoker",cluster=~"$cluster",instance=~"$instance"}[$__rate_interval])',
        ),
        (
            "gpu:stoker_gpu_utilization_ratio:avg1h",
            'gpu:stoker_gpu_utilization_ratio:avg1h{cluster=~"$cluster",instance=~"$instance",gpu=~"$gpu"}',
        ),
    ],
)
def test_each_metric_is_filtered_by_the_variables_that_it_carries(expr: str, expected: str) -> None:
    assert filtered(expr, ("cluster", "instance", "gpu"), shipped()) == expected


@pytest.mark.parametrize(
    ("uid", "title", "bad", "good"),
    [
        ("stoker-host", "Memory used", {0.81: "orange", 0.96: "red"}, [0.0, 0.79]),
        ("stoker-host", "Space left", {0.04: "red"}, [0.06, 1.0]),
        ("stoker-host", "CPU utilisation", {0.2: "blue", 0.95: "blue"}, [0.31, 0.89]),
        ("stoker-gpu", "Utilisation", {0.01: "orange", 0.95: "blue"}, [0.06, 0.89]),
        ("stoker-gpu", "GPUs that are up", {0: "red"}, [1]),
        ("stoker-stoker", "Collectors that fail", {0: "orange"}, [1]),
        ("stoker-host", "Processes killed for want of memory", {1: "red", 0.5: "red"}, [0]),
        ("stoker-stoker", "Collectors that hang", {61: "red"}, [59]),
    ],
)
def test_a_value_has_the_colour_of_the_alert_that_it_would_raise(
    uid: str, title: str, bad: dict[float, str], good: list[float]
) -> None:
    steps = drawn(uid, title)
    assert {value: colour(steps, value) for value in bad} == bad
    assert {colour(steps, value) for value in good} <= {"green", "transparent"}


def test_a_state_is_coloured_as_good_or_bad() -> None:
    for uid, title in (("stoker-gpu", "GPUs that are up"), ("stoker-fleet", "Targets that are up")):
        [mapping] = panel(uid, title)["fieldConfig"]["defaults"]["mappings"]
        assert (mapping["options"]["0"]["color"], mapping["options"]["1"]["color"]) == ("red", "green")


def test_each_gpu_has_a_row_that_says_what_is_wrong_with_it_in_colour() -> None:
    for title in ("State of each GPU", "GPUs now"):
        [mapping] = panel("stoker-gpu", title)["fieldConfig"]["defaults"]["mappings"]
        words = {each["text"]: each["color"] for each in mapping["options"].values()}
        assert words["ok"] == "green"
        for kind, wanted in (("sick", "red"), ("slow", "orange"), ("idle", "blue")):
            assert {each for word, each in words.items() if word.startswith(kind)} == {wanted}
    cells = panel("stoker-gpu", "GPUs now")["fieldConfig"]["defaults"]["custom"]["cellOptions"]
    assert cells["type"] == "color-background"


def test_a_panel_leads_to_the_runbooks_of_its_alerts() -> None:
    found = panel("stoker-gpu", "XID errors")
    assert [link["title"] for link in found["links"]] == ["Runbook of GpuXidCritical", "Runbook of GpuXidWarning"]
    assert found["links"][0]["url"] == f"{shipped().links.runbooks}/GpuXidCritical"
    assert "GpuXidCritical" in found["description"]


def test_an_alert_that_is_off_is_not_drawn() -> None:
    pack, problems = pack_of("alerts: {HostMemoryHigh: {enabled: false}}")
    assert not list(problems)
    board = next(json.loads(each.content) for each in dashboards(pack) if each.path.endswith("stoker-host.json"))
    found = next(each for each in board["panels"] if each["title"] == "Memory used")
    assert found["links"] == []
    assert len(found["fieldConfig"]["defaults"]["thresholds"]["steps"]) == 1


def test_a_changed_bound_is_drawn_where_it_is() -> None:
    pack, problems = pack_of("alerts: {HostMemoryHigh: {warning: 0.7}}")
    assert not list(problems)
    board = next(json.loads(each.content) for each in dashboards(pack) if each.path.endswith("stoker-host.json"))
    found = next(each for each in board["panels"] if each["title"] == "Memory used")
    assert [step["value"] for step in found["fieldConfig"]["defaults"]["thresholds"]["steps"]] == [None, 0.7, 0.95]


def test_a_table_shows_labels_and_named_values_and_nothing_that_prometheus_adds() -> None:
    [organize] = panel("stoker-fleet", "Alerts firing")["transformations"]
    hidden = organize["options"]["excludeByName"]
    assert set(hidden) == {"Time", "__name__", "job", "alertstate", "Value"}
    merge, organize = panel("stoker-training", "Runs")["transformations"]
    assert merge["id"] == "merge"
    assert organize["options"]["renameByName"] == {"Value #A": "step", "Value #B": "loss", "Value #C": "learning rate"}
    [override] = panel("stoker-fleet", "Alerts firing")["fieldConfig"]["overrides"]
    assert override["properties"][0]["value"][0]["url"] == f"{shipped().links.runbooks}/${{__value.raw}}"


def test_slices_of_a_pie_have_names() -> None:
    assert panel("stoker-data", "Results of a day")["options"]["legend"]["showLegend"] is True


def test_a_panel_keeps_its_id_when_another_comes_before_it() -> None:
    before = panel_ids([("row", "Now"), ("timeseries", "Loss"), ("timeseries", "Speed")])
    after = panel_ids([("row", "Now"), ("stat", "New"), ("timeseries", "Loss"), ("timeseries", "Speed")])
    assert [after[0], *after[2:]] == before
    assert len(set(after)) == 4


def test_panels_of_one_title_have_different_ids() -> None:
    assert len(set(panel_ids([("row", "A"), ("timeseries", "A"), ("timeseries", "A")]))) == 3


def test_grafana_learns_the_scrape_interval_from_which_it_makes_rates() -> None:
    pack, _ = pack_of("scrape_interval: 30s")
    [source] = [each.content for each in dashboards(pack) if each.path == "grafana/provisioning/datasources/stoker.yml"]
    assert "timeInterval: 30s" in source


def test_a_users_panel_stands_in_a_row_of_its_own_on_the_dashboard_that_it_names() -> None:
    pack, problems = pack_of(
        "panels:\n  - {title: Mine, description: It says something., expr: stoker_host_load1, dashboard: host, unit: short}"
    )
    assert not list(problems)
    board = next(json.loads(each.content) for each in dashboards(pack) if each.path.endswith("stoker-host.json"))
    row, mine = board["panels"][-2:]
    assert (row["title"], mine["title"]) == ("Own panels", "Mine")
    assert mine["targets"][0]["expr"] == 'stoker_host_load1{job="stoker",cluster=~"$cluster",instance=~"$instance"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("expr: up, unit: secnds", "choice: unit is the text 'secnds'; did you mean seconds?"),
        ("unit: short", "panel: the panel Mine has no query; give it expr or queries"),
        ("expr: up, width: 25", "panel: a width of 25 columns; 1 to 24"),
        ("expr: up, height: 0", "panel: a height of 0 rows; 1 or more"),
        ("expr: up, queries: [{expr: up}]", "panel: the panel Mine has both expr and queries; move expr into queries"),
        (
            f"queries: [{', '.join(['{expr: up}'] * 9)}]",
            "panel: the panel Mine has 9 queries; at most 8: make two panels of it",
        ),
        ("expr: up, bad: ['2'], mappings: {'0': a}", "panel: 2 is bad but has no word in mappings; one of 0"),
        ("expr: up, colours: {'2': red}, mappings: {'0': a}", "panel: 2 is red but has no word in mappings; one of 0"),
        ("expr: up, colours: {'0': rde}, mappings: {'0': a}", "choice: 0 is the text 'rde'; did you mean red?"),
    ],
)
def test_a_panel_that_cannot_be_drawn_is_said_in_one_line(text: str, expected: str) -> None:
    assert expected in user_panel(text)


def test_two_panels_of_one_title_on_a_dashboard_are_said() -> None:
    _, problems = pack_of("panels:\n  - {title: Memory used, description: Mine., expr: up, dashboard: host}")
    assert [problem.wrong for problem in problems] == ["two panels of the dashboard host are called 'Memory used'"]


def test_an_alert_on_a_panel_that_does_not_exist_is_said() -> None:
    _, problems = pack_of(
        "panels:\n  - {title: Mine, description: It says something., expr: up}\n"
        "alerts:\n    OneAlert:\n      kind: threshold\n      severity: info\n      value: stoker_host_load1\n      above: 1\n"
        f"      by: [cluster, instance]{WORDS}"
    )
    assert "OneAlert: no panel is called 'X'" in [problem.wrong for problem in problems]
