"""Reads what the kernel says of itself and its devices: lockups, hung tasks, failing disks, links, memory and file systems."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from stoker.logs.finding import Finding
from stoker.logs.kernel_heads import head, together

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.kernel_heads import Told
    from stoker.logs.lines import Line

_METRIC = "stoker_host_kernel_errors_total"
_DEVICE = r"(?P<who>[\w.:\-]{1,64})"
_PCI = r"(?P<who>[0-9a-f]{4}:[0-9a-f:.]{7,12})"
_XFS = r"(?:Filesystem has been shut down|.{0,200}(?:[Ss]hutting down filesystem|[Cc]orruption detected|metadata I/O error|log I/O error))"


class _Error(NamedTuple):
    """A kind of error and how the kernel words it; `who` is the group with what is in trouble."""

    kind: str
    says: re.Pattern[str]


def _error(kind: str, *says: str) -> list[_Error]:
    return [_Error(kind, re.compile(each)) for each in says]


_ERRORS: tuple[_Error, ...] = (
    # watchdog: BUG: soft lockup - CPU#3 stuck for 23s! [python:1234]
    *_error("soft_lockup", r"(?:NMI )?(?:watchdog: )?BUG: soft lockup - CPU#(?P<who>\d+) stuck for \d+s"),
    # NMI watchdog: Watchdog detected hard LOCKUP on cpu 27;  watchdog: CPU28: Watchdog detected hard LOCKUP on cpu 28
    *_error("hard_lockup", r"(?:NMI )?(?:watchdog: )?.{0,40}[Hh]ard LOCKUP(?: on cpu (?P<who>\d+))?"),
    # INFO: task python:1234 blocked for more than 120 seconds.
    *_error("hung_task", r"INFO: task .{1,64}:\d+ blocked (?:in I/O wait )?for more than \d+ seconds"),
    # rcu: INFO: rcu_preempt self-detected stall on CPU;  rcu: INFO: rcu_sched detected stalls on CPUs/tasks:
    *_error("rcu_stall", r"(?:rcu: )?INFO: rcu\w* (?:self-)?detected (?:expedited )?stalls? on (?:CPU|tasks)"),
    *_error("panic", r"Kernel panic - not syncing: "),
    # Oops: 0000 [#1] SMP;  Internal error: Oops: 96000004 [#1];  general protection fault, probably for ...: 0000 [#2]
    *_error(
        "oops",
        r"(?:Oops|Internal error|general protection fault|invalid opcode|stack segment|divide error)\b.{0,200} \[#(?P<who>\d+)\]",
    ),
    # mce: [Hardware Error]: CPU 3: Machine Check: 0 Bank 5: be00000000800400
    *_error(
        "machine_check",
        r"(?:mce: )?\[Hardware Error\]: .{0,40}Machine Check(?: \w+)?: .{1,20} Bank \d+: (?P<status>[0-9a-f]{16})",
    ),
    *_error("machine_check", r"(?:\{\d+\})?\[Hardware Error\]: +event severity: (?:recoverable|fatal)"),
    *_error("machine_check_corrected", r"mce: \[Hardware Error\]: Machine check events logged"),
    *_error("machine_check_corrected", r"(?:\{\d+\})?\[Hardware Error\]: +event severity: corrected"),
    # EDAC MC0: 1 UE memory read error on CPU_SrcID#0_MC#0_Chan#1_DIMM#0 (...)
    *_error(
        "memory_uncorrected",
        r"EDAC (?P<who>\w+): \d+ UE ",
        r"Memory failure: 0x[0-9a-f]+: ",
        r"mce: Uncorrected hardware memory error",
    ),
    *_error("memory_corrected", r"EDAC (?P<who>\w+): \d+ CE "),
    # pcieport 0000:00:1b.0: PCIe Bus Error: severity=Uncorrected (Non-Fatal), type=Transaction Layer, (Receiver ID)
    *_error("pcie_uncorrected", rf"\w[\w-]* {_PCI}: (?:AER: )?PCIe Bus Error: severity=Uncorrect"),
    *_error("pcie_corrected", rf"\w[\w-]* {_PCI}: (?:AER: )?PCIe Bus Error: severity=Correct"),
    # nvme nvme0: I/O tag 30 (d01e) opcode 0x1 (I/O Cmd) QID 1 timeout, aborting req_op:WRITE(1) size:262144
    *_error(
        "nvme",
        rf"nvme {_DEVICE}: (?:(?:I/O|Admin Cmd) [^,]{{1,80}} timeout, |controller is down; will reset|Removing after probe failure"
        r"|Device not ready|Disabling device after reset failure|frozen state error detected)",
    ),
    # blk_update_request: I/O error, dev sda, sector 123;  critical medium error, dev nvme0n1, sector 5 op 0x0:(READ)
    *_error(
        "disk",
        r"(?:blk_update_request: |print_req_error: )?(?:I/O|critical \w+) error, dev (?P<who>(?!fd|sr|loop)[\w-]{1,40}), sector \d",
        r"Buffer I/O error on dev(?:ice)? (?P<who>(?!fd|sr|loop)[\w-]{1,40}), logical block",
        # md/raid1:md0: Disk failure on sdb1, disabling device.
        r"md/raid\w*:(?P<who>md[\w-]{1,40}): Disk failure on ",
    ),
    # EXT4-fs (sda1): Remounting filesystem read-only;  XFS (dm-0): Filesystem has been shut down due to log error (0x2).
    *_error(
        "filesystem",
        rf"EXT4-fs \({_DEVICE}\): (?:Remounting filesystem read-only|I/O error while writing superblock)",
        rf"EXT4-fs error \(device {_DEVICE}\)",
        r"Aborting journal on device (?P<who>[\w.:]{1,64}?)(?:-\d+)?\.\s*$",
        rf"XFS \({_DEVICE}\): {_XFS}",
        rf"BTRFS:? (?:error|critical) \(device {_DEVICE}",
    ),
    # nfs: server 10.0.0.1 not responding, still trying
    *_error(
        "remote_filesystem",
        rf"nfs: server {_DEVICE} not responding, (?:still trying|timed out)",
        r"Lustre(?:Error)?: .{0,200}Connection to (?P<who>\S{1,100})(?: \(at \S+\))? was lost",
        r"ceph: .{0,60}mds\d+ hung",
    ),
    # mlx5_core 0000:81:00.0: poll_health:739:(pid 0): device's health compromised - reached miss count
    *_error(
        "mlx5",
        rf"mlx5_core {_PCI}:? .{{0,200}}?(?:health compromised|health poll failed|Fatal error \d+ detected|handling bad device"
        r"|timeout\. Will cause a leak|cmd_work_handler:.{0,40}failed|TX timeout|NETDEV WATCHDOG|Port module event\[error\]"
        r"|Detected insufficient power on the PCIe slot)",
        r"NETDEV WATCHDOG: (?P<who>\S{1,40}) \(mlx5_core\): transmit queue",
    ),
    *_error(
        "network", r"(?:\w[\w-]* [0-9a-f:.]{7,12} \S{1,40}: )?NETDEV WATCHDOG: (?P<who>\S{1,40}) .{0,60}transmit queue"
    ),
    # NVRM: knvlinkDiscoverPostRxDetLinks_GH100: Getting peer0's postRxDetLinkMask failed!
    # nvidia-peermem nv_get_p2p_free_callback:127 ERROR detected invalid context, skipping further processing
    *_error(
        "nvidia",
        r"NVRM: knvlink\w{1,80}: .{0,100}[Ff]ailed",
        r"nvidia-peermem \S{1,80} ERROR detected invalid context",
    ),
    # pt_main_thread[2536443]: segfault at 7f797fe00000 ip 00007f7c7b sp 00007f79 error 4 in libnccl.so.2[7f7c7ac00000+d3d3000]
    *_error("nccl", r"[^\[\]]{1,16}\[\d+\]: segfault at [0-9a-f]+ ip .{1,120} in libnccl\.so"),
    # mlx5_core 0000:3b:00.0 ens3f0np0: Link down;  bnxt_en 0000:3b:00.0 ens3f0np0: NIC Link is Down
    *_error("link_down", r"\w[\w-]* (?:[0-9a-f:.]{7,12} )?(?P<who>\S{1,40}): (?:NIC )?Link (?:is )?[Dd]own\b"),
)
_UNCORRECTED = 1 << 61
"""The bit of a machine check's status that says that the error was not corrected."""
_TOGETHER = 1000
"""Lines within which reports of one kind about the same thing are one error, ..."""
_SECONDS = 600.0
"""... unless the times that they name are further apart than this."""
_EACH = frozenset({"link_down"})
"""Kinds of which every line is an event."""


