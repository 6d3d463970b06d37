"""Readers for what a single regular expression cannot take apart: dictionaries, tracebacks, torchrun's reports, kernel lines.

A reader is made anew for each stream and keeps what it has to know of the lines before. It takes a line and gives findings, or
None for a line that is not its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Protocol

from stoker.logs.incidents import kind_of
from stoker.logs.units import number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from stoker.logs.lines import Line
    from stoker.metrics.observation import Operation


class Finding(NamedTuple):
    """One thing that a reader found.

    Attributes:
        op, metric, labels, value: as in an Observation.
        line: where the record starts.
        incident: the kind, when it counts only once for all its retellings.
    """

    op: Operation
    metric: str
    labels: dict[str, str]
    value: float
    line: int
    incident: str = ""


class Reader(Protocol):
    """See the module."""

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:
        """Findings of the line, an empty list when it is the reader's own and says nothing yet."""

    @property
    def open(self) -> bool:
        """Whether a record has begun and not ended."""


_PAIR = re.compile(
    r"""['"]([\w/@.\- ]+)['"]\s*:\s*(?:['"]?(?:tensor\()?([-+]?(?:\d[\d,_]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|nan|NaN|inf|Infinity))\)?['"]?)\s*(?=[,}])"""
)
_DICT = re.compile(r"\{\s*['\"]")
_BAR = re.compile(r"(?:^|\s|:)\s*\d{1,3}%\|[^|]*\|\s*(\d+)/(\d+)\s*\[")
_TOTAL = re.compile(r"Total optimization steps\s*=\s*([\d,]+)")
_KNOWN = frozenset({"loss", "grad_norm", "learning_rate", "epoch", "train_loss", "train_runtime"})
_EVAL = ("eval_", "test_", "val_")
_NOT_EVAL = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "mem_",
    "jit_",
    "model_preparation_time",
    "num_tokens",
)


