"""Temperatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import host, values, write
from stoker.collectors.host_temperature import HostTemperature
from stoker.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

HWMON = "sys/class/hwmon"


def test_a_chip_is_named_by_driver_and_device_and_a_sensor_by_its_label(tmp_path: Path) -> None:
    machine = host(
        tmp_path,
        {
            f"{HWMON}/hwmon0/name": "coretemp\n",
            f"{HWMON}/hwmon0/temp1_input": "41000\n",
            f"{HWMON}/hwmon0/temp1_label": "Package id 0\n",
            f"{HWMON}/hwmon0/temp1_crit": "100000\n",
            f"{HWMON}/hwmon0/fan1_input": "1200\n",
            f"{HWMON}/hwmon1/name": "nvme\n",
            f"{HWMON}/hwmon1/temp1_input": "35850\n",
            f"{HWMON}/hwmon2/name": "k10temp\n",
            f"{HWMON}/hwmon2/temp1_input": "-1500\n",
            f"{HWMON}/hwmon3/name": "acpitz\n",
            f"{HWMON}/hwmon3/temp1_input": "27800\n",
        },
    )
    for chip, device in (("hwmon0", "coretemp.0"), ("hwmon1", "nvme0"), ("hwmon2", "0000:00:18.3")):
        (tmp_path / HWMON / chip / "device").symlink_to(f"../../devices/{device}")
    assert values(HostTemperature(machine).collect()) == {
        'stoker_host_temperature_celsius{chip="coretemp.0",sensor="Package id 0"}': 41.0,
        'stoker_host_temperature_celsius{chip="nvme0",sensor="temp1"}': 35.85,
        'stoker_host_temperature_celsius{chip="k10temp 0000:00:18.3",sensor="temp1"}': -1.5,
        'stoker_host_temperature_celsius{chip="acpitz",sensor="temp1"}': 27.8,
    }


def test_sensors_and_chips_of_the_same_name_stay_apart(tmp_path: Path) -> None:
    machine = host(tmp_path, {})
    for chip in ("hwmon0", "hwmon1"):
        write(tmp_path, {f"{HWMON}/{chip}/name": "board\n"})
        for number in (1, 2):
            write(tmp_path, {f"{HWMON}/{chip}/temp{number}_input": "20000\n"})
            write(tmp_path, {f"{HWMON}/{chip}/temp{number}_label": "AUX\n"})
    assert len(values(HostTemperature(machine).collect())) == 4


def test_a_sensor_that_cannot_be_read_is_named_and_costs_only_itself(tmp_path: Path) -> None:
    machine = host(
        tmp_path,
        {
            f"{HWMON}/hwmon0/name": "board\n",
            f"{HWMON}/hwmon0/temp1_input": "broken\n",
            f"{HWMON}/hwmon0/temp3_input": "30000\n",
        },
    )
    (tmp_path / HWMON / "hwmon0" / "temp2_input").mkdir()  # reading a folder fails
    reading = HostTemperature(machine).collect()
    assert list(values(reading)) == ['stoker_host_temperature_celsius{chip="board",sensor="temp3"}']
    assert [failure.split(":")[0] for failure in reading.failures] == ["sensor board temp1", "sensor board temp2"]


def test_a_machine_without_sensors_is_normal(tmp_path: Path) -> None:
    machine = host(tmp_path, {})
    with pytest.raises(UnavailableError):
        HostTemperature(machine).collect()
    write(tmp_path, {f"{HWMON}/hwmon0/name": "fan\n"})
    with pytest.raises(UnavailableError, match="no temperature sensor"):
        HostTemperature(machine).collect()
