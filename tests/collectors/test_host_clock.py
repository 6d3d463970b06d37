"""The clock."""

from __future__ import annotations

import sys

import pytest

from machines import values
from stoker.collectors.host_clock import HostClock
from stoker.errors import UnavailableError
from stoker.sources.clock import ClockState, clock_state, judged
from stoker.sources.host import Host
from stoker.sources.machine import Machine


def test_the_offset_is_in_the_unit_that_a_status_bit_says() -> None:
    nano = judged(0, 0x2001, (-250_000_000, 1200, 34_500))
    micro = judged(0, 0x0001, (-250_000, 1200, 34_500))
    assert nano == micro == ClockState(synchronized=True, offset=-0.25, estimated_error=0.0012, max_error=0.0345)


def test_a_clock_that_nobody_keeps_is_shown_as_such() -> None:
    collector = HostClock(Host(Machine()), lambda: judged(5, 0x40, (0, 16_000_000, 16_000_000)))
    assert values(collector.collect()) == {
        "stoker_host_clock_synchronized": 0,
        "stoker_host_clock_offset_seconds": 0,
        "stoker_host_clock_estimated_error_seconds": 16,
        "stoker_host_clock_max_error_seconds": 16,
    }


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is Linux's")
def test_the_kernel_of_this_machine_answers() -> None:
    try:
        state = clock_state()
    except UnavailableError:
        pytest.skip("a sandbox forbids adjtimex here")
    assert 0 <= state.max_error <= 16.5
    assert abs(state.offset) < 1


def test_another_system_than_linux_says_so_in_one_line() -> None:
    with pytest.raises(UnavailableError, match="can only be read on Linux"):
        HostClock(Host(Machine(), linux=False)).collect()