class DictReader:
    """Hugging Face's lines: `{'loss': 0.71, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.1}`, bare, quoted or JSON.

    The step stands only in the progress bar before it; bars of evaluations have other totals and are left out.
    """

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = keys
        self._bar: tuple[int, int] | None = None
        self._total = 0

    @property
    def open(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        for match in _BAR.finditer(text):
            done, total = int(match[1]), int(match[2])
            if total >= self._total:
                self._total, self._bar = total, (done, total)
        if planned := _TOTAL.search(text):
            self._total = int(planned[1].replace(",", ""))
            return [Finding("set", "stoker_train_steps", {}, float(self._total), line.number)]
        start = _DICT.search(text)
        if start is None:
            return None
        pairs = _PAIR.findall(text, start.start())
        names = {name for name, _ in pairs}
        evaluated = any(name.startswith(_EVAL) for name in names)
        if not (names & _KNOWN) or not ("epoch" in names or evaluated or len(names & _KNOWN) > 1):
            return None
        return self._findings(dict(pairs), line.number, evaluated=evaluated)

    def _findings(self, pairs: Mapping[str, str], line: int, *, evaluated: bool) -> list[Finding]:
        found = []
        summary = "train_runtime" in pairs
        if not evaluated and not summary and self._bar is not None and "loss" in pairs:
            found.append(Finding("set", "stoker_train_step", {}, float(self._bar[0]), line))
            found.append(Finding("set", "stoker_train_steps", {}, float(self._bar[1]), line))
        for name, text in pairs.items():
            value = number(text)
            if name.startswith(_EVAL):
                metric = name.split("_", 1)[1]
                if not metric.startswith(_NOT_EVAL):
                    found.append(Finding("set", "stoker_train_eval", {"metric": metric}, value, line))
            elif name in self._keys:
                if not (summary and name == "train_loss"):
                    found.append(Finding("set", self._keys[name], {}, value, line))
            elif not summary and not evaluated:
                found.append(Finding("set", "stoker_train_value", {"name": name}, value, line))
        return found


_HEADER = re.compile(r"(?:^|[\s|:\]])Traceback \(most recent call last\):?\s*$")
_RAISED = re.compile(
    r"^(?P<name>(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Failure|Timeout|Warning|Exceeded|Expired|Fault|OOM))"
    r"(?::\s*(?P<says>.*))?$"
)
_DOTTED = re.compile(r"^(?P<name>(?:[A-Za-z_]\w*\.)+[A-Z]\w*)(?::\s*(?P<says>.*))$")
_CHAIN = ("During handling of the above exception", "The above exception was the direct cause")
_LONGEST = 300
_NO_FAILURE = {"KeyboardInterrupt", "SystemExit", "GeneratorExit", "StopIteration"}


class TracebackReader:
    """Python tracebacks, those of several ranks interleaved; a chain of causes is one incident, named by its first."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        del keys
        self._open: dict[str, tuple[int, int]] = {}
        self._chained: set[str] = set()
        self._said: dict[tuple[str, str], tuple[int, str]] = {}

    @property
    def open(self) -> bool:
        """Whether a traceback has begun."""
        return bool(self._open)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:
        """See Reader."""
        if _HEADER.search(text):
            self._open[rank] = (line.number, 0)
            return []
        if text.strip().startswith(_CHAIN):
            self._chained.add(rank)
            return []
        if rank not in self._open:
            return None
        start, count = self._open[rank]
        raised = None if text[:1] in " \t" else _RAISED.match(text.strip()) or _DOTTED.match(text.strip())
        if raised is None:
            if count >= _LONGEST:
                del self._open[rank]
                return None
            self._open[rank] = (start, count + 1)
            return [] if text[:1] in " \t" else None
        del self._open[rank]
        if rank in self._chained:
            self._chained.discard(rank)
            return []
        return self._raised(raised["name"].rsplit(".", 1)[-1], raised["says"] or "", start, rank, line.number)

    def _raised(self, name: str, says: str, start: int, rank: str, now: int) -> list[Finding]:
        key = (name, says[:200])
        told, by = self._said.get(key, (-_LONGEST * 10, ""))
        self._said[key] = (now, rank or by)
        if len(self._said) > _LONGEST:
            self._said.pop(next(iter(self._said)))
        if now - told < _LONGEST and (by == rank or not by or not rank):
            return []  # the same again, as launchers and loggers repeat it
        if name in _NO_FAILURE:
            return []
        kind = kind_of(f"{name}: {says}")
        return [
            Finding("inc", "stoker_train_exceptions_total", {"type": name}, 1.0, start),
            Finding("inc", "stoker_train_errors_total", {"kind": kind}, 1.0, start, kind),
        ]


_REPORT = re.compile(r"^\s*(\S+) FAILED\s*$")
_ROOT = re.compile(r"Root Cause(?: \(first observed failure\))?:")
_FIELD = re.compile(r"^\s*(rank|exitcode)\s*:\s*(-?\d+)")
_RULE = re.compile(r"^\s*={20,}\s*$")
_SIGNALS = {-9: "killed", -15: "preempted"}


class TorchrunReader:
    """torchrun's failure report: a box of lines, of which the root cause names the rank that failed first."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        del keys
        self._start = 0
        self._rule = -10
        self._root = False
        self._rank = ""

    @property
    def open(self) -> bool:
        """Whether a report has begun."""
        return bool(self._start)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if _RULE.match(text):
            closing, self._rule = bool(self._start), line.number
            self._start, self._root = 0, False
            return [] if closing else None
        if not self._start:
            if _REPORT.match(text) and line.number - self._rule <= 2:  # noqa: PLR2004 - the rule stands just above
                self._start = line.number
                return []
            return None
        if _ROOT.search(text):
            self._root = True
        match = _FIELD.match(text) if self._root else None
        if match is None:
            return []
        if match[1] == "rank":
            self._rank = match[2]
            return []
        self._root = False
        code = int(match[2])
        kind = _SIGNALS.get(code, "killed" if code == 137 else "exception")  # noqa: PLR2004 - 128 + SIGKILL
        return [
            Finding("set", "stoker_train_finished", {"status": "failed"}, 1.0, self._start),
            Finding("inc", "stoker_train_errors_total", {"kind": kind}, 1.0, self._start, kind),
        ]


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

    def __init__(self, keys: Mapping[str, str]) -> None:
        del keys
        self._uuids: dict[str, str] = {}
        self._off: dict[str, int] = {}
        self._losing = ""

    @property
    def open(self) -> bool:
        """Never for long."""
        return False

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


READERS: dict[str, Callable[[Mapping[str, str]], Reader]] = {
    "dict": DictReader,
    "traceback": TracebackReader,
    "torchrun": TorchrunReader,
    "kernel": KernelReader,
}
"""A new reader is one class and one row here."""
