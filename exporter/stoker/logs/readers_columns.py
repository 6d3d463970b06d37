"""Reads tables whose first line names the columns: spaCy's, fastai's, Ultralytics' and those of one's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.keys import bare
from stoker.logs.units import number
from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_NUMBER = re.compile(rf"(?:{WORDS['number']})$")
# E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE       epoch     train_loss  valid_loss  accuracy  time
_HEADER = re.compile(
    r"^\s*(?:\|\s*)?(?:E\s+#|[Ee]poch|EPOCH|[Ss]tep|[Ii]ter(?:ation)?)\s[\s|]*[A-Za-z][\w /#.@%()|-]*$"
)
_RULE = re.compile(r"^[\s|+:=-]+$")
_STEPS = {"#": "stoker_train_step", "step": "stoker_train_step", "iter": "stoker_train_step"}
_MEASURED = {
    "e": "stoker_train_epoch",
    "epoch": "stoker_train_epoch",
    "iteration": "stoker_train_step",
    "train_loss": "stoker_train_loss",
    "training_loss": "stoker_train_loss",
    "loss": "stoker_train_loss",
    "lr": "stoker_train_learning_rate",
    "learning_rate": "stoker_train_learning_rate",
    "grad_norm": "stoker_train_grad_norm",
    **_STEPS,
}
_ASIDE = ("time", "elapsed", "words", "w/s", "dur", "wps")
_FEWEST, _MOST = 3, 60


class ColumnsReader:
    """Rows of as many cells as the header has, until a line that is none; the losses of several parts make one loss."""

    literals: ClassVar[tuple[str, ...]] = (
        "E    #",
        *(f"{word}{gap}" for word in ("poch", "POCH", "tep", "ter", "teration") for gap in ("  ", " |", "\t")),
    )

    def __init__(self, keys: Keys) -> None:
        del keys
        self._columns: list[str] = []

    @property
    def awake(self) -> bool:
        """Below a header."""
        return bool(self._columns)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if self._columns:
            if _RULE.match(text):
                return []
            cells = [cell for cell in re.split(r"[\s|]+", text.strip(" |\t")) if cell]
            if len(cells) == len(self._columns) and cells[0].isdigit():
                return self._row(cells, line.number)
        if _HEADER.match(text) and (columns := _columns(text)):
            self._columns = columns
            return []
        if self._columns and not text[:1].isspace():
            self._columns = []
        return None

    def _row(self, cells: list[str], line: int) -> list[Finding]:
        found: list[Finding] = []
        losses: list[float] = []
        for name, cell in zip(self._columns, cells, strict=True):
            if not _NUMBER.match(cell):
                continue
            metric = _MEASURED.get(name)
            if name.startswith("loss_"):
                losses.append(number(cell))
            elif metric is not None:
                found.append(Finding("set", metric, {}, number(cell), line))
            elif not name.startswith(_ASIDE):
                label = name if name.startswith("train") else bare(name)
                found.append(Finding("set", "stoker_train_eval", {"metric": label}, number(cell), line))
        if losses:
            found.append(Finding("set", "stoker_train_loss", {}, sum(losses), line))
        return found


def _columns(text: str) -> list[str]:
    """The names in lower case with `_` for blanks; none when no column is a loss, as in other tables."""
    names = [name.strip().lower() for name in re.split(r"\s{2,}|\s*\|\s*|\t", text.strip(" |\t"))]
    if any("loss" in name for name in names) and _FEWEST <= len(names) <= _MOST:
        return [re.sub(r"[ -]", "_", name) for name in names]
    return []
