"""An event counts once, whoever tells of it and in whatever order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stoker.logs.once import Once, Span
from stoker.metrics import Observation
from stoker.metrics.observation import Target

if TYPE_CHECKING:
    from stoker.metrics.observation import Moment

TARGET = Target("inc", "stoker_gpu_xid_errors_total", (("xid", "79"),), "kernel")
KEY = ("stoker_gpu_xid_errors_total", "GPU-a", "79")
SOURCES = ("kernel", "journal")
NOW = 1_800_000_000.0


def tell(
    once: Once, source: str, moment: Moment | float | None, now: float = NOW, severity: str = "", key: str = "GPU-a"
) -> bool:
    whole = (KEY[0], key, KEY[2])
    return once.first(source, whole, severity, Observation(TARGET, 1.0, moment, 1), now)


def test_an_event_that_two_sources_tell_of_is_one() -> None:
    for first, second in (("nvml", "kernel"), ("kernel", "nvml"), ("kernel", "journal")):
        once = Once()
        assert tell(once, first, NOW)
        assert not tell(once, second, NOW + 2)
        assert not tell(once, "a third one", NOW - 2)


def test_as_many_events_as_one_source_tells_are_as_many() -> None:
    once = Once()
    assert [tell(once, "kernel", NOW + number) for number in range(5)] == [True] * 5
    assert [tell(once, "nvml", Span(NOW, NOW + 5)) for _ in range(5)] == [False] * 5
    assert tell(once, "nvml", Span(NOW, NOW + 5))


def test_other_gpus_and_other_times_are_other_events() -> None:
    once = Once()
    assert tell(once, "kernel", NOW)
    assert tell(once, "nvml", NOW, key="GPU-b")
    assert tell(once, "nvml", NOW + 31)
    assert not tell(once, "nvml", NOW + 30)


def test_a_span_pairs_with_what_happened_within_it() -> None:
    once = Once()
    assert tell(once, "kernel", NOW)
    assert not tell(once, "nvml", Span(NOW - 100, NOW + 500))


def test_a_line_without_a_time_was_written_since_the_last_look() -> None:
    once = Once()
    assert tell(once, "kernel", None)  # history: of no known time, so that it pairs with nothing
    assert tell(once, "nvml", Span(NOW, NOW))
    once.looked(["kernel"], NOW + 100)
    assert tell(once, "kernel", None, NOW + 101)
    assert tell(once, "journal", None, NOW + 101)  # which was not read before
    once.looked(["kernel"], NOW + 101)
    assert not tell(once, "nvml", Span(NOW + 101, NOW + 103), NOW + 103)


def test_an_event_that_comes_later_is_another_one_however_late_the_first_line_is_read() -> None:
    once = Once()
    once.looked(["kernel"], NOW)
    assert tell(once, "kernel", NOW - 660, NOW + 1)
    assert tell(once, "nvml", Span(NOW, NOW + 1), NOW + 1)
    assert not tell(once, "nvml", Span(NOW - 661, NOW - 660), NOW + 1)


def test_what_was_told_survives_a_restart_until_it_is_old() -> None:
    once = Once()
    once.looked(["kernel"], NOW)
    assert tell(once, "nvml", Span(NOW, NOW + 1), NOW + 1)
    later = Once()
    later.restore(once.state(), SOURCES)
    assert not tell(later, "kernel", None, NOW + 5000)  # written while nobody looked, and read after that
    later = Once()
    later.restore(once.state(), SOURCES)
    later.looked(["kernel"], NOW + 5000)  # nothing was there to read
    assert later.state()["events"] == []
    assert later.changes
    assert tell(later, "kernel", None, NOW + 5001)


def test_a_source_that_cannot_be_read_yet_may_still_tell() -> None:
    once = Once()
    once.looked(SOURCES, NOW)
    assert tell(once, "kernel", None, NOW + 1)
    once.looked(["kernel"], NOW + 5000)
    assert not tell(once, "journal", None, NOW + 5000)
    later = Once()
    later.restore(once.state(), ["kernel"])  # the journal is no source any more
    later.looked(["kernel"], NOW + 5001)
    assert later.state()["events"] == []


def test_a_line_that_says_how_bad_it_is_counts_even_when_it_comes_late() -> None:
    once = Once()
    assert tell(once, "nvml", NOW)
    assert tell(once, "kernel", NOW, severity="fatal")
    assert not tell(once, "journal", NOW, severity="fatal")
    assert tell(once, "kernel", NOW + 1, severity="fatal")
    assert not tell(once, "nvml", NOW + 1)


def test_a_storm_is_bounded() -> None:
    once = Once()
    for number in range(10_000):
        assert tell(once, "kernel", NOW + number % 7, key=f"GPU-{number % 3}")
    assert len(once.state()["events"]) <= 1024


@st.composite
def tellings(draw: st.DrawFn) -> tuple[int, list[tuple[float, str, float, float]]]:
    """How many events there were, and what is told of them: (arrival, source, since, until).

    Bursts of one code, far from each other; of a burst either both sources tell everything or one of them does.
    """
    told, events, at = [], 0, NOW
    for _ in range(draw(st.integers(1, 4))):
        at += draw(st.floats(120, 5000))
        sources = draw(st.sampled_from([("kernel",), ("nvml",), ("kernel", "nvml"), ("kernel", "nvml", "journal")]))
        for _ in range(draw(st.integers(1, 6))):
            moment = at + draw(st.floats(0, 10))
            events += 1
            for source in sources:
                since, until = moment - draw(st.floats(0, 8)), moment + draw(st.floats(0, 8))
                arrival = moment + draw(st.floats(0, 60))
                told.append((arrival, source, since if source == "nvml" else until, until))
    return events, sorted(told)


@given(tellings(), st.booleans())
def test_any_order_of_the_tellings_counts_each_event_once(
    told: tuple[int, list[tuple[float, str, float, float]]],
    restarts: bool,  # noqa: FBT001 - given by hypothesis
) -> None:
    events, rows = told
    once, counted = Once(), 0
    for arrival, source, since, until in rows:
        if restarts:
            later = Once()
            later.restore(once.state(), SOURCES)
            once = later
        once.looked(["kernel", "journal"], arrival - 1)
        counted += tell(once, source, Span(since, until) if source == "nvml" else until, arrival)
    assert counted == events
