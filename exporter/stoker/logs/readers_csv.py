"""Reads tables in CSV: those that loggers of metrics write beside the log (Lightning's CSVLogger), and any whose columns a format names."""

from __future__ import annotations

import csv
import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.prefixes import bare

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

DELIMITERS = ",;\t|"
_NAME = re.compile(r"[A-Za-z_][\w/.\-@ ()]*")
_NAMES = 200
# 0.71   -1e-05   1,234.5   nan   1024 MiB   45 %   83ms
_CELL = re.compile(
    r"(?P<number>[-+]?(?:[0-9]+(?:[.,][0-9]+)*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|nan|NaN|[-+]?inf)(?:\s?(?P<unit>[^\W\d_][\w/]{0,4}|%|°C))?"
)
_COUNTS = ("step", "global_step", "epoch", "iter", "iteration")
_EVAL = ("val_", "valid_", "validation_", "test_", "eval_", "val/", "valid/", "test/", "eval/", "metrics/")
_GROUPS = 3
"""Digits between the commas of 1,234,567."""
_TOLD = 2
"""Columns of a format's own by which a header is known."""


class CsvReader:
    """A header, then rows; a new header takes the place of the old one.

    A header has a step or an epoch and a loss, or two of the columns that the format names under `keys` (the one, if it
    names one), and nothing but names. What is no number in a row (a date, an empty cell) says nothing; a row whose step or epoch
    is none, or in which no column that the format names has a number, is no row.
    """

    literals: ClassVar[tuple[str, ...]] = tuple(
        text
        for mark in DELIMITERS
        for text in (
            *(f"{name}{quote}{mark}" for name in ("tep", "poch", "iter", "iteration") for quote in ("", '"')),
            *(
                f"{mark}{gap}{name}"
                for name in ("step", "epoch", "Step", "Epoch", "global_step")
                for gap in ("", " ", '"')
            ),
        )
    )

    @classmethod
    def texts(cls, keys: Keys) -> tuple[str, ...]:
        """Texts of which a header of the format must have one."""
        counted = any(_normal(key) in _COUNTS for key in keys.metrics)
        return cls.literals if counted or not keys.metrics else tuple(keys.metrics)

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._columns: tuple[str, ...] = ()
        self._mark = ","

    @property
    def awake(self) -> bool:
        """After a header."""
        return bool(self._columns)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        row = self._columns and cells(text, self._mark)
        if not row or len(row) != len(self._columns) or not any(map(_CELL.fullmatch, row)):
            return self._header(text)
        table = dict(zip(self._columns, row, strict=True))
        telling = [name for name in table if name in _COUNTS] or [name for name in table if name in self._keys.metrics]
        if not any(_CELL.fullmatch(table[name]) for name in telling):
            return None
        labels = {label: table.get(column, "") for label, column in self._keys.labels.items()}
        found = []
        for name, cell in table.items():
            number, unit = number_in(cell, self._mark)
            finding = self._finding(name, number, unit, line.number) if number else None
            if finding is not None:
                found.append(finding._replace(labels={**finding.labels, **labels}) if labels else finding)
        return found

    def _header(self, text: str) -> list[Finding] | None:
        """An empty list for a header of the format's own; what may be another table's ends this one."""
        mark, names = header(text)
        if not names or bare(text):
            return None
        columns = tuple(name if name in self._keys.metrics else _normal(name) for name in names)
        own = sum(name in self._keys.metrics for name in columns)
        known = any(name in _COUNTS for name in columns) and any("loss" in name for name in columns)
        known = known and all(map(_NAME.fullmatch, names))
        if known or own >= min(_TOLD, len(self._keys.metrics) or _TOLD):
            self._columns, self._mark = columns, mark
            return []
        if " " not in text.strip():  # a sentence is no other table
            self._columns = ()
        return None

    def _finding(self, name: str, number: str, unit: str, line: int) -> Finding | None:
        if name in self._keys.metrics:
            return self._keys.finding(name, number + unit if self._keys.units.get(name) == "auto" else number, line)
        if name.startswith(_EVAL):
            return Finding(
                "set", "stoker_train_eval", {"metric": re.sub(r"^[a-z]+[_/]", "", name)}, float(number), line
            )
        if name.startswith(("lr-", "lr/")):
            return Finding("set", "stoker_train_learning_rate", {}, float(number), line)
        return self._keys.finding(name, number, line)


def number_in(cell: str, mark: str) -> tuple[str, str]:
    """(a cell's number as people write it in English, its unit); empty texts where it has none. 0,71 is 0.71 between semicolons."""
    match = _CELL.fullmatch(cell)
    if match is None:
        return "", ""
    text = match["number"]
    whole, comma, part = text.rpartition(",")
    if comma and mark != "," and "," not in whole and (mark == ";" or len(part) != _GROUPS):
        text = f"{whole.replace('.', '')}.{part}"
    return text, match["unit"] or ""


def cells(text: str, mark: str) -> list[str]:
    """The cells of a row, without blanks and quotation marks around them."""
    try:
        found = next(csv.reader([text], delimiter=mark, skipinitialspace=True), []) if '"' in text else text.split(mark)
    except csv.Error:  # a cell of 128 KB
        return []
    return [cell.strip() for cell in found]


def header(text: str) -> tuple[str, list[str]]:
    """(what stands between the names, the names) of a line that may name columns; no names where it has a number or an odd cell."""
    line = text.lstrip("\ufeff# ").rstrip(" ")
    mark = max(DELIMITERS, key=line.count)
    names = cells(line, mark) if 0 < line.count(mark) < _NAMES else []
    named = names[1:] if names and not names[0] else names  # the first may be the number of the row, without a name
    if not named or not all(named) or any(map(_CELL.fullmatch, named)) or len(set(named)) < len(named):
        return mark, []
    return mark, names


def _normal(cell: str) -> str:
    """`Training Loss` is `training_loss`; names with signs of their own stay as they are."""
    return cell.lower().replace(" ", "_") if cell.replace(" ", "").isalpha() else cell
