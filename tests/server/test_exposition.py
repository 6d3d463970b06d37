"""The page is what Prometheus's own parsers read, whatever the values and labels are, and one wrong series never costs it."""

from __future__ import annotations

import logging
import math
import subprocess
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser as text_parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from stoker.catalog import catalog
from stoker.metrics import Desc, HistogramValue, Kind, Sample
from stoker.server.exposition import Exposition, number
from stoker.sources import programs
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from prometheus_client.metrics_core import Metric

GAUGE = Desc("stoker_test_depth", Kind.GAUGE, "Depth of the test", ("a", "b"))
COUNTER = Desc("stoker_test_events_total", Kind.COUNTER, "Events of the test")
HISTOGRAM = Desc("stoker_test_seconds", Kind.HISTOGRAM, "Duration of the test", ("a",), bounds=(0.1, 1, 1e6))


def text(samples: Iterable[Sample]) -> str:
    return Exposition().render(samples).decode()


def openmetrics(samples: Iterable[Sample]) -> str:
    return Exposition().render(samples, openmetrics=True).decode()


def read_text(page: str) -> Iterable[Metric]:
    return text_parser.text_string_to_metric_families(page)


def read_openmetrics(page: str) -> Iterable[Metric]:
    found: Iterable[Metric] = openmetrics_parser.text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
    return found


def test_the_text_format() -> None:
    samples = [
        Sample(HISTOGRAM, ("x",), HistogramValue((1, 2, 0, 3), 7.5)),
        Sample(COUNTER, (), 3.0),
        Sample(GAUGE, ("", "y"), 0.25),
        Sample(GAUGE, ("", ""), -1),
    ]
    assert text(samples) == (
        "# HELP stoker_test_depth Depth of the test\n"
        "# TYPE stoker_test_depth gauge\n"
        'stoker_test_depth{b="y"} 0.25\n'
        "stoker_test_depth -1\n"
        "# HELP stoker_test_events_total Events of the test\n"
        "# TYPE stoker_test_events_total counter\n"
        "stoker_test_events_total 3\n"
        "# HELP stoker_test_seconds Duration of the test\n"
        "# TYPE stoker_test_seconds histogram\n"
        'stoker_test_seconds_bucket{a="x",le="0.1"} 1\n'
        'stoker_test_seconds_bucket{a="x",le="1.0"} 3\n'
        'stoker_test_seconds_bucket{a="x",le="1000000.0"} 3\n'
        'stoker_test_seconds_bucket{a="x",le="+Inf"} 6\n'
        'stoker_test_seconds_sum{a="x"} 7.5\n'
        'stoker_test_seconds_count{a="x"} 6\n'
    )


def test_openmetrics_names_counters_without_total_and_ends_with_eof() -> None:
    assert openmetrics([Sample(COUNTER, (), 3)]) == (
        "# HELP stoker_test_events Events of the test\n"
        "# TYPE stoker_test_events counter\n"
        "stoker_test_events_total 3\n"
        "# EOF\n"
    )


def test_a_page_of_nothing() -> None:
    assert (text([]), openmetrics([])) == ("", "# EOF\n")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (True, "1"),
        (-0.0, "0"),
        (1.0, "1"),
        (0.1, "0.1"),
        (-2.5, "-2.5"),
        (1e15, "1000000000000000"),
        (2**63, "9223372036854775808"),
        (1e300, "1e+300"),
        (5e-324, "5e-324"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    assert number(value) == written


@given(st.one_of(st.integers(-(2**64), 2**64), st.floats(allow_nan=False)))
def test_no_number_loses_anything(value: float) -> None:
    assert float(number(value)) == float(value)


def only(families: Iterable[Metric]) -> Metric:
    (family,) = families
    return family


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(min_size=1))
def test_any_label_value_survives_both_formats(first: str, second: str) -> None:
    samples = [Sample(GAUGE, (first, second), 1)]
    expected = {name: value for name, value in (("a", first), ("b", second)) if value}
    for found in (only(read_text(text(samples))), only(read_openmetrics(openmetrics(samples)))):
        assert found.samples[0].labels == {
            name: value.encode(errors="replace").decode() for name, value in expected.items()
        }


