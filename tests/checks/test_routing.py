"""Routes that nothing reaches, receivers that do not exist and inhibition that silences strangers are said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from packs import pack_of
from stoker.catalog import complete
from stoker.checks import routing
from stoker.checks.view import View
from stoker.documents import Problems
from stoker.spec.pack import load_pack
from stoker.spec.routes import InhibitSpec, RouteSpec

if TYPE_CHECKING:
    from collections.abc import Sequence


def found(text: str) -> list[str]:
    _, problems = pack_of(text)
    return [f"{problem.rule}: {problem.wrong}; {problem.right}" for problem in problems]


def inhibiting(*rules: InhibitSpec, routes: Sequence[RouteSpec] | None = None) -> list[str]:
    pack = complete(load_pack())
    own = replace(pack.routes, inhibit=rules, routes=pack.routes.routes if routes is None else tuple(routes))
    problems = Problems()
    routing.check(View(replace(pack, routes=own)), problems)
    return [problem.wrong for problem in problems]


def test_the_shipped_routes_are_in_order() -> None:
    assert found("{}") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "routes: [{match: {severity: critical}, receiver: defautl}]",
            "receiver: there is no receiver defautl; did you mean default?",
        ),
        (
            "routes: [{match: {sevrity: critical}, receiver: default}]",
            "unknown-label: no alert carries the label sevrity; did you mean severity?",
        ),
        (
            "routes: [{match: {severity: 'criti(cal'}, receiver: default}]",
            "regex: criti(cal is no regular expression: missing ), unterminated subpattern at position 5; RE2, anchored",
        ),
        (
            "routes: [{match: {alertname: GpuGone}, receiver: default}]",
            "unreachable-route: no alert reaches this route: no alert matches it; see the labels in the reference of the alerts",
        ),
        (
            "routes: [{match: {severity: critical}, receiver: default}, {match: {alertname: GpuDown}, receiver: digest}]",
            (
                "unreachable-route: no alert reaches this route: what it matches is taken by the route to default before it; "
                "move it up, or set and_on there"
            ),
        ),
        (
            "routes: [{match: {severity: info}, receiver: default, active: ofice}]\nintervals: {office: {}}",
            "interval: there is no interval ofice; did you mean office?",
        ),
        (
            "intervals: {office: {weekdays: [mondy:friday]}}",
            "interval: office: 'mondy' is no day; did you mean monday?",
        ),
        ("intervals: {office: {start: '9'}}", "interval: office: '9' is no time; as in 09:00"),
        (
            "intervals: {night: {start: '20:00', end: '06:00'}}",
            "interval: night: 06:00 is not after 20:00; two intervals, where it goes past midnight",
        ),
    ],
)
def test_a_mistake_is_one_line(text: str, expected: str) -> None:
    assert expected in found(text)


def test_a_route_behind_one_that_goes_on_is_reached() -> None:
    routes = "routes: [{match: {severity: critical}, receiver: digest, and_on: true}, {match: {alertname: GpuDown}, receiver: default}]"
    assert found(routes) == []


def test_a_route_by_a_label_that_only_time_tells_does_not_hide_others() -> None:
    assert found("routes: [{match: {run: 'pretrain-.*'}, receiver: digest}]") == []


def test_a_label_that_prometheus_adds_may_have_any_value() -> None:
    assert found("routes: [{match: {region: eu, severity: critical}, receiver: digest}]") == []


def test_a_route_by_team_is_reached_only_where_there_is_a_team() -> None:
    route = "routes: [{match: {team: ml}, receiver: digest}]"
    assert any(line.startswith("unreachable-route") for line in found(route))
    assert found(f"teams: [{{team: ml, match: {{alertname: 'Training.*'}}}}]\n{route}") == []


def test_inhibition_without_equal_is_said() -> None:
    assert inhibiting(InhibitSpec(source={"alertname": "StokerDown"}, target={"alertname": "Gpu.*"}, equal=())) == [
        "inhibition without equal silences everything everywhere"
    ]


def test_inhibition_by_alerts_that_do_not_exist_is_said() -> None:
    rule = InhibitSpec(source={"alertname": "StokerGone"}, target={"alertname": "Gpx.*"}, equal=("cluster",))
    assert inhibiting(rule) == ["no alert matches the source", "no alert matches the target"]


def test_a_level_that_would_silence_another_disk_is_said() -> None:
    rule = InhibitSpec(
        source={"severity": "critical"},
        target={"severity": "warning"},
        equal=("alertname", "cluster", "instance", "collector"),
    )
    assert inhibiting(rule) == [
        "HostFilesystemFillingUp of one device would silence HostFilesystemFillingUp of another"
    ]
