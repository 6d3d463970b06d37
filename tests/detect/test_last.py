"""The last few numbers."""

from __future__ import annotations

from stoker.detect.last import Last


def test_it_keeps_the_newest_in_the_order_in_which_they_came() -> None:
    last = Last(3)
    for number in range(5):
        last.append(number)
    assert list(last) == [2.0, 3.0, 4.0]
    assert len(last) == 3
    assert last[0] == 2.0
    assert 3.0 in last
    assert 1.0 not in last


def test_it_takes_over_no_more_than_it_keeps() -> None:
    last = Last(2)
    last.restore([1, 2, 3])
    assert last.state() == [2.0, 3.0]
    last.clear()
    assert last.state() == []
