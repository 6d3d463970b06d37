"""InfiniBand ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_infiniband import HostInfiniband
from stoker.errors import UnavailableError

if TYPE_CHECKING:
    from pathlib import Path

PORT = "sys/class/infiniband/mlx5_0/ports/1"


def test_data_is_counted_in_words_and_waiting_is_no_error(tmp_path: Path) -> None:
    machine = host(
        tmp_path,
        {
            f"{PORT}/state": "4: ACTIVE\n",
            f"{PORT}/counters/port_rcv_data": "1000\n",
            f"{PORT}/counters/port_xmit_data": "2000\n",
            f"{PORT}/counters/symbol_error": "3\n",
            f"{PORT}/counters/link_downed": "0\n",
            f"{PORT}/counters/port_xmit_wait": "99999\n",
        },
    )
    assert values(HostInfiniband(machine, Clock()).collect()) == {
        'stoker_host_infiniband_up{device="mlx5_0",port="1"}': 1,
        'stoker_host_infiniband_bytes_total{device="mlx5_0",port="1",direction="receive"}': 4000,
        'stoker_host_infiniband_bytes_total{device="mlx5_0",port="1",direction="transmit"}': 8000,
        'stoker_host_infiniband_errors_total{device="mlx5_0",port="1",type="symbol"}': 3,
        'stoker_host_infiniband_errors_total{device="mlx5_0",port="1",type="link_downed"}': 0,
    }


def test_a_port_that_is_down_is_shown_as_down(tmp_path: Path) -> None:
    machine = host(tmp_path, {f"{PORT}/state": "1: DOWN\n"})
    assert values(HostInfiniband(machine, Clock()).collect()) == {
        'stoker_host_infiniband_up{device="mlx5_0",port="1"}': 0
    }


def test_a_link_tells_its_rate_and_whether_the_cable_carries(tmp_path: Path) -> None:
    second = PORT.replace("mlx5_0", "mlx5_1")
    machine = host(
        tmp_path,
        {
            f"{PORT}/state": "2: INIT\n",
            f"{PORT}/phys_state": "5: LinkUp\n",
            f"{PORT}/rate": "400 Gb/sec (4X NDR)\n",
            f"{second}/state": "1: DOWN\n",
            f"{second}/phys_state": "3: Disabled\n",
            f"{second}/rate": "unknown\n",
        },
    )
    assert values(HostInfiniband(machine, Clock()).collect()) == {
        'stoker_host_infiniband_up{device="mlx5_0",port="1"}': 0,
        'stoker_host_infiniband_physical_up{device="mlx5_0",port="1"}': 1,
        'stoker_host_infiniband_bytes_per_second{device="mlx5_0",port="1"}': 50e9,
        'stoker_host_infiniband_up{device="mlx5_1",port="1"}': 0,
        'stoker_host_infiniband_physical_up{device="mlx5_1",port="1"}': 0,
    }


def test_a_rate_that_cannot_be_read_costs_only_itself(tmp_path: Path) -> None:
    machine = host(tmp_path, {f"{PORT}/state": "4: ACTIVE\n", f"{PORT}/phys_state": "5: LinkUp\n"})
    (tmp_path / PORT / "rate").mkdir()
    reading = HostInfiniband(machine, Clock()).collect()
    assert len(values(reading)) == 2
    assert reading.failures == ["port mlx5_0/1: rate: Is a directory"]


def test_one_bad_port_and_one_bad_counter_cost_only_themselves(tmp_path: Path) -> None:
    machine = host(tmp_path, {f"{PORT}/state": "4: ACTIVE\n", f"{PORT}/counters/link_downed": "2\n"})
    (tmp_path / PORT / "counters" / "symbol_error").mkdir()  # reading a folder fails
    (tmp_path / PORT / ".." / "2").mkdir()  # a port without a state
    (tmp_path / "sys/class/infiniband/mlx5_1").mkdir()  # a device without ports
    reading = HostInfiniband(machine, Clock()).collect()
    assert len(values(reading)) == 2
    assert [failure.rsplit(":", 1)[0] for failure in reading.failures] == [
        "port mlx5_0/1: symbol_error",
        "port mlx5_0/2",
        f"device mlx5_1: {tmp_path}/sys/class/infiniband/mlx5_1/ports",
    ]


def test_a_counter_that_the_port_does_not_have_is_asked_for_once_an_hour(tmp_path: Path) -> None:
    clock = Clock()
    machine = host(tmp_path, {f"{PORT}/state": "4: ACTIVE\n", f"{PORT}/counters/port_rcv_data": "N/A (no PMA)\n"})
    collector = HostInfiniband(machine, clock)
    reading = collector.collect()
    assert len(values(reading)) == 1
    assert not reading.failures
    write(tmp_path, {f"{PORT}/counters/port_rcv_data": "5\n"})
    clock.now += 3599
    assert len(values(collector.collect())) == 1
    clock.now += 2
    assert len(values(collector.collect())) == 2


def test_a_machine_without_infiniband_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        HostInfiniband(host(tmp_path, {}), Clock()).collect()
