"""Reads XIDs and SXIDs out of the kernel's log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_UUID = re.compile(r"NVRM: GPU at PCI:([0-9a-fA-F:.]+): (GPU-[0-9a-f-]{36})")
_XID = re.compile(
    r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+)(?: GPU-I:\d+)?(?: GPU-CI:\d+)?\): (\d+)(?:, (.*))?"
)
_OFF_BUS = re.compile(r"NVRM: GPU ([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+): GPU has fallen off the bus")
_OFF_BUS_LONG = re.compile(r"NVRM: The NVIDIA GPU ([0-9a-fA-F]{4,8}:[0-9a-fA-F:.]+)")
_SXID = re.compile(r"nvidia-nvswitch(\d+): SXid \(PCI:[0-9a-fA-F:.]+\): (\d+), (Fatal|Non-fatal),", re.IGNORECASE)
_ACTION = re.compile(r"changed from .* to 0x[0-9a-f]+ \(([^)]*)\)", re.IGNORECASE)
_FELL_OFF = "79"
_RECOVERY = "154"
_TOGETHER = 50


class KernelReader:
    """XIDs and SXIDs of the kernel log, each event once: by number, without number, on three lines."""

    literals: ClassVar[tuple[str, ...]] = ("NVRM", "SXid", "fallen off the bus")

    def __init__(self, keys: Keys) -> None:
        del keys
        self._uuids: dict[str, str] = {}
        self._off: dict[str, int] = {}
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
            return self._xid(normal_pci(match[1]), match[2], match[3] or "", line.number)
        if match := _OFF_BUS.search(text):
            return self._off_bus(normal_pci(match[1]), line.number)
        if match := _OFF_BUS_LONG.search(text):
            self._losing = normal_pci(match[1])
            return []
        if self._losing and "fallen off the bus" in text:
            lost, self._losing = self._losing, ""
            return self._off_bus(lost, line.number)
        if match := _SXID.search(text):
            severity = "fatal" if match[3].lower() == "fatal" else "non_fatal"
            labels = {"switch": match[1], "sxid": match[2], "severity": severity}
            return [Finding("inc", "stoker_nvswitch_sxid_errors_total", labels, 1.0, line.number)]
        return None

    def _xid(self, pci: str, xid: str, says: str, line: int) -> list[Finding]:
        if xid == _FELL_OFF:
            if line - self._off.get(pci, -_TOGETHER) < _TOGETHER:
                return []
            self._off[pci] = line
        labels = {"xid": xid, "pci_bus_id": pci}
        if pci in self._uuids:
            labels["uuid"] = self._uuids[pci]
        if severity := _severity(xid, says):
            labels["severity"] = severity
        return [Finding("inc", "stoker_gpu_xid_errors_total", labels, 1.0, line)]

    def _off_bus(self, pci: str, line: int) -> list[Finding]:
        return self._xid(pci, _FELL_OFF, "", line)


def _severity(xid: str, says: str) -> str:
    """Where the line itself says how bad it is: NVLink 5 (144 to 150) and a changed recovery action (154)."""
    if 144 <= int(xid) <= 150:  # noqa: PLR2004 - NVIDIA's numbers of NVLink 5
        return "fatal" if re.search(r"\bFatal\b", says) else "non_fatal"
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