def test_help_is_escaped() -> None:
    desc = Desc("stoker_test_depth", Kind.GAUGE, 'a "quote", a \\ and a\nline')
    assert only(read_text(text([Sample(desc, (), 1)]))).documentation == desc.help
    assert only(read_openmetrics(openmetrics([Sample(desc, (), 1)]))).documentation == desc.help


def one_of_each() -> list[Sample]:
    """A sample of every metric that exists."""
    found: list[Sample] = []
    for desc in catalog(load_pack(alerts=False).metrics).values():
        labels = tuple(f"{label} 1" for label in desc.labels)
        histogram = HistogramValue((1,) * (len(desc.bounds) + 1), 2.5)
        found.append(Sample(desc, labels, histogram if desc.kind is Kind.HISTOGRAM else 1.5))
    return found


@pytest.mark.parametrize(("render", "read"), [(text, read_text), (openmetrics, read_openmetrics)])
def test_every_metric_that_exists_is_read_by_prometheus_client(
    render: Callable[[Iterable[Sample]], str], read: Callable[[str], Iterable[Metric]]
) -> None:
    samples = one_of_each()
    found = {family.name: family for family in read(render(samples))}
    assert sorted(found) == sorted(
        sample.desc.name.removesuffix("_total") if sample.desc.kind is Kind.COUNTER else sample.desc.name
        for sample in samples
    )
    for sample in samples:
        stem = sample.desc.name.removesuffix("_total") if sample.desc.kind is Kind.COUNTER else sample.desc.name
        assert found[stem].type == str(sample.desc.kind)


