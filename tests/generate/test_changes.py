"""What users change in stoker.yaml is in the rules, and the tests that are written for them hold in promtool."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from packs import only, pack_of
from stoker.generate.rule_tests import rule_tests
from stoker.generate.rules import rules
from stoker.sources import programs
from stoker.spec.examples import matching

if TYPE_CHECKING:
    from pathlib import Path


def made(text: str, alert: str, folder: Path) -> list[dict[str, Any]]:
    """The rules of one alert with a user's part `pack:`; their tests hold in promtool."""
    pack, problems = pack_of(text)
    assert [str(problem) for problem in problems] == []
    found = []
    for artifact in [*rules(only(pack, [alert])), *rule_tests(only(pack, [alert]))]:
        file = folder / artifact.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(artifact.content)
        if artifact.path.startswith("rules/alerts/"):
            groups = yaml.safe_load(artifact.content)["groups"]
            found += [rule for group in groups for rule in group["rules"] if rule.get("alert") == alert]
    tests = sorted(str(path) for path in folder.glob("rules/tests/*.yml"))
    assert tests
    done = programs.run("promtool", ["test", "rules", *tests])
    assert done.code == 0, done.output
    return found


def test_a_bound_and_a_time(tmp_path: Path) -> None:
    first, second = made("alerts: {HostMemoryHigh: {warning: 0.85, for: 1m}}", "HostMemoryHigh", tmp_path)
    assert (first["labels"]["severity"], second["labels"]["severity"]) == ("critical", "warning")
    assert first["expr"].endswith("> 0.95")
    assert second["expr"].endswith("> 0.85")
    assert first["for"] == second["for"] == "1m"


def test_a_severity(tmp_path: Path) -> None:
    (rule,) = made("alerts: {GpuMemoryHigh: {severity: warning}}", "GpuMemoryHigh", tmp_path)
    assert rule["labels"] == {"severity": "warning"}


def test_a_severity_of_an_alert_with_levels_is_no_parameter() -> None:
    _, problems = pack_of("alerts: {HostMemoryHigh: {severity: info}}")
    assert "HostMemoryHigh has no parameter severity" in str(next(iter(problems)))


def test_an_alert_that_is_off_has_no_rule(tmp_path: Path) -> None:
    pack, _ = pack_of("alerts: {GpuDown: {enabled: false}}")
    assert not any("alert: GpuDown" in artifact.content for artifact in rules(pack))
    assert made("{}", "GpuDown", tmp_path)


@pytest.mark.parametrize("selector", ['job="nodes"', 'job=~"nodes|agents", env!="test"', 'env=~"prod-\\\\d+.*"'])
def test_the_selector_of_the_scrape_job(selector: str, tmp_path: Path) -> None:
    (rule,) = made(f"selector: '{selector}'\nscrape_interval: 60s", "GpuDown", tmp_path)
    assert f"stoker_gpu_up{{{selector}}}" in rule["expr"]


def test_an_override_holds_where_it_matches_and_the_first_one_wins(tmp_path: Path) -> None:
    text = """
overrides:
  - match: {run: "pretrain-.*"}
    TrainingStalled: {above: 20000}
  - match: {run: "pretrain-x|sft"}
    TrainingStalled: {above: 100}
"""
    first, second, rest = made(text, "TrainingStalled", tmp_path)
    assert re.search(r'run=~"pretrain-\.\*".*> 20000\b', first["expr"], re.DOTALL)
    for rule, bound, taken in ((second, 100, ["pretrain-.*"]), (rest, 5000, ["pretrain-.*", "pretrain-x|sft"])):
        own, *without = rule["expr"].split("\nunless on (cluster, run) ")
        assert re.search(rf"> {bound}\b", own)
        assert len(without) == len(taken)
        for pattern, part in zip(taken, without, strict=True):
            assert f'run=~"{pattern}"' in part


def test_an_override_may_name_the_model_of_a_gpu(tmp_path: Path) -> None:
    text = 'overrides: [{match: {name: "NVIDIA A100.*"}, GpuTemperatureHigh: {margin: 2}}]'
    special, rest = made(text, "GpuTemperatureHigh", tmp_path)
    assert 'and on (instance, uuid) stoker_gpu_info{name=~"NVIDIA A100.*"' in special["expr"]
    assert "<= 2" in special["expr"]
    assert "<= 5" in rest["expr"]


@pytest.mark.parametrize(
    ("selector", "says"),
    [
        ("job=stoker", "job=stoker is no selector: "),
        ('{job="stoker"}', '{job="stoker"} is no selector: '),
        ('job="stoker', 'job="stoker is no selector: '),
        ("", "'' is no selector; "),
        ('env=~"(a"', 'env=~"(a" is no selector: '),
    ],
)
def test_a_selector_that_is_none(selector: str, says: str) -> None:
    _, problems = pack_of(f"selector: '{selector}'")
    (problem,) = problems
    assert str(problem).startswith(f"stoker.yaml:1:12: selector: {says}")


@pytest.mark.parametrize(
    ("pattern", "usual", "value"),
    [
        ("prod|dev", "stoker", "prod"),
        ("stoker|dev", "dev", "dev"),
        (r"node\d+-[x-z]{2}.*", "", "node0-xx"),
        ("(a|b)+[^c]?", "", "a"),
        (r"[\w.]+:\S", "", "a:x"),
    ],
)
def test_a_value_that_an_expression_matches(pattern: str, usual: str, value: str) -> None:
    assert matching(pattern, usual) == value


@pytest.mark.parametrize("pattern", ["a(?=b)", "(a"])
def test_no_value_is_made_up_where_none_is_found(pattern: str) -> None:
    with pytest.raises(ValueError, match=re.escape(pattern)):
        matching(pattern)
