"""Reads the CSV files that loggers of metrics write beside the log (Lightning's CSVLogger)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_HEADER = re.compile(r"^[A-Za-z_][\w/.\-]*(?:,[A-Za-z_][\w/.\-]*){2,200}$")
_CELL = re.compile(r"^(?:[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|nan|NaN|[-+]?inf)?$")


class CsvReader:
    """A header with `step` or `epoch` and a loss, then rows of numbers; a new header takes the place of the old one."""

    literals: ClassVar[tuple[str, ...]] = ("step,", "epoch,", ",step", ",epoch")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._columns: tuple[str, ...] = ()

    @property
    def awake(self) -> bool:
        """After a header."""
        return bool(self._columns)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        cells = text.strip().split(",")
        if _HEADER.match(text.strip()):
            known = {"step", "epoch"} & set(cells)
            self._columns = tuple(cells) if known and any("loss" in cell for cell in cells) else ()
            return [] if self._columns else None
        if not self._columns or len(cells) != len(self._columns) or not all(_CELL.match(cell) for cell in cells):
            return None
        found = []
        for name, cell in zip(self._columns, cells, strict=True):
            if not cell:
                continue
            if name.startswith(("val_", "test_", "eval_")):
                labels = {"metric": name.partition("_")[2]}
                found.append(Finding("set", "stoker_train_eval", labels, float(cell), line.number))
            elif name.startswith("lr-"):
                found.append(Finding("set", "stoker_train_learning_rate", {}, float(cell), line.number))
            elif (finding := self._keys.finding(name, cell, line.number)) is not None:
                found.append(finding)
        return found
