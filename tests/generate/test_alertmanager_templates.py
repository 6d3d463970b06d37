"""What people read, rendered by Alertmanager's own template engine."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from stoker.generate.alertmanager import alertmanager
from stoker.sources import programs
from stoker.spec.notify import NotifySpec
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from pathlib import Path

WORDS = {
    "summary": "n1: 97 % of the memory is used",
    "summary_zh": "n1:内存使用率 97 %",
    "description": "Programs on n1 use it.",
    "description_zh": "n1 上的程序在使用它。",
    "runbook_url": "https://example.com/runbooks/HostMemoryHigh",
    "dashboard_url": "http://grafana:3000/d/stoker-host?var-instance=n1%3A9838",
}


def alert(name: str, severity: str, *, resolved: bool = False, **annotations: str) -> dict[str, Any]:
    return {
        "status": "resolved" if resolved else "firing",
        "labels": {"alertname": name, "severity": severity, "cluster": "c1", "instance": "n1:9838"},
        "annotations": {**WORDS, **annotations},
        "startsAt": "2026-11-24T10:00:00Z",
        "endsAt": "2026-11-24T11:30:00Z" if resolved else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=up",
        "fingerprint": "1",
    }


class Renderer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for artifact in alertmanager(load_pack(), NotifySpec()):
            target = folder / artifact.path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(artifact.content, encoding="utf-8")

    def __call__(self, name: str, *alerts: dict[str, Any], html: bool = False) -> str:
        firing = any(each["status"] == "firing" for each in alerts)
        shared = dict.items(alerts[0]["labels"])
        common = {key: value for key, value in shared if all(each["labels"].get(key) == value for each in alerts)}
        data = {
            "receiver": "default",
            "status": "firing" if firing else "resolved",
            "alerts": alerts,
            "groupLabels": {},
            "commonLabels": common,
            "commonAnnotations": {},
            "externalURL": "http://alertmanager:9093",
        }
        file = self.folder / "data.json"
        file.write_text(json.dumps(data), encoding="utf-8")
        arguments = [
            f"--template.glob={self.folder}/alertmanager/templates/*.tmpl",
            f'--template.text={{{{ template "stoker.{name}" . }}}}',
            f"--template.data={file}",
            f"--template.type={'html' if html else 'text'}",
        ]
        done = programs.run("amtool", ["template", "render", *arguments])
        assert done.code == 0, done.output
        return done.output


@pytest.fixture
def render(tmp_path: Path) -> Renderer:
    return Renderer(tmp_path)


def test_the_subject_of_one_alert_names_it_and_its_place(render: Renderer) -> None:
    assert render("subject", alert("HostMemoryHigh", "critical")) == "[CRITICAL] HostMemoryHigh n1:9838"


def test_the_subject_of_a_group_says_the_worst_level_and_every_name_once(render: Renderer) -> None:
    group = [
        alert("HostMemoryHigh", "warning"),
        alert("GpuDown", "critical"),
        alert("GpuDown", "critical"),
        alert("HostCpuHigh", "info"),
    ]
    expected = "[CRITICAL] 4 alerts: HostMemoryHigh, GpuDown, HostCpuHigh n1:9838"
    assert render("subject", *group) == expected
    assert render("subject", *reversed(group[:1] + group[3:])).startswith("[WARNING] 2 alerts: ")


def test_the_subject_counts_what_still_fires(render: Renderer) -> None:
    group = [alert("GpuDown", "critical", resolved=True), alert("HostMemoryHigh", "warning")]
    assert render("subject", *group) == "[WARNING] HostMemoryHigh n1:9838"


def test_the_subject_of_the_end_says_so(render: Renderer) -> None:
    assert render("subject", alert("GpuDown", "critical", resolved=True)) == "[RESOLVED] GpuDown n1:9838"


def test_a_name_that_is_no_pattern_does_not_cost_the_message(render: Renderer) -> None:
    group = [alert("Odd (name", "warning"), alert("Odd (name", "warning"), alert("C++", "warning")]
    assert render("subject", *group) == "[WARNING] 3 alerts: Odd (name, C++ n1:9838"


def test_an_alert_without_level_and_annotations_is_told_all_the_same(render: Renderer) -> None:
    bare = {**alert("Foreign", "x"), "annotations": {}, "labels": {"alertname": "Foreign"}}
    assert render("subject", bare) == "[ALERT] Foreign"
    for name in ("text", "html", "slack"):
        shown = render(name, bare, html=name == "html")
        assert "<no value>" not in shown
        assert "runbook" not in shown


def test_the_text_has_both_languages_times_labels_and_links(render: Renderer) -> None:
    text = render("text", alert("HostMemoryHigh", "critical", resolved=True))
    for part in (*WORDS.values(), "RESOLVED HostMemoryHigh (critical)", "cluster=c1", "http://alertmanager:9093"):
        assert part in text
    assert "since: 2026-11-24 10:00:00 UTC, ended: 2026-11-24 11:30:00 UTC" in text


class Page(HTMLParser):
    VOID = ("meta", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value for name, value in attrs if name == "href" and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_mail_is_well_formed_and_leads_to_runbook_dashboard_and_query(render: Renderer) -> None:
    page = Page(render("html", alert("HostMemoryHigh", "critical"), alert("GpuDown", "warning"), html=True))
    assert page.open == []
    for part in ("summary", "summary_zh", "description", "description_zh"):
        assert WORDS[part] in page.text
    assert page.links[:3] == [WORDS["runbook_url"], WORDS["dashboard_url"], "http://prometheus:9090/graph?g0.expr=up"]


def test_a_label_cannot_put_markup_into_the_mail(render: Renderer) -> None:
    shown = render("html", alert("HostMemoryHigh", "critical", summary="<script>alert(1)</script>"), html=True)
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_a_label_cannot_call_a_whole_channel_of_slack(render: Renderer) -> None:
    shown = render("slack", alert("HostMemoryHigh", "critical", summary="<!channel> & more"))
    assert "*&lt;!channel&gt; &amp; more*" in shown
    assert f"<{WORDS['runbook_url']}|runbook> | <{WORDS['dashboard_url']}|dashboard>" in shown


@pytest.mark.parametrize(
    ("levels", "resolved", "colour"),
    [
        (["info"], False, "#175cd3"),
        (["info", "warning"], False, "warning"),
        (["critical", "warning"], False, "danger"),
        (["warning", "critical"], False, "danger"),
        (["critical"], True, "good"),
    ],
)
def test_slack_shows_the_colour_of_the_worst(
    render: Renderer, levels: list[str], colour: str, *, resolved: bool
) -> None:
    group = [alert("HostMemoryHigh", level, resolved=resolved) for level in levels]
    assert render("slack.colour", *group) == colour
