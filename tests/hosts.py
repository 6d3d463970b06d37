"""A simulated machine, without GPUs, on which nothing is wrong: its files, mounts, clock and drive say what its values are now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import recordings
from machines import write
from stoker.collectors.host import host_collectors
from stoker.server.exposition import Exposition
from stoker.sources.clock import ClockState
from stoker.sources.host import Host
from stoker.sources.mounts import Mounts

if TYPE_CHECKING:
    from pathlib import Path

    from stoker.metrics import Sample

HEALTHY: dict[str, Any] = {
    "booted": -7200,
    "load": 50,
    "cpu_busy": 0,
    "cpu_idle": 0,
    "elapsed_ms": 0,
    "switches": 0,
    "available_kb": 300_000_000,
    "swapped_in": 0,
    "swapped_out": 0,
    "oom_kills": 0,
    "stalled_us": 0,
    "sda_busy_ms": 0,
    "nvme_busy_ms": 0,
    "received": 0,
    "receive_errors": 0,
    "sent": 0,
    "send_errors": 0,
    "veth_errors": 0,
    "open_files": 4096,
    "connections": 1200,
    "group_bytes": 3 << 30,
    "port": "4: ACTIVE",
    "link": "5: LinkUp",
    "link_downed": 0,
    "symbol_errors": 0,
    "slave": "up",
    "slaves": "eth0 eth1",
    "drive": "live",
    "degraded": 0,
    "sync_action": "idle",
    "memory_corrected": 0,
    "memory_uncorrected": 0,
    "throttled_ms": 0,
    "data_options": "rw,errors=remount-ro",
    "data_free": 60.0,
    "data_inodes_free": 60.0,
    "synchronized": True,
    "offset": 1e-5,
    "nvme_warning": 0b10,
    "nvme_wear": 3,
}
"""What the machine says when it comes up.