def test_promtool_finds_nothing_in_a_page_with_every_metric() -> None:
    page = text(one_of_each())
    done = subprocess.run(
        [programs.find("promtool"), "check", "metrics"], input=page, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_families_are_sorted_however_the_samples_come() -> None:
    samples = [Sample(GAUGE, ("1", ""), 1), Sample(COUNTER, (), 2), Sample(GAUGE, ("2", ""), 3)]
    lines = [line for line in text(samples).splitlines() if not line.startswith("#")]
    assert lines == ['stoker_test_depth{a="1"} 1', 'stoker_test_depth{a="2"} 3', "stoker_test_events_total 2"]


def test_of_two_samples_with_the_same_labels_the_first_counts(caplog: pytest.LogCaptureFixture) -> None:
    exposition = Exposition()
    samples = [Sample(COUNTER, (), 1), Sample(COUNTER, (), 2), Sample(GAUGE, ("", ""), 3)]
    for _ in range(3):
        lines = exposition.render(samples).decode().splitlines()
        assert [line for line in lines if not line.startswith("#")] == [
            "stoker_test_depth 3",
            "stoker_test_events_total 1",
        ]
    (record,) = caplog.records
    assert "metric=stoker_test_events_total has two samples" in record.getMessage()


WRONG = {
    "too few labels": Sample(GAUGE, ("x",), 1),
    "a label that is no text": Sample(GAUGE, (1, "b"), 1),  # type: ignore[arg-type]
    "labels that are no tuple": Sample(GAUGE, ["a", "b"], 1),  # type: ignore[arg-type]
    "no value": Sample(GAUGE, ("a", "b"), None),  # type: ignore[arg-type]
    "a number for a histogram": Sample(HISTOGRAM, ("a",), 1.0),
    "too few buckets": Sample(HISTOGRAM, ("a",), HistogramValue((1,), 1.0)),
    "a histogram for a number": Sample(GAUGE, ("a", "b"), HistogramValue((1,), 1.0)),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_sample_that_does_not_fit_costs_only_itself(case: str, caplog: pytest.LogCaptureFixture) -> None:
    exposition = Exposition()
    good = [Sample(GAUGE, ("good", ""), 1), Sample(HISTOGRAM, ("good",), HistogramValue((1, 1, 1, 1), 4.0))]
    for _ in range(2):
        page = exposition.render([WRONG[case], *good]).decode()
        assert 'stoker_test_depth{a="good"} 1\n' in page
        assert 'stoker_test_seconds_count{a="good"} 4\n' in page
        assert page.count("\n") == 2 + 2 + 1 + 6
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_of_two_declarations_of_one_metric_the_first_counts(caplog: pytest.LogCaptureFixture) -> None:
    other = Desc(COUNTER.name, Kind.COUNTER, "Another meaning", ("x",))
    assert text([Sample(COUNTER, (), 1), Sample(other, ("y",), 2)]).endswith("\nstoker_test_events_total 1\n")
    assert "declared in two ways" in caplog.text


def test_a_value_that_changes_is_written_anew() -> None:
    exposition = Exposition()
    for value in (1, 1.0, 2.5, math.nan, math.nan, 0.0, 2**60, 1):
        assert exposition.render([Sample(COUNTER, (), value)]).decode().endswith(f" {number(value)}\n")


def test_a_histogram_that_changes_is_written_anew() -> None:
    exposition = Exposition()
    exposition.render([Sample(HISTOGRAM, ("x",), HistogramValue((1, 0, 0, 0), 0.1))])
    page = exposition.render([Sample(HISTOGRAM, ("x",), HistogramValue((1, 0, 0, 1), 5.1))]).decode()
    assert 'stoker_test_seconds_sum{a="x"} 5.1\n' in page
    assert 'stoker_test_seconds_count{a="x"} 2\n' in page


def test_a_metric_that_gets_other_labels_at_a_reload_is_written_with_them() -> None:
    exposition = Exposition()
    exposition.render([Sample(GAUGE, ("x", ""), 1)])
    other = Desc(GAUGE.name, Kind.GAUGE, GAUGE.help, ("c", "d"))
    assert exposition.render([Sample(other, ("x", ""), 1)]).decode().endswith('stoker_test_depth{c="x"} 1\n')


def test_what_stands_above_a_metric_follows_the_format_and_a_reload() -> None:
    exposition = Exposition()
    other = Desc(COUNTER.name, Kind.COUNTER, "Something else")
    for desc in (COUNTER, other, COUNTER):
        for _ in range(2):
            assert f"# HELP {desc.name} {desc.help}\n" in exposition.render([Sample(desc, (), 1)]).decode()
            page = exposition.render([Sample(desc, (), 1)], openmetrics=True).decode()
            assert f"# HELP {desc.name.removesuffix('_total')} {desc.help}\n" in page


def test_what_is_kept_of_series_that_are_gone_is_bounded() -> None:
    exposition = Exposition()
    for turn in range(100):
        exposition.render([Sample(GAUGE, (str(turn), str(series)), 1) for series in range(50)])
    assert sum(len(family.series) for family in exposition._families.values()) <= 2 * 50 + 150
    exposition.render([Sample(COUNTER, (), 1)])
    assert list(exposition._families) == [COUNTER.name]


def test_many_threads_may_ask_at_once() -> None:
    exposition = Exposition()
    samples = [Sample(GAUGE, (str(series), ""), series) for series in range(500)]
    expected = {False: text(samples), True: openmetrics(samples)}
    wrong: list[bool] = []

    def ask(wanted: bool) -> None:  # noqa: FBT001 - a thread's only argument
        pages = [exposition.render(samples, openmetrics=wanted).decode() for _ in range(20)]
        wrong.extend(each != expected[wanted] for each in pages)

    threads = [threading.Thread(target=ask, args=(number % 2 == 0,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == [False] * 120