class KernelErrorsReader:
    """Each error once: a report that the kernel repeats, and what it says at the same time of the same thing, is the same one."""

    literals: ClassVar[tuple[str, ...]] = (
        "soft lockup",
        "ard LOCKUP",
        " blocked ",
        "detected ",
        "Kernel panic",
        "[#",
        "[Hardware Error]",
        "EDAC ",
        "Memory failure",
        "Uncorrected hardware memory",
        "PCIe Bus Error",
        "nvme ",
        " error, dev ",
        "Buffer I/O error",
        "EXT4-fs",
        "Aborting journal",
        "XFS (",
        "BTRFS",
        "not responding, ",
        "Lustre",
        "ceph: ",
        "mlx5_core ",
        "NETDEV WATCHDOG",
        "Link ",
        "md/raid",
        "knvlink",
        "nvidia-peermem",
        "libnccl.so",
    )
    expressions: ClassVar[tuple[str, ...]] = (
        r"BUG: soft lockup - CPU#",
        r"ard LOCKUP",
        r"INFO: task .{1,64} blocked ",
        r"INFO: rcu\w* (?:self-)?detected ",
        r"Kernel panic - not syncing",
        r" \[#\d+\]",
        r"\[Hardware Error\]: ",
        r"EDAC \w+: \d+ [CU]E ",
        r"Memory failure: 0x",
        r"mce: Uncorrected hardware memory error",
        r"PCIe Bus Error: severity=",
        r"nvme \S+: (?:I/O|Admin|controller|Removing|Device|Disabling|frozen) ",
        r" error, dev \S+ sector ",
        r"Buffer I/O error on dev",
        r"EXT4-fs (?:error )?\(",
        r"Aborting journal on device ",
        r"XFS \(\S+: ",
        r"BTRFS:? (?:error|critical) \(",
        r"nfs: server \S+ not responding, ",
        r"Lustre(?:Error)?: .*Connection to ",
        r"ceph: .*mds\d+ hung",
        r"mlx5_core [0-9a-f:.]+:? ",
        r"NETDEV WATCHDOG: ",
        r": (?:NIC )?Link (?:is )?[Dd]own",
        r"md/raid\w*:md\S+: Disk failure",
        r"NVRM: knvlink\w+: .*[Ff]ailed",
        r"nvidia-peermem .*ERROR detected invalid context",
        r"segfault at .* in libnccl\.so",
    )

    def __init__(self, keys: Keys) -> None:
        del keys
        self._last: dict[tuple[str, str], Told] = {}

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        end, told = head(text, line.number)
        for kind, says in _ERRORS:
            match = says.match(text, end)
            if match is not None:
                return self._count(_kind(kind, match), match, told)
        return None

    def _count(self, kind: str, match: re.Match[str], told: Told) -> list[Finding]:
        who = (match["who"] or "") if "who" in match.re.groupindex else ""
        before = self._last.pop((kind, who), None)
        self._last[kind, who] = told
        if len(self._last) > _TOGETHER:
            del self._last[next(iter(self._last))]
        if before is not None and kind not in _EACH and together(before, told, lines=_TOGETHER, seconds=_SECONDS):
            return []
        return [Finding("inc", _METRIC, {"kind": kind}, 1.0, told.line)]


def _kind(kind: str, match: re.Match[str]) -> str:
    """The kind, which for a machine check its status decides."""
    if "status" in match.re.groupindex and not int(match["status"], 16) & _UNCORRECTED:
        return "machine_check_corrected"
    return kind
