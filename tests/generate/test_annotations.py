"""What people read of every alert, filled in by Prometheus's own template engine on the series of the alert's cases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from stoker.catalog import complete
from stoker.documents import write_yaml
from stoker.generate.mutation import Paced
from stoker.generate.rule_tests import alert_tests, evaluation
from stoker.generate.rules import alert_rules, recording_group
from stoker.sources import programs
from stoker.spec.analysis import recorded_labels
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from pathlib import Path

_CASE = re.compile(r"alertname: (\w+), time: .*?\n(.*?)(?=alertname: |\Z)", re.DOTALL)
_TEXT = re.compile(r'(summary|description|summary_zh|description_zh|runbook_url|dashboard_url)=("(?:[^"\\]|\\.)*")')


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Annotation by alert: promtool prints what it got where something else was expected."""
    root: Path = tmp_path_factory.mktemp("annotations")
    pack = complete(load_pack())
    recorded = recorded_labels(pack)
    files = []
    for domain in pack.domains.values():
        for name, alert in domain.alerts.items():
            fires = [
                Paced(test, evaluation([test]))
                for test in alert_tests(name, alert, domain, pack)
                if any(question["exp_samples"] for question in test["promql_expr_test"])
            ]
            test, interval = min(fires, key=lambda paced: paced.evaluations)
            at = next(question["eval_time"] for question in test["promql_expr_test"] if question["exp_samples"])
            rules = list(alert_rules(name, alert, domain, pack, recorded))
            groups = [recording_group(domain, pack), {"name": "alerts", "rules": rules}]
            (root / f"{name}.rules.yml").write_text(write_yaml({"groups": groups}), encoding="utf-8")
            asked = {"eval_time": at, "alertname": str(name), "exp_alerts": [{"exp_labels": {"none": "such"}}]}
            case = {"interval": test["interval"], "input_series": test["input_series"], "alert_rule_test": [asked]}
            document = {"rule_files": [f"{name}.rules.yml"], "evaluation_interval": interval, "tests": [case]}
            files.append(f"{name}.yml")
            (root / files[-1]).write_text(write_yaml(document), encoding="utf-8")
    output = programs.run("promtool", ["test", "rules", *files], cwd=root).output
    return {name: dict(_TEXT.findall(text.partition("got:")[2])) for name, text in _CASE.findall(output)}


def test_every_alert_says_something_in_both_languages_and_leads_on(shown: dict[str, dict[str, str]]) -> None:
    assert set(shown) == set(map(str, load_pack().alerts))
    keys = {"summary", "description", "summary_zh", "description_zh", "runbook_url", "dashboard_url"}
    assert {name: keys - set(texts) for name, texts in shown.items() if keys - set(texts)} == {}
    assert [name for name, texts in shown.items() if not re.search("[\u4e00-\u9fff]", texts["description_zh"])] == []


def test_no_text_has_a_hole_or_an_error_in_it(shown: dict[str, dict[str, str]]) -> None:
    wrong = re.compile(r"<no value>|<error|\{\{|%!|\bmap\[| [,.;]|\(\)| {2}")
    found = {(name, key): text for name, texts in shown.items() for key, text in texts.items() if wrong.search(text)}
    assert found == {}


def test_texts_that_look_up_the_worst_part_name_it(shown: dict[str, dict[str, str]]) -> None:
    assert "Worst: link 0, crc_data." in shown["GpuNvlinkErrors"]["description"]
    assert "It is io." in shown["HostPressureHigh"]["description"]
    assert "Longest silent: node1:9838, rank 0." in shown["TrainingHung"]["description"]
    assert "Worst: GPU 0 of node1:9838." in shown["TrainingSlowedByThrottling"]["description"]
