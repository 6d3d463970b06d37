"""The table of XID codes and the matchers of the two alerts made from it say the same."""

from __future__ import annotations

import re

import pytest

from stoker.spec.pack import load_pack
from stoker.spec.promql import selectors
from stoker.spec.xid import FATAL, NON_FATAL, alert_class, shipped_xids

TABLE = shipped_xids()
MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
EVENTS = ("stoker_gpu_xid_errors_total", "stoker_gpu_xid_last_timestamp_seconds")
CONDITIONS = {
    name: alert.texts()[0].partition("unless on")[0]  # what only guards it aside
    for name, alert in load_pack().alerts.items()
    if name.startswith("GpuXid")
}
CODES = [*sorted(TABLE.xids, key=int), "14", "61", "999"]


def speaks(alert: str, metric: str, code: str, severity: str) -> bool:
    """Whether a selector of the alert's metric takes an event of this code."""
    labels = {"xid": code, "severity": severity}
    return any(
        all(_holds(labels.get(name, ""), sign, text) for name, sign, text in MATCHER.findall(selector.matchers))
        for selector in selectors(CONDITIONS[alert])
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
