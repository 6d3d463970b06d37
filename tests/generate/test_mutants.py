"""What mutation changes in a rule, and in which order the cases are asked."""

from __future__ import annotations

import pytest

from stoker.generate.mutants import mutants
from stoker.generate.mutation import Paced, rounds


def changed(expr: str, given: str = "", **more: str) -> dict[str, str]:
    """What was done to the rule, and the expression that came of it, blanks made one."""
    rule = {"alert": "A", "expr": expr, **more}
    return {mutant.what: " ".join(str(mutant.rule["expr"]).split()) for mutant in mutants(rule, given)}


@pytest.mark.parametrize(
    ("expr", "left"),
    [
        ("a > 1 or b > 2", {"a > 1", "b > 2"}),
        ("a or b or c", {"b or c", "a or c", "a or b"}),
        ("a or on (x) b", {"a", "b"}),
        ("a and b unless c", {"a unless c", "a and b"}),
        ("a and on (x, y) b or c", {"a or c", "c", "a and on (x, y) b"}),
        ("max(a or b) and c", {"max(b) and c", "max(a ) and c", "max(a or b)"}),
        ("f(a, b or c)", {"f(a, b )", "f(a, c)"}),
    ],
)
def test_each_operand_is_left_out_once(expr: str, left: set[str]) -> None:
    assert {text for what, text in changed(expr).items() if what.startswith("this was left out")} == left


def test_matchers_are_turned_and_left_out_but_for_the_one_that_every_rule_has() -> None:
    found = changed('m{t=~"u|v",job="stoker",s!="w"}', 'job="stoker"')
    assert found == {
        't=~"u|v" became t!~"u|v"': 'm{t!~"u|v",job="stoker",s!="w"}',
        't=~"u|v" was left out': 'm{job="stoker",s!="w"}',
        's!="w" became s="w"': 'm{t=~"u|v",job="stoker",s="w"}',
        's!="w" was left out': 'm{t=~"u|v",job="stoker"}',
    }


def test_a_matcher_that_joined_metrics_share_is_left_out_of_all_of_them() -> None:
    left = {
        mutant.rule["expr"]
        for mutant in mutants({"expr": 'a{t="x"} / b{t="x"} or d{t="x"} and on (y) e{t="x"}'})
        if mutant.what == 't="x" was left out'
    }
    assert left == {
        'a{} / b{} or d{t="x"} and on (y) e{t="x"}',
        'a{t="x"} / b{t="x"} or d{} and on (y) e{t="x"}',
        'a{t="x"} / b{t="x"} or d{t="x"} and on (y) e{}',
    }


def test_numbers_inside_braces_and_names_of_labels_are_not_taken_for_operators() -> None:
    assert changed('m{x="a > 5 or b"}') == {
        'x="a > 5 or b" became x!="a > 5 or b"': 'm{x!="a > 5 or b"}',
        'x="a > 5 or b" was left out': "m{}",
    }


def test_the_step_of_a_subquery_is_changed_where_it_counts() -> None:
    assert "1m became 2m in the expression" in changed("count_over_time(m[30m:1m])")
    assert "30s became 15s in the expression" in changed("sum_over_time((a or b)[15m:30s])")
    assert "10m became 20m in the expression" not in changed("last_over_time((min by (x) (m))[2d:10m])")
    assert "1h became 2h in the expression" not in changed('max by (x) (max_over_time(m{a="b"}[2d:1h]))')
    assert "1h became 2h in the expression" in changed('max_over_time(m{a="b"}[1d]) or avg_over_time(m{a="b"}[2d:1h])')


def test_labels_of_every_kind_of_list_are_taken_out() -> None:
    for word in ("by", "without"):
        assert changed(f"sum {word} (x, y) (m)")["x taken out of a label list"] == f"sum {word} (y) (m)"
    for word in ("on", "ignoring"):
        assert changed(f"a / {word} (x) b")["x taken out of a label list"] == f"a / {word} () b"


def test_holding_times_are_doubled_and_halved() -> None:
    assert set(changed("m", **{"for": "10m", "keep_firing_for": "1h"})) == {
        "for: 10m became 20m",
        "for: 10m became 5m",
        "keep_firing_for: 1h became 2h",
        "keep_firing_for: 1h became 30m",
    }


def lasting(minutes: int) -> Paced:
    return Paced({"promql_expr_test": [{"eval_time": f"{minutes}m"}]}, "1m")


def test_cases_are_asked_once_each_short_ones_first_and_long_ones_alone() -> None:
    groups = list(rounds([lasting(minutes) for minutes in (2000, 5, 90, 6, 300, 7)]))
    assert [each for group in groups for each in group] == [lasting(minutes) for minutes in (5, 6, 7, 90, 300, 2000)]
    assert groups[0][:3] == [lasting(5), lasting(6), lasting(7)]
    assert len(groups) > 1
