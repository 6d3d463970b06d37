"""Pressure stall information."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import host, values
from stoker.collectors.host_pressure import HostPressure
from stoker.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

SOME = "some avg10=0.00 avg60=0.13 avg300=0.13 total=9506053\n"
FULL = "full avg10=0.00 avg60=0.00 avg300=0.00 total=250000\n"


def test_microseconds_become_seconds(tmp_path: Path) -> None:
    found = values(HostPressure(host(tmp_path, {"proc/pressure/io": SOME + FULL, "proc/pressure/cpu": SOME})).collect())
    assert found == {
        'stoker_host_pressure_seconds_total{resource="cpu",kind="some"}': pytest.approx(9.506053),
        'stoker_host_pressure_seconds_total{resource="io",kind="some"}': pytest.approx(9.506053),
        'stoker_host_pressure_seconds_total{resource="io",kind="full"}': 0.25,
    }


def test_one_file_that_cannot_be_read_costs_only_its_resource(tmp_path: Path) -> None:
    reading = HostPressure(host(tmp_path, {"proc/pressure/io": "some total=x\n", "proc/pressure/cpu": SOME})).collect()
    assert len(values(reading)) == 1
    assert len(reading.failures) == 1
    assert "pressure/io: not in the expected form" in reading.failures[0]


def test_a_kernel_without_it_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no pressure stall information"):
        HostPressure(host(tmp_path, {})).collect()
