"""Finds tables in CSV in a log: a line of names, then rows with as many cells; what each column holds is followed like a template's numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.logs.learn import Template, Word
from stoker.logs.learn_names import Number, slug, why_not, without_unit
from stoker.logs.learn_slot import Slot
from stoker.logs.learn_units import UNITS
from stoker.logs.readers_csv import cells, header, number_in
from stoker.logs.units import FACTORS

if TYPE_CHECKING:
    from collections.abc import Callable

_PROOF = 2
"""Rows below a line of names before it is taken for a header."""
_LONGEST = 60
_WORDS = 4
_TABLES = 16
_VALUES = 64
"""Different texts of a column that may be a label."""
_SAMPLES = 5
# utilization.gpu [%]   latency (ms)
_BRACKETED = re.compile(r"\s*[\[(](?P<unit>[^\[\]()]+)[\])]$")
_THINGS = frozenset(
    [
        "gpu",
        "device",
        "index",
        "worker",
        "node",
        "host",
        "hostname",
        "rank",
        "shard",
        "partition",
        "queue",
        "topic",
        "core",
        "cpu",
        "disk",
        "interface",
        "iface",
        "pod",
        "container",
        "name",
        "split",
        "phase",
        "model",
        "server",
        "channel",
        "region",
        "zone",
        "bucket",
        "table",
        "endpoint",
    ]
)
"""Columns that tell of which of several things a row speaks."""


class Column:
    """One column: its numbers, the units behind them, the texts in it, and the first row that has a number there."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.slot = Slot()
        self.units: set[str] = set()
        self.texts: set[str] = set()
        self.row = ""

    def take(self, cell: str, number: str, unit: str, row: str) -> None:
        """One more cell."""
        if len(self.texts) <= _VALUES and cell:
            self.texts.add(cell)
        if not number:
            self.slot.odd += bool(cell)
            return
        self.slot.take(number.replace(",", ""))
        self.units.add(unit)
        self.row = self.row or row

    def number(self, place: int) -> Number | None:
        """What the column is taken for; None for one of texts."""
        if self.slot.odd > self.slot.count + self.slot.nonfinite:
            return None
        bracketed = _BRACKETED.search(self.name)
        name = self.name[: bracketed.start()] if bracketed else self.name
        said = UNITS.get(bracketed["unit"].strip().lower(), "") if bracketed else ""
        if bracketed and not said:
            name = self.name
        unit = {"%": "percent"}.get(only, only) if len(self.units) == 1 and (only := next(iter(self.units))) else ""
        if len(self.units) > 1:
            unit = "auto"
        unit = unit if unit in FACTORS or unit == "auto" else UNITS.get(unit.lower(), "")
        name, unit = without_unit(name, unit or said)
        name = slug(name) or f"column_{place + 1}"
        return Number((place, 0), self.slot, name, self.name, unit, why_not(name, self.slot))

    @property
    def tells_apart(self) -> bool:
        """Whether it tells of which of several things a row speaks."""
        return 1 < len(self.texts) <= _VALUES and slug(self.name) in _THINGS


class Table:
    """A header and its rows.

    Attributes:
        line: the header as printed.
        mark: what stands between its names.
        columns: by place.
        template: the same as a template, whose lines are the rows.
    """

    def __init__(self, line: str, mark: str, names: list[str]) -> None:
        self.line, self.mark = line, mark
        self.columns = [Column(name) for name in names]
        self.template = Template("", [Word(line.strip(), apart=False)], line)

    def fits(self, text: str) -> bool:
        """Whether a line is a row: as many cells, and a number where there were some before, if any were."""
        row = cells(text, self.mark)
        if len(row) != len(self.columns):
            return False
        known = [cell for cell, column in zip(row, self.columns, strict=True) if column.slot.count]
        return any(number_in(cell, self.mark)[0] for cell in known or row)

    def take(self, text: str) -> None:
        """One more row."""
        self.template.count += 1
        self.template.last = text
        for cell, column in zip(cells(text, self.mark), self.columns, strict=True):
            column.take(cell, *number_in(cell, self.mark), text)

    def numbers(self) -> list[Number]:
        """What is in the columns, those of texts left out."""
        found = [each.number(place) for place, each in enumerate(self.columns)]
        return [each for each in found if each is not None]

    def labels(self) -> dict[str, str]:
        """Label to the column that tells of which thing a row speaks."""
        found = {slug(each.name): each.name for each in self.columns if each.tells_apart}
        own = {"host": "host_name", "service": "service_name"}
        return {own.get(label, label): column for label, column in list(found.items())[:2]}

    def sample(self, columns: list[str]) -> str:
        """The header, and rows in which these columns have numbers."""
        rows = [each.row for each in self.columns if each.name in columns and each.row]
        return "".join(f"{line}\n" for line in (self.line, *list(dict.fromkeys(rows))[:_SAMPLES]))


class Tables:
    """Lines in, tables out; a line that belongs to none is told to `other`."""

    def __init__(self, other: Callable[[str], object]) -> None:
        self._other = other
        self._found: dict[str, Table] = {}
        self._current: Table | None = None
        self._waiting: list[str] = []

    def add(self, text: str) -> None:
        """One more line."""
        if self._waiting:
            self._waiting.append(text)
            self._prove()
        elif self._current is not None and self._current.fits(text):
            self._current.take(text)
        elif (known := self._found.get(text)) is not None:
            self._current = known
        elif _is_header(text):
            self._waiting.append(text)
        else:
            self._other(text)

    def end(self) -> None:
        """The stream has ended; another one may follow."""
        while self._waiting:
            self._give_up()
        self._current = None

    def tables(self) -> list[Table]:
        """All of them."""
        return list(self._found.values())

    def _prove(self) -> None:
        line, *rows = self._waiting
        mark, names = header(line)
        table = Table(line, mark, names)
        if not table.fits(rows[-1]):
            self._give_up()
            return
        if len(rows) < _PROOF:
            return
        if len(self._found) >= _TABLES:
            self._give_up()
            return
        self._waiting.clear()
        self._current = self._found[line] = table
        for row in rows:
            table.take(row)

    def _give_up(self) -> None:
        """What waited for more rows is no table."""
        lines, self._waiting = self._waiting, []
        for number, line in enumerate(lines):
            if number and number + 1 == len(lines):
                self.add(line)  # may be a header itself
            else:
                self._other(line)


def _is_header(text: str) -> bool:
    """Whether a line has nothing but short names, none of which ends as a sentence does."""
    if len(text) > _LONGEST * _LONGEST:
        return False
    _, names = header(text)
    return bool(names) and all(_is_name(name) for name in names)


def _is_name(name: str) -> bool:
    return len(name) <= _LONGEST and len(name.split()) <= _WORDS and not re.search(r"[.!?:=\"'{}]$|[=:{}]|\s-\s", name)
