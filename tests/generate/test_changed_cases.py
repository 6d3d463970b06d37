"""What users change: the rules that come of it and their generated tests agree, in promtool, for odd numbers too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from packs import LABELLESS, only, pack_of
from stoker.generate.rule_tests import rule_tests
from stoker.generate.rules import rules
from stoker.sources import programs

if TYPE_CHECKING:
    from pathlib import Path

CHANGES = {
    "no share at all": "alerts: {DataLoadFailuresHigh: {above: 0}}",
    "nearly all of it": "alerts: {ServeErrorRateHigh: {above: 0.99}}",
    "any traffic is enough": "alerts: {ServeErrorRateHigh: {minimum: 0}}",
    "a short window": "alerts: {ServeErrorRateHigh: {over: 1m}, HostOomKill: {over: 2m}}",
    "a window of a week": "alerts: {GpuPcieReplays: {over: 7d}}",
    "events that go on for longer than the window": "alerts: {StokerAuthFailures: {for: 37m}, GpuNvswitchError: {for: 1h}}",
    "no whole minutes": "alerts: {GpuDown: {for: 45s}, HostFilesystemFillingUp: {for: 45s}, ServeErrorRateHigh: {for: 50s}}",
    "goes on firing for long": "alerts: {StokerLogUnparsed: {keep_firing_for: 17m}, GpuDown: {keep_firing_for: 90s}}",
    "another job and cluster": (
        'selector: job=~"gpu-.*|nodes",cluster="prod"\n'
        "  scrape_interval: 60s\n"
        "  alerts: {HostMemoryHigh: {warning: 0.8}, GpuMissing: {for: 3m}, HostOomKill: {over: 1h}}"
    ),
    "not that job": 'selector: job!="stoker"\n  alerts: {HostMemoryHigh: {warning: 0.8}}',
    "an override for the machine of the examples": (
        "overrides:\n"
        '    - match: {instance: "node1.*"}\n'
        "      HostMemoryHigh: {warning: 0.5}\n"
        "      HostOomKill: {over: 2h}\n"
        "      ServeErrorRateHigh: {above: 0.5}"
    ),
    "an override that switches off": 'overrides: [{match: {instance: "node1.*"}, HostOomKill: {enabled: false}}]',
    "overrides for others": (
        "overrides:\n"
        '    - match: {instance: "login-1.*"}\n'
        "      HostMemoryHigh: {warning: 0.5}\n"
        '    - match: {instance: "login.*"}\n'
        "      HostMemoryHigh: {enabled: false}"
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_alerts_pass_their_own_tests(change: str, tmp_path: Path) -> None:
    pack, problems = pack_of(f"  {CHANGES[change]}\n")
    assert [str(problem) for problem in problems] == []
    names = [*pack.changed, *(name for override in pack.overrides for name in override.alerts)]
    made = [*rules(only(pack, names)), *rule_tests(only(pack, names))]
    for artifact in made:
        target = tmp_path / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(artifact.content)
    tests = sorted(str(file) for file in (tmp_path / "rules/tests").glob("*.yml"))
    assert tests or "switches off" in change
    done = programs.run("promtool", ["test", "rules", *tests]) if tests else None
    assert done is None or done.code == 0, done.output


def test_the_numbers_of_an_override_are_the_ones_that_are_proved() -> None:
    pack, _ = pack_of('  overrides: [{match: {instance: "node1.*"}, HostMemoryHigh: {warning: 0.5}}]\n')
    [text] = [each.content for each in rule_tests(only(pack, ["HostMemoryHigh"])) if "host" in each.path]
    assert "warning: above 0.5" in text
    assert "warning: above 0.9" not in text


IMPOSSIBLE = {
    "a share above all": ("ServeErrorRateHigh: {above: 1}", 31, "no share of a whole is above 1"),
    "a counter that shrinks": ("HostOomKill: {above: -1}", 24, "every counter grows by more than -1"),
    "none in a row": ("TrainingAccuracyDeclining: {at_least: 0}", 41, "at least 0 in a row is always so"),
}


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_bound_that_says_nothing_is_told_in_one_line(what: str) -> None:
    change, column, says = IMPOSSIBLE[what]
    _, problems = pack_of(f"alerts:\n  {change}\n")
    [line] = [str(problem) for problem in problems]
    assert line.startswith(f"stoker.yaml:2:{column}: bound: ")
    assert says in line


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ("      above: 0.1\n      below: 0.2\n", "above and below in one alert"),
        ("", "there is no bound"),
    ],
)
@pytest.mark.parametrize(
    "kind",
    [
        "kind: threshold\n      value: stoker_gpu_power_watts\n",
        "kind: ratio\n      part: stoker_log_matched_lines_total\n      whole: stoker_log_lines_total\n      over: 5m\n",
    ],
)
def test_an_alert_has_exactly_one_bound(kind: str, bounds: str, says: str) -> None:
    head = f"alerts:\n    MyAlert:\n      {kind}{bounds}      severity: info\n      by: [cluster, instance]\n"
    _, problems = pack_of(head + LABELLESS)
    [line] = [str(problem) for problem in problems if "no panel" not in problem.wrong]
    assert f": bound: MyAlert: {says}" in line


OVERRIDES = {
    "a look-behind": ('{run: "(?<=x)a"}', "TrainingHung: {interval_factor: 9}", "2:18: regex: (?<=x)a is no regular"),
    "a label nobody has": ('{nod: "a"}', "TrainingHung: {interval_factor: 9}", "2:13: override: TrainingHung knows no"),
    "percent": ('{instance: "a"}', "GpuUtilizationHigh: {above: 95}", "3:33: unit: GpuUtilizationHigh: "),
    "a share of all": ('{instance: "a"}', "ServeErrorRateHigh: {above: 1}", "3:33: bound: ServeErrorRateHigh: "),
}


@pytest.mark.parametrize("what", OVERRIDES)
def test_an_override_keeps_to_the_checks(what: str) -> None:
    match, change, expected = OVERRIDES[what]
    _, problems = pack_of(f"overrides:\n  - match: {match}\n    {change}\n")
    [line] = [str(problem) for problem in problems]
    assert line.startswith(f"stoker.yaml:{expected}")


def test_a_scrape_interval_of_nothing_is_told() -> None:
    _, problems = pack_of("scrape_interval: 0s\n")
    [line] = [str(problem) for problem in problems]
    assert "scrape-interval: a scrape interval of 0s" in line


def test_a_comma_at_the_end_of_the_selector_does_no_harm() -> None:
    pack, problems = pack_of("selector: 'job=\"a\",'\n")
    assert (list(problems), str(pack.selector)) == ([], 'job="a"')
