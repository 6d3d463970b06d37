"""The table of XID codes decides which alert takes an event, and what it says; users may change it."""

from __future__ import annotations

import re

import pytest

from stoker.config.settings import RawPart
from stoker.documents import Problems, read_yaml
from stoker.spec.pack import Pack, load_pack
from stoker.spec.promql import selectors
from stoker.spec.xid import FATAL, NON_FATAL, alert_class, shipped_xids, sxid_severity

TABLE = shipped_xids()
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
NAMES = ("GpuXidCritical", "GpuXidWarning")
EVENTS = ("stoker_gpu_xid_errors_total", "stoker_gpu_xid_last_timestamp_seconds")
SHIPPED = load_pack()


def conditions(pack: Pack) -> dict[str, str]:
    """The expressions of both alerts, what only guards them aside."""
    return {name: pack.alerts[name].texts()[0].partition("unless on")[0] for name in NAMES}


CONDITIONS = conditions(SHIPPED)
CODES = [*sorted(TABLE.xids, key=int), "14", "61", "999"]


def speaks(alert: str, metric: str, code: str, severity: str, found: dict[str, str] = CONDITIONS) -> bool:
    """Whether a selector of the alert's metric takes an event of this code."""
    labels = {"xid": code, "severity": severity}
    return any(
        all(_holds(labels.get(name, ""), sign, text) for name, sign, text in MATCHER.findall(selector.matchers))
        for selector in selectors(found[alert])
        if selector.name == metric
    )


def _holds(value: str, sign: str, text: str) -> bool:
    found = value == text if sign in ("=", "!=") else re.fullmatch(text, value) is not None
    return found is not sign.startswith("!")


@pytest.mark.parametrize("metric", EVENTS)
@pytest.mark.parametrize("severity", [FATAL, NON_FATAL, ""])
def test_each_code_is_taken_by_the_alert_of_its_class_and_by_no_other(metric: str, severity: str) -> None:
    for code in CODES:
        by_line = code in TABLE.xids and TABLE.xids[code].class_ == "by_line"
        if severity and not by_line:
            continue  # no line of these names a severity
        worth = alert_class(TABLE, code, severity)
        assert speaks("GpuXidCritical", metric, code, severity) is (worth == "critical"), (code, severity)
        assert speaks("GpuXidWarning", metric, code, severity) is (worth == "warning"), (code, severity)


def test_an_unknown_code_is_a_warning() -> None:
    assert alert_class(TABLE, "999") == "warning"


def test_a_recovery_action_that_is_withdrawn_is_nothing_and_one_that_is_asked_for_is_critical() -> None:
    assert alert_class(TABLE, "154", NON_FATAL) == "ignore"
    assert alert_class(TABLE, "154", FATAL) == "critical"


def test_an_sxid_whose_line_does_not_say_how_bad_it_is_goes_by_the_table() -> None:
    assert [sxid_severity(code) for code in ("23008", "20034", "10003", "99999")] == [FATAL, FATAL, NON_FATAL, FATAL]


def test_no_word_of_the_table_is_left_over() -> None:
    for name in NAMES:
        alert = SHIPPED.alerts[name]
        book = alert.runbook
        texts = [*alert.texts(), alert.summary, alert.summary_zh, alert.description, alert.description_zh]
        assert not [text for text in (*texts, book.meaning, book.look, book.fix) if "{xids:" in text]


def test_the_texts_and_the_runbook_say_what_a_code_means_and_what_to_do() -> None:
    alert = SHIPPED.alerts["GpuXidCritical"]
    assert 'if eq $labels.xid "79" }}the GPU has fallen off the bus{{' in alert.summary
    assert "Drain the node and restart it" in alert.description
    assert "GPU 已从总线掉落" in alert.summary_zh
    for name, worth in zip(NAMES, ("critical", "warning"), strict=True):
        for code, xid in TABLE.xids.items():
            assert (f"- {code}: {xid.meaning}" in SHIPPED.alerts[name].runbook.meaning) is (
                worth in (alert_class(TABLE, code, FATAL), alert_class(TABLE, code, NON_FATAL))
            ), (name, code)


def test_the_texts_of_a_switchs_error_say_what_it_means() -> None:
    alert = SHIPPED.alerts["GpuNvswitchError"]
    means = "a link of the switch went down by a fault while it was trained or in use (LTSSM)"
    assert f'if match "^(20034)$" $labels.sxid }}}}{means}{{' in alert.summary
    assert "Look at cable, tray and GPU of that link" in alert.description
    assert "LTSSM" in alert.summary_zh
    assert f"- 20034: {means}." in alert.runbook.meaning
    assert not [
        code for code, sxid in TABLE.sxids.items() if (code in alert.runbook.meaning) is (sxid.fatal == "never")
    ]
    assert "GpuNvswitchError" not in changed('xids:\n  "63": {class: critical}\n')[0].changed


def changed(text: str) -> tuple[Pack, list[str]]:
    """The pack with the part `pack:` of a stoker.yaml, and its problems."""
    problems = Problems()
    node = read_yaml(text, "stoker.yaml", problems)
    assert node is not None
    pack = load_pack(RawPart(node=node), problems)
    return pack, [str(problem) for problem in problems]


def test_a_user_may_say_what_a_code_is_worth_and_everything_follows() -> None:
    pack, problems = changed(
        """xids:
  "63": {class: critical, do: Call us.}
  "79": {class: ignore}
  "200": {class: warning, meaning: a code of ours}
"""
    )
    assert problems == []
    found = conditions(pack)
    for metric in EVENTS:
        worth = {
            code: [name for name in NAMES if speaks(name, metric, code, "", found)]
            for code in ("63", "79", "200", "48")
        }
        assert worth == {"63": [NAMES[0]], "79": [], "200": [NAMES[1]], "48": [NAMES[0]]}
    critical, warning = (pack.alerts[name] for name in NAMES)
    assert 'if eq $labels.xid "63" }}NVIDIA\'s immediate action: none. Call us.{{' in critical.description
    assert "a row of memory, or a page, was marked" in critical.runbook.meaning
    assert "- 79:" not in critical.runbook.meaning
    assert "- 200: a code of ours." in warning.runbook.meaning
    assert pack.xids is not None
    assert pack.xids.xids["63"].class_ == "critical"
    assert set(NAMES) <= pack.changed  # the cases of the shipped table do not hold for this one


@pytest.mark.parametrize(
    ("line", "where", "wrong"),
    [
        ('"abc": {class: critical}', "stoker.yaml:2:3", "abc is no XID"),
        ('"063": {class: critical}', "stoker.yaml:2:3", "063 is no XID"),
        ('"1024": {class: critical}', "stoker.yaml:2:3", "1024 is told as `other`"),
        ('"79": {class: by_line}', "stoker.yaml:2:17", "the line of XID 79 does not say how bad it is"),
        ('"79": {class: fatal}', "stoker.yaml:2:17", "fatal"),
        ('"79": {klass: critical}', "stoker.yaml:2:10", "klass"),
    ],
)
def test_a_change_that_makes_no_sense_is_told_with_its_place(line: str, where: str, wrong: str) -> None:
    _, problems = changed(f"xids:\n  {line}\n")
    assert len(problems) == 1
    assert problems[0].startswith(where)
    assert wrong in problems[0]
