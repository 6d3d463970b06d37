"""Reads the CSV files that loggers of metrics write beside the log (Lightning's CSVLogger)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_NAME = r"[A-Za-z_][\w/.\-@ ()]*"
_HEADER = re.compile(rf"^{_NAME}(?:,\s*{_NAME}){{1,200}}$")
_CELL = re.compile(r"^(?:[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?|nan|NaN|[-+]?inf)$")
_COUNTS = ("step", "global_step", "epoch", "iter", "iteration")
_EVAL = ("val_", "valid_", "validation_", "test_", "eval_", "val/", "valid/", "test/", "eval/", "metrics/")


class CsvReader:
    """A header with a step or an epoch and a loss, then rows; a new header takes the place of the old one.

    What is no number in a row (a date, an empty cell) says nothing; a row whose step or epoch is none is no row.
    """

    literals: ClassVar[tuple[str, ...]] = (
        "tep,",
        "poch,",
        "iter,",
        "iteration,",
        ",step",
        ",epoch",
        ",Step",
        ",Epoch",
        ", step",
        ", epoch",
        ",global_step",
    )

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._columns: tuple[str, ...] = ()

    @property
    def awake(self) -> bool:
        """After a header."""
        return bool(self._columns)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        cells = [cell.strip() for cell in text.split(",")]
        if _HEADER.match(text.strip()):
            names = tuple(_normal(cell) for cell in cells)
            known = any(name in _COUNTS for name in names) and any("loss" in name for name in names)
            if known or " " not in text.strip():  # a sentence is no other table
                self._columns = names if known else ()
            return [] if known else None
        if not self._columns or len(cells) != len(self._columns):
            return None
        row = dict(zip(self._columns, cells, strict=True))
        if not any(_CELL.match(cell) for name, cell in row.items() if name in _COUNTS):
            return None
        found = []
        for name, cell in row.items():
            finding = self._finding(name, cell, line.number) if _CELL.match(cell) else None
            if finding is not None:
                found.append(finding)
        return found

    def _finding(self, name: str, cell: str, line: int) -> Finding | None:
        if name.startswith(_EVAL):
            labels = {"metric": re.sub(r"^[a-z]+[_/]", "", name)}
            return Finding("set", "stoker_train_eval", labels, float(cell), line)
        if name.startswith(("lr-", "lr/")):
            return Finding("set", "stoker_train_learning_rate", {}, float(cell), line)
        return self._keys.finding(name, cell, line)


def _normal(cell: str) -> str:
    """`Training Loss` is `training_loss`; names with signs of their own stay as they are."""
    return cell.lower().replace(" ", "_") if cell.replace(" ", "").isalpha() else cell
