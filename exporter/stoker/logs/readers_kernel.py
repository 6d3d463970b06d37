"""Reads XIDs and SXIDs out of the kernel's log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from stoker.logs.finding import Finding
from stoker.logs.kernel_heads import Told, head, together
from stoker.spec.xid import HIGHEST_XID, sxid_severity

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

# NVRM: GPU at PCI:0000:91:00: GPU-b6c3b2be-c55b-d076-fa0e-d464e4c7e08b
_UUID = re.compile(r"NVRM: GPU at PCI:([0-9a-fA-F:.]+): (GPU-[0-9a-f-]{36})")
# NVRM: Xid (PCI:0000:01:00 GPU-I:05 GPU-CI:00): 94, pid=7194, name=python, Contained: ...; before driver 319 without PCI:
_XID = re.compile(
    r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+)(?: GPU-I:\d+)?(?: GPU-CI:\d+)?\): (\d+)(?:, (.*))?"
)
# NVRM: GPU 0000:91:00.0: GPU has fallen off the bus.
_OFF_BUS = re.compile(r"NVRM: GPU ([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+): GPU has fallen off the bus")
# NVRM: The NVIDIA GPU 0000:18:00.0, and on the lines that follow: fallen off the bus and is not responding to commands.
_OFF_BUS_LONG = re.compile(r"NVRM: The NVIDIA GPU ([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+)")
# nvidia-nvswitch3: SXid (PCI:0000:05:00.0): 12028, Non-fatal, Link 32 egress non-posted PRIV error (First)
# of the lines about the same event that follow, one begins with "Severity", the other with "Data"
_SXID = re.compile(
    r"nvidia-nvswitch(\d+): SXid \(PCI:[0-9a-fA-F:.]+\): (\d+), (?!Severity\b|Data\b)(Fatal\b|Non-fatal\b)?",
    re.IGNORECASE,
)
_ACTION = re.compile(r"changed from .* to 0x[0-9a-f]+ \(([^)]*)\)", re.IGNORECASE)
_SAYS_FATAL = re.compile(r"\bFatal\b")
_FELL_OFF = "79"
_RECOVERY = "154"
_NVLINK5 = frozenset(map(str, range(144, 151)))
_LINES = 50
"""Lines within which both ways to tell of one bus drop stand, ..."""
_SECONDS = 30.0
"""... and seconds, where the lines name a time: the driver prints both at once, so that this is only what one clock is behind another one."""
_HIGHEST_SXID = 99_999
_OTHER = "other"


class _Drop(NamedTuple):
    """The last bus drop of a GPU: where it was told, and whether with its number."""

    told: Told
    numbered: bool


class KernelReader:
    """XIDs and SXIDs of the kernel log, each event once: by number, without number, on three lines."""

    literals: ClassVar[tuple[str, ...]] = ("NVRM", "SXid", "fallen off the bus")

    def __init__(self, keys: Keys) -> None:
        del keys
        self._uuids: dict[str, str] = {}
        self._off: dict[str, _Drop] = {}
        self._losing = ""

    @property
    def awake(self) -> bool:
        """After the first half of a report on two lines."""
        return bool(self._losing)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if "NVRM" not in text and "SXid" not in text:
            return None
        if match := _UUID.search(text):
            self._uuids[normal_pci(match[1])] = match[2]
            return []
        if match := _XID.search(text):
            return self._xid(normal_pci(match[1]), code_label(match[2]), match[3] or "", text, line.number)
        if match := _OFF_BUS.search(text):
            return self._off_bus(normal_pci(match[1]), text, line.number)
        if match := _OFF_BUS_LONG.search(text):
            self._losing = normal_pci(match[1])
            return []
        if self._losing and "fallen off the bus" in text:
            lost, self._losing = self._losing, ""
            return self._off_bus(lost, text, line.number)
        if match := _SXID.search(text):
            return [_sxid(match[1], code_label(match[2], _HIGHEST_SXID), match[3] or "", line.number)]
        return None

    def _xid(self, pci: str, xid: str, says: str, text: str, line: int) -> list[Finding]:
        if xid == _FELL_OFF:
            before, told = self._off.get(pci), head(text, line).told
            self._off[pci] = _Drop(told, numbered=True)
            if before is not None and not before.numbered and _same(before.told, told):
                return []
        return [self._finding(pci, xid, says, line)]

    def _off_bus(self, pci: str, text: str, line: int) -> list[Finding]:
        """The bus drop without a number: one of its own, unless it was told just before."""
        before, told = self._off.get(pci), head(text, line).told
        again = before is not None and _same(before.told, told)
        self._off[pci] = _Drop(told, numbered=again and before is not None and before.numbered)
        return [] if again else [self._finding(pci, _FELL_OFF, "", line)]

    def _finding(self, pci: str, xid: str, says: str, line: int) -> Finding:
        labels = {"xid": xid, "pci_bus_id": pci}
        if pci in self._uuids:
            labels["uuid"] = self._uuids[pci]
        if severity := _severity(xid, says):
            labels["severity"] = severity
        return Finding("inc", "stoker_gpu_xid_errors_total", labels, 1.0, line)


def _same(before: Told, now: Told) -> bool:
    return together(before, now, lines=_LINES, seconds=_SECONDS)


def _sxid(switch: str, sxid: str, severity: str, line: int) -> Finding:
    """An NVSwitch's error; the table tells how bad it is where the line does not."""
    worth = severity.lower().replace("-", "_") or sxid_severity(sxid)
    labels = {"switch": switch, "sxid": sxid, "severity": worth}
    return Finding("inc", "stoker_nvswitch_sxid_errors_total", labels, 1.0, line)


def line_tells(xid: str) -> bool:
    """Whether the line of this code says how bad it is, which NVML's event of it does not."""
    return xid in _NVLINK5 or xid == _RECOVERY


def code_label(text: str, highest: int = HIGHEST_XID) -> str:
    """A code as a label: decimal, without leading zeros; `other` for what is none of NVIDIA's."""
    digits = text.lstrip("0") or "0"
    return digits if len(digits) <= len(str(highest)) and int(digits) <= highest else _OTHER


def _severity(xid: str, says: str) -> str:
    """Where the line itself says how bad it is: NVLink 5 (144 to 150) and a changed recovery action (154)."""
    if xid in _NVLINK5:
        return "fatal" if _SAYS_FATAL.search(says) else "non_fatal"
    if xid == _RECOVERY:
        match = _ACTION.search(says)
        return "non_fatal" if match and match[1].strip().lower() == "none" else "fatal"
    return ""


def normal_pci(text: str) -> str:
    """`0000:91:00`, `00000000:91:00.0` and `0000:91:00.0` are one: `0000:91:00.0`, lower case."""
    address, _, function = text.lower().partition(".")
    parts = address.split(":")
    domain = f"{int(parts[0], 16):04x}"
    return f"{domain}:{':'.join(parts[1:3])}.{function or '0'}"
