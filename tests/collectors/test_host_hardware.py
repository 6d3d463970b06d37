"""What of the machine's hardware is counted, degraded or used up: memory errors, bonds, arrays, throttling, handles, connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from machines import Clock, host, values, write
from stoker.collectors.host_bond import HostBond
from stoker.collectors.host_conntrack import HostConntrack
from stoker.collectors.host_files import HostFiles
from stoker.collectors.host_memory_errors import HostMemoryErrors
from stoker.collectors.host_raid import HostRaid
from stoker.collectors.host_throttle import HostThrottle
from stoker.errors import SourceError, UnavailableError
from stoker.sources.host import Host
from stoker.sources.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

EDAC = "sys/devices/system/edac/mc"
NET = "sys/class/net"
CPU = "sys/devices/system/cpu"


def test_memory_errors_are_by_controller_and_kind(tmp_path: Path) -> None:
    files = {
        f"{EDAC}/mc0/ce_count": "7\n",
        f"{EDAC}/mc0/ue_count": "0\n",
        f"{EDAC}/mc1/ce_count": "0\n",
        f"{EDAC}/power/control": "auto\n",
    }
    assert values(HostMemoryErrors(host(tmp_path, files)).collect()) == {
        'stoker_host_memory_errors_total{device="mc0",type="corrected"}': 7,
        'stoker_host_memory_errors_total{device="mc0",type="uncorrected"}': 0,
        'stoker_host_memory_errors_total{device="mc1",type="corrected"}': 0,
    }


def test_one_bad_memory_controller_costs_only_itself(tmp_path: Path) -> None:
    machine = host(tmp_path, {f"{EDAC}/mc0/ce_count": "many\n", f"{EDAC}/mc1/ce_count": "1\n"})
    (tmp_path / EDAC / "mc1/ue_count").mkdir()
    reading = HostMemoryErrors(machine).collect()
    assert len(values(reading)) == 1
    assert reading.failures == [
        f"controller mc0: {tmp_path}/{EDAC}/mc0/ce_count: 'many' is no number",
        f"controller mc1: {tmp_path}/{EDAC}/mc1/ue_count: Is a directory",
    ]


def test_a_machine_whose_memory_is_not_watched_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        HostMemoryErrors(host(tmp_path, {})).collect()
    write(tmp_path, {f"{EDAC}/power/control": "auto\n"})
    with pytest.raises(UnavailableError, match="no ECC, or no driver"):
        HostMemoryErrors(host(tmp_path, {})).collect()


def bond(states: dict[str, str], name: str = "bond0") -> dict[str, str]:
    files = {f"{NET}/{name}/bonding/slaves": " ".join(states) + "\n"}
    return files | {f"{NET}/{one}/bonding_slave/mii_status": f"{state}\n" for one, state in states.items()}


def test_a_bond_tells_how_many_of_its_interfaces_carry(tmp_path: Path) -> None:
    files = bond({"eth0": "up", "eth1": "going down"}) | bond({}, "bond1") | {f"{NET}/bonding_masters": "bond0 bond1\n"}
    assert values(HostBond(host(tmp_path, files)).collect()) == {
        'stoker_host_bond_interfaces{device="bond0"}': 2,
        'stoker_host_bond_interfaces_up{device="bond0"}': 1,
        'stoker_host_bond_interfaces{device="bond1"}': 0,
        'stoker_host_bond_interfaces_up{device="bond1"}': 0,
    }


def test_a_bond_that_is_taken_apart_is_left_out_and_one_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    files = bond({"eth0": "up"}) | {f"{NET}/bonding_masters": "bond0 bond1 bond2\n"}
    machine = host(tmp_path, files)
    (tmp_path / NET / "bond2/bonding/slaves").mkdir(parents=True)
    reading = HostBond(machine).collect()
    assert len(values(reading)) == 2
    assert reading.failures == ["bond bond2: Is a directory"]


def test_a_machine_without_bonds_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        HostBond(host(tmp_path, {})).collect()
    with pytest.raises(UnavailableError, match="no interface is bonded"):
        HostBond(host(tmp_path, {f"{NET}/bonding_masters": "\n"})).collect()


def array(name: str, disks: str, missing: str, action: str) -> dict[str, str]:
    base = f"sys/block/{name}/md"
    return {
        f"{base}/raid_disks": f"{disks}\n",
        f"{base}/degraded": f"{missing}\n",
        f"{base}/sync_action": f"{action}\n",
    }


def test_an_array_tells_what_it_misses_and_whether_it_is_rebuilt(tmp_path: Path) -> None:
    files = array("md127", "6", "1", "recover") | array("md0", "2", "0", "check")
    files |= {"sys/block/md1/md/raid_disks": "2\n", "sys/block/sda/size": "1\n"}  # md1 is a raid0
    assert values(HostRaid(host(tmp_path, files)).collect()) == {
        'stoker_host_raid_disks{device="md0"}': 2,
        'stoker_host_raid_disks_missing{device="md0"}': 0,
        'stoker_host_raid_rebuilding{device="md0"}': 0,
        'stoker_host_raid_disks{device="md127"}': 6,
        'stoker_host_raid_disks_missing{device="md127"}': 1,
        'stoker_host_raid_rebuilding{device="md127"}': 1,
    }


def test_one_bad_array_costs_only_itself(tmp_path: Path) -> None:
    files = array("md0", "2", "some", "idle") | array("md1", "2", "0", "idle")
    reading = HostRaid(host(tmp_path, files)).collect()
    assert len(values(reading)) == 3
    assert reading.failures == [f"array md0: {tmp_path}/sys/block/md0/md/degraded: 'some' is no number"]


def test_a_machine_without_arrays_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no array with redundancy"):
        HostRaid(host(tmp_path, {"sys/block/md0/md/raid_disks": "2\n"})).collect()


def processor(number: int, package: int, count: str, milliseconds: str = "1500") -> dict[str, str]:
    base = f"{CPU}/cpu{number}"
    return {
        f"{base}/topology/physical_package_id": f"{package}\n",
        f"{base}/thermal_throttle/package_throttle_count": f"{count}\n",
        f"{base}/thermal_throttle/package_throttle_total_time_ms": f"{milliseconds}\n",
    }


def test_throttling_is_counted_once_for_each_package(tmp_path: Path) -> None:
    files = processor(0, 0, "4") | processor(1, 0, "4") | processor(2, 1, "0", "0") | {f"{CPU}/cpufreq/x": ""}
    assert values(HostThrottle(host(tmp_path, files), Clock()).collect()) == {
        'stoker_host_cpu_throttles_total{package="0"}': 4,
        'stoker_host_cpu_throttled_seconds_total{package="0"}': 1.5,
        'stoker_host_cpu_throttles_total{package="1"}': 0,
        'stoker_host_cpu_throttled_seconds_total{package="1"}': 0,
    }


def test_when_the_processor_that_was_asked_goes_offline_another_of_its_package_is_asked(tmp_path: Path) -> None:
    collector = HostThrottle(host(tmp_path, processor(0, 0, "4") | processor(1, 0, "4")), Clock())
    collector.collect()
    (tmp_path / CPU / "cpu0/thermal_throttle/package_throttle_count").unlink()
    with pytest.raises(UnavailableError):
        collector.collect()
    assert values(collector.collect())['stoker_host_cpu_throttles_total{package="0"}'] == 4


def test_processors_without_the_counters_are_looked_at_every_ten_minutes_only(tmp_path: Path) -> None:
    clock = Clock()
    machine = host(tmp_path, {f"{CPU}/cpu0/topology/physical_package_id": "0\n"})
    collector = HostThrottle(machine, clock)
    for seconds in (0, 599):
        clock.now += seconds
        with pytest.raises(UnavailableError, match="do not count"):
            collector.collect()
        write(tmp_path, processor(0, 0, "1"))
    clock.now += 1
    assert len(values(collector.collect())) == 2


def test_a_package_that_says_nonsense_is_a_failure_and_another_is_shown(tmp_path: Path) -> None:
    machine = host(tmp_path, processor(0, 0, "4") | processor(1, 1, "4"))
    collector = HostThrottle(machine, Clock())
    collector.collect()
    write(tmp_path, processor(0, 0, "lots"))
    reading = collector.collect()
    assert len(values(reading)) == 2
    assert reading.failures[0].startswith("package 0: ")


def test_file_handles_of_the_machine_and_their_limit(tmp_path: Path) -> None:
    files = {"proc/sys/fs/file-nr": "1280\t0\t9223372036854775807\n"}
    assert values(HostFiles(host(tmp_path, files)).collect()) == {
        "stoker_host_file_descriptors": 1280,
        "stoker_host_file_descriptors_limit": float(2**63 - 1),
    }


@pytest.mark.parametrize("text", ["", "1 0\n", "1 0 x\n", "1 2 3 4\n"])
def test_file_handles_in_another_form_are_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="file-nr: not in the expected form"):
        HostFiles(host(tmp_path, {"proc/sys/fs/file-nr": text})).collect()


def test_tracked_connections_and_their_limit(tmp_path: Path) -> None:
    folder = "proc/sys/net/netfilter"
    files = {f"{folder}/nf_conntrack_count": "812\n", f"{folder}/nf_conntrack_max": "262144\n"}
    assert values(HostConntrack(host(tmp_path, files)).collect()) == {
        "stoker_host_conntrack_entries": 812,
        "stoker_host_conntrack_entries_limit": 262144,
    }
    write(tmp_path, {f"{folder}/nf_conntrack_max": "many\n"})
    with pytest.raises(SourceError, match="nf_conntrack_max: not in the expected form"):
        HostConntrack(host(tmp_path, {})).collect()


def test_a_kernel_without_connection_tracking_is_normal(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        HostConntrack(host(tmp_path, {})).collect()


def test_another_system_than_linux_has_none_of_it() -> None:
    machine = Host(Machine(), linux=False)
    every = (HostMemoryErrors, HostBond, HostRaid, HostFiles, HostConntrack)
    for collector in (*(kind(machine) for kind in every), HostThrottle(machine, Clock())):
        with pytest.raises(UnavailableError, match="can only be read on Linux"):
            collector.collect()
