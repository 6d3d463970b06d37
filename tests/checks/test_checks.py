"""Each check finds its fault at its place, says what would be right, and leaves the right thing beside it alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from packs import pack_of
from stoker import checks

if TYPE_CHECKING:
    from collections.abc import Mapping

RIGHT: Mapping[str, str] = {
    "kind": "threshold",
    "severity": "warning",
    "by": "[cluster, instance, gpu, uuid]",
    "value": 'stoker_gpu_temperature_celsius{sensor="core"}',
    "above": "80",
    "for": "5m",
    "summary": '"GPU {{ $labels.gpu }} is at {{ $value | humanize }}"',
    "summary_zh": '"温度过高"',
    "description": '"{{ with $labels.instance }}Of {{ . }}.{{ end }}"',
    "description_zh": '"温度过高"',
    "panel": "Ours",
    "runbook": (
        "{meaning: The core has been hot for a while., impact: It will be slowed down soon., "
        "look: Look at `nvidia-smi` first., fix: Tell the people of the machine room.}"
    ),
}
PANEL = "panels: [{title: Ours, description: Core temperature., unit: celsius, expr: stoker_gpu_temperature_celsius}]\n"
EXPR = {
    "kind": "expr",
    "value": "",
    "above": "",
    "cases": "[{name: a, series: {up: 1x9}, fires: [{at: 6m}], quiet: [1m]}]",
}
COUNTER = "stoker_gpu_pcie_replays_total"
BY = "max by (cluster, instance, gpu, uuid)"


def found(name: str = "GpuVeryHot", more: str = PANEL, **changes: str) -> list[str]:
    """Line, column, rule and words of each problem of an alert with some of its keys changed; an empty text leaves a key out."""
    keys = {**RIGHT, **{key.rstrip("_"): text for key, text in changes.items()}}
    lines = [f"      {key}: {text}" for key, text in keys.items() if text]
    _, problems = pack_of("\n".join(["alerts:", f"    {name}:", *lines]) + "\n" + more)
    says = []
    for problem in problems:
        assert problem.position.file == "stoker.yaml"
        line, column = problem.position.line - 3, problem.position.column
        key = [key for key, text in keys.items() if text][line] if 0 <= line < len(lines) else "the rest"
        says.append(f"{key}:{column}: {problem.rule}: {problem.wrong}; {problem.right}")
    return says


def test_an_alert_that_is_right_is_left_alone() -> None:
    assert found() == []
    assert found(**EXPR, expr=f"{BY} (rate({COUNTER}[1m])) > 0.5") == []
    assert found(kind="increase", value="", metric=COUNTER, over="1m") == []


FAULTS: dict[str, tuple[dict[str, str], str]] = {
    "an unknown metric": (
        {"value": "stoker_gpu_temperatur_celsius"},
        "value:14: unknown-metric: stoker_gpu_temperatur_celsius does not exist; did you mean stoker_gpu_temperature_celsius?",
    ),
    "an unknown label": (
        {"value": 'stoker_gpu_temperature_celsius{sensr="core"}'},
        "value:14: unknown-label: stoker_gpu_temperature_celsius has no label sensr; did you mean sensor?",
    ),
    "a histogram without its suffix": (
        {**EXPR, "expr": "max by (cluster, instance, gpu, uuid) (stoker_serve_request_seconds) > 1"},
        (
            "expr:52: histogram: stoker_serve_request_seconds is a histogram and has no series of that name; name"
            " stoker_serve_request_seconds_bucket, _sum or _count"
        ),
    ),
    "percent for a ratio": (
        {"value": "stoker_gpu_utilization_ratio", "above": "80"},
        "above:14: unit: GpuVeryHot: stoker_gpu_utilization_ratio is a ratio, 0 to 1, and never 80; write 0.8",
    ),
    "a time for degrees": (
        {"above": "5m"},
        "above:14: unit: GpuVeryHot: stoker_gpu_temperature_celsius is no time; write a number of celsius",
    ),
    "degrees compared with watts": (
        {**EXPR, "expr": f"{BY} (stoker_gpu_temperature_celsius) > {BY} (stoker_gpu_power_watts)"},
        "expr:13: unit: GpuVeryHot: celsius and watts do not go together with >; convert one of them",
    ),
    "a rate over a gauge": (
        {**EXPR, "expr": f"{BY} (rate(stoker_gpu_power_watts[5m])) > 1"},
        "expr:57: rate-of-gauge: rate over the gauge stoker_gpu_power_watts; use delta or deriv, or a counter",
    ),
    "a rate over a gauge that the kind makes": (
        {"kind": "increase", "value": "", "metric": "stoker_gpu_power_watts", "over": "5m"},
        "metric:15: rate-of-gauge: increase over the gauge stoker_gpu_power_watts; use delta or deriv, or a counter",
    ),
    "a slope of a counter": (
        {**EXPR, "expr": f"{BY} (deriv({COUNTER}[5m])) > 1"},
        f"expr:58: delta-of-counter: deriv over the counter {COUNTER}; use rate or increase",
    ),
    "a raw counter": (
        {**EXPR, "expr": f"{BY} ({COUNTER}) > 5"},
        f"expr:52: raw-counter: the counter {COUNTER} is compared as it is; compare its increase or rate",
    ),
    "a raw counter that the kind compares": (
        {"value": COUNTER},
        f"value:14: raw-counter: the counter {COUNTER} is compared as it is; compare its increase or rate",
    ),
    "a short range": (
        {**EXPR, "expr": f"{BY} (increase({COUNTER}[5m]) + increase({COUNTER}[30s])) > 5"},
        "expr:136: short-range: GpuVeryHot looks back 30s; at least four scrape intervals, 1m",
    ),
    "a short range that is a parameter": (
        {"kind": "increase", "value": "", "metric": COUNTER, "over": "30s"},
        "over:13: short-range: GpuVeryHot looks back 30s; at least four scrape intervals, 1m",
    ),
    "an expression that does not parse": (
        {**EXPR, "expr": f"{BY} (stoker_gpu_power_watts > 1"},
        "expr:13: promql: GpuVeryHot: unclosed left parenthesis; correct the expression",
    ),
    "a parameter that is not there": (
        {**EXPR, "params": "{limit: 3}", "expr": f"{BY} (stoker_gpu_power_watts) > $limt"},
        "expr:78: unknown-parameter: GpuVeryHot has no parameter $limt; did you mean limit?",
    ),
    "a label that the expression loses": (
        {**EXPR, "expr": "max by (cluster, instance, gpu) (stoker_gpu_power_watts) > 900"},
        "expr:7: lost-label: GpuVeryHot: the expression loses the label uuid; it carries cluster, gpu, instance",
    ),
    "a label that the expression has too many": (
        {**EXPR, "expr": "max by (cluster, instance, gpu, uuid, sensor) (stoker_gpu_temperature_celsius) > 90"},
        "expr:7: extra-label: GpuVeryHot: the expression's result carries sensor too; aggregate it away, or add it to by",
    ),
    "a label that such an alert may not carry": (
        {"by": "[cluster, instance, gpu, uuid, sensor]"},
        "by:11: alert-labels: GpuVeryHot may not carry the label sensor; Gpu* alerts carry cluster, gpu, instance, uuid",
    ),
    "a label of the summary that is lost": (
        {"summary": '"{{ $labels.mountpoint }} is hot"'},
        "summary:20: lost-label: GpuVeryHot: summary uses the label mountpoint; it carries cluster, instance, gpu, uuid",
    ),
    "a template that is not closed": (
        {"summary": '"GPU {{ $labels.gpu is hot"'},
        "summary:21: template: GpuVeryHot: summary: {{ is not closed; close every {{ with }} and every block with {{ end }}",
    ),
    "a block without end": (
        {"description": '"{{ with $labels.gpu }}x"'},
        (
            "description:21: template: GpuVeryHot: description: a block has no {{ end }}; close every {{ with }} and every"
            " block with {{ end }}"
        ),
    ),
    "a function that is none": (
        {"summary": '"at {{ $value | humanise }}"'},
        "summary:32: template: GpuVeryHot: summary: there is no function humanise; did you mean humanize?",
    ),
    "a quote that is escaped in the template": (
        {"summary": "'{{ $labels.gpu | printf \\\"%s\\\" }}'"},
        'summary:41: template: GpuVeryHot: summary: \\ has no meaning there; quote texts with plain " or `',
    ),
    "a summary of several lines": (
        {"summary": '"one\\ntwo"'},
        "summary:17: template: GpuVeryHot: summary has several lines; put details into the description",
    ),
    "a text that is not Chinese": (
        {"summary_zh": "too hot"},
        "summary_zh:19: template: GpuVeryHot: summary_zh is not in Chinese; write it in Chinese",
    ),
    "a runbook that says nothing": (
        {
            "runbook": "{meaning: hot, impact: It will be slowed down soon., look: Look at `nvidia-smi` first., fix: Tell the room.}"
        },
        "runbook:16: runbook: GpuVeryHot: the runbook's meaning says nothing; write what helps at night",
    ),
    "no runbook": ({"runbook": ""}, "kind:7: missing-key: runbook is missing; add runbook: The runbook page"),
    "no case": (
        {**EXPR, "cases": "", "expr": f"{BY} (stoker_gpu_power_watts) > 900"},
        "kind:7: cases: GpuVeryHot has no case in which it fires; write one",
    ),
    "a critical alert without a case by hand": (
        {"severity": "critical"},
        "kind:7: cases: GpuVeryHot is critical and has no hand-written case in which it fires; write one",
    ),
    "a case of a metric that is not there": (
        {"cases": "[{name: a, series: {stoker_gpu_pwr_watts: 1x9}, fires: [{at: 6m}], quiet: [1m]}]"},
        "cases:34: unknown-metric: GpuVeryHot: a case uses stoker_gpu_pwr_watts; did you mean stoker_gpu_power_watts?",
    ),
    "a panel that is not there": (
        {"panel": "Their"},
        "panel:14: panel: GpuVeryHot: no panel is called 'Their'; add the panel to the dashboard of custom",
    ),
    "a kind that is none": (
        {"kind": "thresold"},
        "kind:13: kind: thresold is no kind of alert; did you mean threshold?",
    ),
    "a key that is none": ({"abov": "3"}, "abov:7: unknown-key: abov is no key here; did you mean above?"),
    "a level that is none": (
        {"severity": "", "above": "", "levels": "{critical: {above: 90}, fatal: {above: 99}}"},
        "levels:39: severity: GpuVeryHot: fatal is no severity; one of critical, warning, info, none",
    ),
    "no level at all": (
        {"severity": ""},
        "kind:7: severity: GpuVeryHot has neither severity nor levels; severity: warning",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_in_one_line_at_its_place(fault: str) -> None:
    changes, says = FAULTS[fault]
    assert says in found(**changes)


def test_all_faults_are_told_at_once() -> None:
    says = found(value="stoker_gpu_temperatur_celsius", summary='"{{ $labels.mountpoint }}"', panel="Their", above="5m")
    assert [each.split(": ")[1] for each in says] == ["unknown-metric", "lost-label", "panel"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gpu_hot", "name: gpu_hot is no alert name; as in GpuTemperatureHigh"),
        ("GpuDown", "duplicate-name: the alert GpuDown is declared twice; rename one"),
    ],
)
def test_a_name_that_is_none_or_taken(name: str, says: str) -> None:
    assert says in " ".join(found(name))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "recordings: {gpu_power: {expr: stoker_gpu_power_watts}}",
            "1:14: name: gpu_power is not level:metric:operation; as in instance:stoker_gpu_utilization_ratio:avg1h",
        ),
        (
            "overrides: [{match: {run: 'a(b'}, TrainingHung: {interval_factor: 9}}]",
            "1:27: regex: a(b is no regular expression: missing ), unterminated subpattern at position 1; RE2, anchored",
        ),
        (
            "overrides: [{match: {mountpoint: /data}, TrainingHung: {interval_factor: 9}}]",
            "1:22: override: TrainingHung knows no label mountpoint; labels of TrainingHung: ",
        ),
        (
            "metrics: {stoker_own_total: {type: gauge, help: Own}}",
            "1:11: metric: ",
        ),
        (
            "formats: {own: {patterns: [{sample: loss 3, regex: 'lss (?P<l>{number})', set: {stoker_train_loss: l}}]}}",
            "1:37: sample: own: the pattern does not read its own sample; correct the pattern or the sample",
        ),
        (
            "formats: {own: {patterns: [{sample: power 3, regex: 'power (?P<w>{int})', set: {stoker_gpu_power_watts: w}}]}}",
            "1:81: collected: own: stoker_gpu_power_watts is read by a collector; a log would expose it a second time; ",
        ),
        (
            "formats: {own: {patterns: [{sample: aa, regex: '(a+)+$', set: {}}]}}",
            "a repetition without bound stands around something that can be cut in several ways",
        ),
    ],
)
def test_faults_outside_of_alerts(text: str, says: str) -> None:
    _, problems = pack_of(text)
    assert says in "\n".join(str(problem).removeprefix("stoker.yaml:") for problem in problems)


def test_every_check_is_in_the_list() -> None:
    files = {path.stem for path in Path(checks.__file__).parent.glob("*.py")} - {"__init__", "view"}
    assert {each.__module__.rsplit(".", 1)[1] for each in checks.CHECKS} == files


def test_a_required_key_that_is_misspelled_is_told_once() -> None:
    says = found(value="", vaule="stoker_gpu_power_watts")
    assert says == ["vaule:7: unknown-key: vaule is no key here; did you mean value?"]
