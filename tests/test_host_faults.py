"""Every fault of a machine that an alert is about, from its files and calls through the collectors and the page to the shipped rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import pytest

import played
from hosts import HostBench
from stoker.documents import duration_text
from stoker.spec.pack import load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

RULES = played.rules("host")
PACK = load_pack()


class Fault(NamedTuple):
    """What happens to the machine, and what is to come of it.

    Attributes:
        pages: for which it holds.
        play: makes it so before the page of this number, the first 0.
        fires: every alert that it raises, with severity and the labels that say where.
        every: seconds from page to page.
        before: pages before it.
    """

    pages: int
    play: Callable[[HostBench, int], None]
    fires: set[str]
    every: float = 60
    before: int = 15


def _set(**values: object) -> Callable[[HostBench, int], None]:
    """The machine has these values from the fault on."""

    def play(bench: HostBench, _page: int) -> None:
        bench.values |= values

    return play


def _grow(**steps: float) -> Callable[[HostBench, int], None]:
    """Values of the machine grow by so much a page, beyond what they do anyway."""

    def play(bench: HostBench, _page: int) -> None:
        bench.values |= {name: bench.values[name] + step for name, step in steps.items()}

    return play


def _once(**steps: float) -> Callable[[HostBench, int], None]:
    """Values of the machine grow by so much when the fault happens."""
    grow = _grow(**steps)

    def play(bench: HostBench, page: int) -> None:
        if not page:
            grow(bench, page)

    return play


def _reboot(bench: HostBench, page: int) -> None:
    """It is off for three minutes."""
    bench.on = page > 3
    if page == 3:
        bench.boot()


_READONLY = {"HostFilesystemReadOnly critical /dev/sda1 /data", "HostFilesystemReadOnly critical /dev/sda1 /sets"}
_FAULTS = {
    "programs take nine tenths of the memory": Fault(12, _set(available_kb=50_000_000), {"HostMemoryHigh warning"}),
    "programs take nearly all of the memory": Fault(
        12, _set(available_kb=20_000_000), {"HostMemoryHigh warning", "HostMemoryHigh critical"}
    ),
    "the processors have work without end": Fault(35, _set(load=99), {"HostCpuHigh info"}),
    "the processors idle for a day": Fault(288, _set(load=5), {"HostCpuUnderused info"}, every=300, before=288),
    "what is swapped out is needed again": Fault(17, _grow(swapped_in=100_000), {"HostSwapping warning"}),
    "a disk fills by 5 % an hour": Fault(
        72, _grow(data_free=-5 / 12), {"HostFilesystemFillingUp warning /dev/sda1"}, every=300
    ),
    "a disk fills by 30 % an hour": Fault(
        18,
        _grow(data_free=-2.5),
        {"HostFilesystemFillingUp warning /dev/sda1", "HostFilesystemFillingUp critical /dev/sda1"},
        every=300,
    ),
    "a disk is full": Fault(
        7,
        _set(data_free=3.0),
        {"HostFilesystemAlmostFull critical /dev/sda1 /data", "HostFilesystemAlmostFull critical /dev/sda1 /sets"},
    ),
    "a disk has no room for one more file": Fault(
        7,
        _set(data_inodes_free=2.0),
        {"HostInodesAlmostFull critical /dev/sda1 /data", "HostInodesAlmostFull critical /dev/sda1 /sets"},
    ),
    "ext4 finds an error in itself": Fault(1, _set(data_options="ro,errors=remount-ro"), _READONLY),
    "ext4 of Linux 6.15 finds an error in itself": Fault(
        1, _set(data_options="rw,errors=remount-ro,emergency_ro"), _READONLY
    ),
    "a disk is always busy": Fault(21, _grow(sda_busy_ms=52_000), {"HostDiskSaturated warning sda"}),
    "an NVMe drive is always busy": Fault(21, _grow(nvme_busy_ms=28_000), {"HostDiskSaturated info nvme0n1"}),
    "nothing runs for want of memory": Fault(17, _grow(stalled_us=20_000_000), {"HostPressureHigh warning"}),
    "the kernel kills a process": Fault(1, _once(oom_kills=1), {"HostOomKill critical"}),
    "many packets arrive broken": Fault(17, _grow(receive_errors=700), {"HostNetworkErrors warning eth0"}),
    "a few of few packets arrive broken": Fault(
        17, _grow(received=-99_000, receive_errors=20), {"HostNetworkErrors warning eth0"}
    ),
    "many packets cannot be sent": Fault(17, _grow(send_errors=700), {"HostNetworkErrors warning eth0"}),
    "a few of few packets cannot be sent": Fault(
        17, _grow(sent=-99_000, send_errors=20), {"HostNetworkErrors warning eth0"}
    ),
    "the cable of a port is pulled": Fault(
        3,
        _set(port="1: DOWN", link="2: Polling", link_downed=1),
        {"HostInfinibandDown critical mlx5_0 1", "HostInfinibandErrors warning mlx5_0 1"},
    ),
    "a link goes down and comes back": Fault(1, _once(link_downed=1), {"HostInfinibandErrors warning mlx5_0 1"}),
    "a cable of a port is bad": Fault(11, _grow(symbol_errors=120), {"HostInfinibandErrors warning mlx5_0 1"}),
    "a process hangs in the kernel": Fault(13, _set(switches=0), {"HostTasksBlocked warning"}),
    "the machine restarts": Fault(5, _reboot, {"HostRebooted info"}),
    "nobody keeps the clock": Fault(32, _set(synchronized=False), {"HostClockNotSynchronised warning"}),
    "the clock is fast": Fault(12, _set(offset=-0.08), {"HostClockSkew warning"}),
    "a memory module has an error that is not corrected": Fault(
        1, _once(memory_uncorrected=1), {"HostMemoryErrors critical mc0"}
    ),
    "a disk of an array fails and is replaced": Fault(
        7, _set(degraded=1, sync_action="recover"), {"HostRaidDegraded critical md0"}
    ),
    "an interface of a bond has no link": Fault(7, _set(slave="down"), {"HostBondDegraded warning bond0"}),
    "a container nears its limit": Fault(7, _set(group_bytes=int(4.7 * 2**30)), {"HostCgroupMemoryHigh warning"}),
    "a container is at its limit": Fault(
        7, _set(group_bytes=5 << 30), {"HostCgroupMemoryHigh warning", "HostCgroupMemoryHigh critical"}
    ),
    "files are opened and not closed": Fault(7, _set(open_files=900_000), {"HostFileDescriptorsHigh warning"}),
    "hardly a file can be opened": Fault(
        7, _set(open_files=980_000), {"HostFileDescriptorsHigh warning", "HostFileDescriptorsHigh critical"}
    ),
    "connections are made and not closed": Fault(7, _set(connections=230_000), {"HostConntrackFull warning"}),
    "hardly a connection can be made": Fault(
        7, _set(connections=260_000), {"HostConntrackFull warning", "HostConntrackFull critical"}
    ),
    "an interface of a bond is gone": Fault(7, _set(slaves="eth0"), {"HostBondDegraded warning bond0"}),
    "a drive does not come back from a reset": Fault(7, _set(drive="resetting"), {"HostNvmeFailing critical nvme0"}),
    "a drive is worn": Fault(17, _set(nvme_wear=95), {"HostNvmeWorn warning nvme0"}),
    "a drive has few spare blocks": Fault(6, _set(nvme_warning=0b11), {"HostNvmeFailing critical nvme0"}),
    "a processor is too hot": Fault(16, _grow(throttled_ms=12_000), {"HostCpuThrottled warning"}),
}
"""Faults by what happens."""
_KERNEL = {
    "soft_lockup": "watchdog: BUG: soft lockup - CPU#5 stuck for 26s! [python:4711]",
    "hard_lockup": "NMI watchdog: Watchdog detected hard LOCKUP on cpu 12",
    "hung_task": "INFO: task python:4711 blocked for more than 120 seconds.",
    "rcu_stall": "rcu: INFO: rcu_preempt self-detected stall on CPU",
    "oops": "Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "panic": "Kernel panic - not syncing: Fatal exception in interrupt",
    "machine_check": "mce: [Hardware Error]: CPU 2: Machine Check: 0 Bank 5: be00000000800400",
    "memory_uncorrected": "EDAC MC1: 1 UE memory read error on CPU_SrcID#1_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12345)",
    "pcie_uncorrected": "pcieport 0000:c0:01.1: PCIe Bus Error: severity=Uncorrected (Fatal), type=Transaction Layer, (Requester ID)",
    "nvme": "nvme nvme0: I/O 12 QID 3 timeout, reset controller",
    "disk": "blk_update_request: I/O error, dev sda, sector 4711 op 0x0:(READ) flags 0x0 phys_seg 1 prio class 0",
    "filesystem": "EXT4-fs (sda1): Remounting filesystem read-only",
    "remote_filesystem": "nfs: server 10.100.0.60 not responding, still trying",
    "mlx5": "mlx5_core 0000:81:00.0: poll_health:739:(pid 0): device's health compromised - reached miss count",
    "nvidia": "NVRM: knvlinkUpdatePostRxDetectLinkMask_IMPL: Failed to update Rx Detect Link mask!",
    "nccl": "pt_main_thread[2536443]: segfault at 7f797fe00000 ip 00007f7c7ae10000 sp 00007f797fdfe000 error 4"
    " in libnccl.so.2[7f7c7ac00000+d3d3000]",
    "network": "NETDEV WATCHDOG: eno1 (tg3): transmit queue 0 timed out",
}
"""What the kernel says of an error, by its kind."""
_CORRECTED = {
    "machine_check_corrected": "mce: [Hardware Error]: Machine check events logged",
    "memory_corrected": "EDAC MC0: 1 CE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (channel:1 slot:0 page:0x12345)",
    "pcie_corrected": "pcieport 0000:00:1c.0: PCIe Bus Error: severity=Corrected, type=Physical Layer, (Receiver ID)",
    "link_down": "mlx5_core 0000:3b:00.0 ens3f0np0: Link down",
}
"""Kinds that raise no alert."""


def _told(alert: dict[str, str]) -> str:
    """An alert as the table spells it."""
    assert (alert["cluster"], alert["instance"]) == ("c1", "node1:9838")
    names = ("alertname", "severity", "device", "mountpoint", "port", "kind")
    assert not alert.keys() - {*names, "__name__", "cluster", "instance", "alertstate"}
    return " ".join(alert[name] for name in names if name in alert)


def _fired(folder: Path, pages: Sequence[str], every: float, begin: int) -> list[set[str]]:
    """What fired at some time before the page of this number, what at some time from it on, and what does at the last."""
    since, until = duration_text(every * (len(pages) - begin)), duration_text(every * begin)
    before = f"max_over_time({played.FIRING}[{until}] offset {since})"
    answers = played.ask(folder, RULES, pages, every, before, f"max_over_time({played.FIRING}[{since}])", played.FIRING)
    return [{_told(labels) for labels, _ in answer} for answer in answers]


@pytest.mark.parametrize("name", _FAULTS)
def test_a_played_fault_raises_its_alerts_and_no_other(name: str, tmp_path: Path) -> None:
    fault = _FAULTS[name]
    bench = HostBench(tmp_path, fault.every)
    pages = [bench.page() for _ in range(fault.before)]
    for number in range(fault.pages):
        fault.play(bench, number)
        pages.append(bench.page())
    assert _fired(tmp_path, pages, fault.every, fault.before) == [set(), fault.fires, fault.fires]


def test_what_the_kernel_says_raises_the_alert_of_its_kind(tmp_path: Path) -> None:
    errors = "\n".join([*_KERNEL.values(), *_CORRECTED.values()])
    before, after = played.parsed(tmp_path, (0, "nvme nvme0: 16/0/0 default/read/poll queues"), (5, errors))
    assert all(f'kind="{kind}"' in after for kind in (*_KERNEL, *_CORRECTED))
    fires = {f"HostKernelError warning {kind}" for kind in _KERNEL}
    assert _fired(tmp_path, [*[before] * 5, after], 60, 5) == [set(), fires, fires]


def test_every_alert_of_the_host_is_played() -> None:
    shipped = set(re.findall(r"- alert: (\w+).*?severity: (\w+)", RULES["alerts-host.yml"], re.DOTALL))
    assert {alert for alert, _ in shipped} == {name for name in PACK.alerts if name.startswith("Host")}
    raised = {tuple(told.split()[:2]) for fault in _FAULTS.values() for told in fault.fires}
    assert raised == shipped - {("HostKernelError", "warning")}
    kinds = PACK.metrics["stoker_host_kernel_errors_total"].zero["kind"]
    assert sorted(kinds) == sorted([*_KERNEL, *_CORRECTED])