Some of it may look like a fault and is none: a drive that is warm, a mount that was always read-only and a port that never had a
link, a full tmpfs, a file system without inode counts, a process that is found in D whenever it is looked at and runs in between.
"""
_EACH_MINUTE = {
    "elapsed_ms": 60_000,
    "switches": 5,
    "sda_busy_ms": 6_000,
    "nvme_busy_ms": 30_000,
    "received": 100_000,
    "sent": 100_000,
    "veth_errors": 6_000,
    "memory_corrected": 1,
    "throttled_ms": 60,
    "swapped_out": 100_000,
    "stalled_us": 600_000,
}
"""What grows while the machine works."""
_TICKS = 60 * os.sysconf("SC_CLK_TCK")
_PORTS = "sys/class/infiniband/mlx5_0/ports"
_FILES = {
    "proc/stat": "cpu  {cpu_busy} 0 0 {cpu_idle} 0 0 0 0 0 0\nintr 1\nbtime {booted}\n",
    "proc/meminfo": "MemTotal: 500000000 kB\nMemAvailable: {available_kb} kB\nSwapTotal: 1000 kB\nSwapFree: 500 kB\n",
    "proc/vmstat": "pswpin {swapped_in}\npswpout {swapped_out}\noom_kill {oom_kills}\n",
    "proc/diskstats": " 259 0 nvme0n1 1 0 2 3 5 0 4 2 0 {nvme_busy_ms} 5 0 0 0 0 0 0\n"
    " 8 0 sda 1 0 2 3 5 0 4 2 0 {sda_busy_ms} 5 0 0 0 0 0 0\n"
    " 253 0 dm-0 1 0 2 3 5 0 4 2 0 {elapsed_ms} 5 0 0 0 0 0 0\n",
    "proc/net/dev": "Inter-| Receive | Transmit\n face |bytes packets\n"
    "  eth0: 1 {received} {receive_errors} 2 0 0 0 0 2 {sent} {send_errors} 4 0 0 0 0\n"
    " veth1: 1 1 {veth_errors} 2 0 0 0 0 2 1 {veth_errors} 4 0 0 0 0\n",
    "proc/pressure/memory": "some avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total={stalled_us}\n",
    "proc/sys/fs/file-nr": "{open_files}\t0\t1000000\n",
    "proc/sys/net/netfilter/nf_conntrack_count": "{connections}\n",
    "proc/77/status": "Name:\ta name\nvoluntary_ctxt_switches:\t{switches}\nnonvoluntary_ctxt_switches:\t6\n",
    "proc/1/mountinfo": "21 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n"
    "22 21 8:1 / /data rw - ext4 /dev/sda1 {data_options}\n"
    "23 21 8:1 /sets /sets rw - ext4 /dev/sda1 {data_options}\n"
    "24 21 8:17 / /archive ro - ext4 /dev/sdb1 ro\n"
    "25 21 8:33 / /scratch rw - btrfs /dev/sdc1 rw\n"
    "26 21 0:30 / /tmp rw - tmpfs tmpfs rw\n",
    f"{_PORTS}/1/state": "{port}\n",
    f"{_PORTS}/1/phys_state": "{link}\n",
    f"{_PORTS}/1/counters/link_downed": "{link_downed}\n",
    f"{_PORTS}/1/counters/symbol_error": "{symbol_errors}\n",
    f"{_PORTS}/2/state": "1: DOWN\n",
    "sys/class/net/eth1/bonding_slave/mii_status": "{slave}\n",
    "sys/class/net/bond0/bonding/slaves": "{slaves}\n",
    "sys/class/nvme/nvme0/state": "{drive}\n",
    "sys/block/md0/md/degraded": "{degraded}\n",
    "sys/block/md0/md/sync_action": "{sync_action}\n",
    "sys/devices/system/edac/mc/mc0/ce_count": "{memory_corrected}\n",
    "sys/devices/system/edac/mc/mc0/ue_count": "{memory_uncorrected}\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_total_time_ms": "{throttled_ms}\n",
    f"sys/{recordings.GROUP}/memory.current": "{group_bytes}\n",
}


class HostBench:
    """The machine and the collectors that read it.

    Attributes:
        values: those of HEALTHY, as they are now; change them and the next page tells it.
        on: whether it runs; there is no page of a machine that does not.
        now: seconds since the epoch, which is when the first page is made, as in promtool.
    """

    def __init__(self, root: Path, every: float) -> None:
        self.values = dict(HEALTHY)
        self.on = True
        self.now = 0.0
        self._every = every
        self._root = root
        self._machine = recordings.tree(root, 0)
        (root / "sets").mkdir()
        self._begin()

    def boot(self) -> None:
        """Let the machine come up now: it counts from 0 again, and so does Stoker."""
        self.values = HEALTHY | {"booted": int(self.now)}
        self.on = True
        self._begin()

    def page(self) -> str:
        """What /metrics says of the machine now, of which every collector finds something; then it works on until the next page."""
        page = Exposition().render(self._samples()).decode() if self.on else ""
        minutes = self._every / 60
        ticks = int(minutes * _TICKS)
        steps = {name: int(step * minutes) for name, step in _EACH_MINUTE.items()}
        steps["cpu_busy"] = ticks * self.values["load"] // 100
        steps["cpu_idle"] = ticks - steps["cpu_busy"]
        self.values |= {name: self.values[name] + step for name, step in steps.items()}
        self.now += self._every
        return page

    def _begin(self) -> None:
        calls = recordings.calls()._replace(clock=self._clock, drive=self._drive)
        mounts = Mounts(self._machine.proc, self._machine.root, statvfs=self._statvfs)
        host = Host(self._machine, mounts=mounts)
        self._collectors = host_collectors(host, clock=self._time, monotonic=self._uptime, calls=calls)

    def _samples(self) -> list[Sample]:
        write(self._root, {name: text.format_map(self.values) for name, text in _FILES.items()})
        readings = [collector.collect() for collector in self._collectors]
        assert not [failure for reading in readings for failure in reading.failures]
        return [sample for reading in readings for sample in reading.samples]

    def _time(self) -> float:
        return self.now

    def _uptime(self) -> float:
        return float(self.now - self.values["booted"])

    def _clock(self) -> ClockState:
        return ClockState(self.values["synchronized"], self.values["offset"], 2e-4, 3e-3)

    def _drive(self, path: str) -> bytes:
        log = bytearray(recordings.drive_log(path))
        log[0], log[5] = self.values["nvme_warning"], self.values["nvme_wear"]
        return bytes(log)

    def _statvfs(self, path: str) -> os.statvfs_result:
        """Blocks of 64 MiB of a file system of 1 TiB, and inodes."""
        blocks, files = 1 << 14, 1_000_000
        free, files_free = {
            "data": (self.values["data_free"], self.values["data_inodes_free"]),
            "sets": (self.values["data_free"], self.values["data_inodes_free"]),
            "scratch": (1.0, 60.0),
            "tmp": (1.0, 1.0),
        }.get(os.path.relpath(path, self._root), (60.0, 60.0))
        left, files_left = int(blocks * free / 100), int(files * files_free / 100)
        if path.endswith("/scratch"):
            files = files_left = 0
        return os.statvfs_result((1 << 26, 1 << 26, blocks, left, left, files, files_left, files_left, 0, 255))
