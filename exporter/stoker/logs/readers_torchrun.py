"""Reads torchrun's failure reports."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_REPORT = re.compile(r"^\s*\S.*\sFAILED\s*$")
_ROOT = re.compile(r"Root Cause(?: \(first observed failure\))?:")
_FIELD = re.compile(r"^\s*(rank|exitcode)\s*:\s*(-?\d+)")
_RULE = re.compile(r"^\s*(=|\*)\1{19,}\s*$")
_LONGEST = 2000
_KILLED = {-9, 137}
_TERMINATED = {-15, 143}


class TorchrunReader:
    """torchrun's failure report: a box of lines, of which the root cause names the rank that failed first.

    The box repeats the traceback of each rank, so nothing in it is read but its fields. What the root cause's exit code says
    counts as a failure of its own only when it is a signal; else the rank's own traceback has told more before. The box is drawn with
    `=`; torch 1.9 drew it with `*` around parts ruled with `=`. The rule that opened it closes it.
    """

    literals: ClassVar[tuple[str, ...]] = ("=" * 20, "*" * 20)

    def __init__(self, keys: Keys) -> None:
        del keys
        self._start = 0
        self._rule = -10
        self._drawn = ""
        self._root = False
        self._rank = ""

    @property
    def awake(self) -> bool:
        """In a report, and on the line after a rule, which may be one's head."""
        return bool(self._start) or self._rule > 0

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if rule := _RULE.match(text):
            if self._start and rule[1] != self._drawn:
                return []
            closing, self._rule, self._drawn = bool(self._start), line.number, rule[1]
            self._start, self._root = 0, False
            return [] if closing else None
        if not self._start:
            headed = self._rule > 0 and line.number - self._rule <= 1 and _REPORT.match(text)
            self._rule = 0
            if headed:
                self._start = line.number
                return []
            return None
        if line.number - self._start > _LONGEST:
            self._start = 0
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
        return self._failed(int(match[2]))

    def _failed(self, code: int) -> list[Finding]:
        kind = "killed" if code in _KILLED else "preempted" if code in _TERMINATED else "exception"
        labels = {"kind": kind, "rank": self._rank}
        metric = "stoker_train_errors_total"
        return [
            Finding("set", "stoker_train_finished", {"status": "failed"}, 1.0, self._start),
            Finding("inc", metric, labels, 1.0, self._start, kind, weak=kind == "exception"),
        ]
