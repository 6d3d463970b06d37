"""Bounds fit what they bound: a share is written as a ratio, also by somebody who thinks in percent."""

from __future__ import annotations

import pytest

from packs import pack_of


@pytest.mark.parametrize(
    ("change", "column", "says"),
    [
        (
            "HostMemoryHigh: {warning: 85}",
            29,
            "what the panel Memory used shows is a ratio, 0 to 1, and never 85; write 0.85",
        ),
        ("HostMemoryHigh: {critical: {above: 97}}", 30, "and never 97; write 0.97"),
        ("ServeErrorRateHigh: {above: 5}", 31, "a part of the whole is a ratio, 0 to 1, and never 5; write 0.05"),
        ("GpuMemoryHigh: {above: 90}", 26, "and never 90; write 0.9"),
    ],
)
def test_a_share_in_percent_is_told_where_it_stands(change: str, column: int, says: str) -> None:
    _, problems = pack_of(f"alerts:\n  {change}\n")
    assert [str(problem).startswith(f"stoker.yaml:2:{column}: unit: ") for problem in problems] == [True]
    assert str(next(iter(problems))).endswith(says)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("HostMemoryHigh: {warning: 0.85}", {"above": 0.85}),
        ("GpuTemperatureHigh: {warning: 90}", {"above": 90, "margin": 5}),
        ("GpuTemperatureHigh: {warning: {margin: 3, for: 1m}}", {"above": 85, "margin": 3}),
    ],
)
def test_the_number_of_a_level_changes_what_it_is_compared_with(change: str, expected: dict[str, float]) -> None:
    pack, problems = pack_of(f"alerts:\n  {change}\n")
    assert not problems.found, list(problems)
    params = pack.alerts[change.split(":", maxsplit=1)[0]].resolved()[-1].params
    assert {name: params[name] for name in expected} == expected


def test_a_number_that_could_be_any_of_several_has_to_be_named() -> None:
    _, problems = pack_of("alerts:\n  HostPressureHigh: {warning: 0.3}\n")
    says = "a number alone does not say what it changes; name one of its parameters: enabled, for, keep_firing_for, over, share"
    assert [str(problem) for problem in problems] == [f"stoker.yaml:2:31: unknown-parameter: {says}"]


@pytest.mark.parametrize("change", ["HostMemoryHigh: {warning: 85%}", "GpuTemperatureHigh: {warning: 85%}"])
def test_a_level_that_is_no_number_is_told_by_the_name_that_was_written(change: str) -> None:
    _, problems = pack_of(f"alerts:\n  {change}\n")
    says = "type: warning is the text '85%'; it has to be a number, such as 0.85 for 85 %, or a duration such as 30s, 5m or 1h30m"
    assert [str(problem) for problem in problems] == [f"stoker.yaml:2:{change.index('85%') + 3}: {says}"]
