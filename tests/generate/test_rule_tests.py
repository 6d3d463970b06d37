"""How often rules are evaluated in the generated rule tests."""

from __future__ import annotations

from typing import Any

import pytest

from stoker.generate.rule_tests import evaluation


def asked(interval: str, *times: str) -> dict[str, Any]:
    return {"interval": interval, "promql_expr_test": [{"eval_time": time} for time in times]}


@pytest.mark.parametrize(
    ("tests", "pace"),
    [
        ([asked("1m", "5m", "2h")], "15s"),
        ([asked("1m", "5m"), asked("5m", "2h1m")], "1m"),
        ([asked("1h", "3h", "5d")], "1h"),
        ([asked("1h", "3h", "5d"), asked("1m", "5m")], "1m"),
        ([asked("1h", "3h30m", "5d")], "1m"),
        ([asked("10m", "3h", "5d")], "1m"),
        ([], "15s"),
    ],
)
def test_what_goes_on_for_days_by_full_hours_is_evaluated_each_hour(tests: list[dict[str, Any]], pace: str) -> None:
    assert evaluation(tests) == pace
