"""Reads PyTorch Lightning's Rich bars and tables, whose numbers stand on the lines that follow."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.units import number
from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_NUMBER = WORDS["number"]
# Epoch 2/2  ━━━━━━━━━━━━━━━━ 10/10 0:00:00 • 0:00:00 163.85it/s v_num: 0.000
# Epoch 4    --------------- ---- 232/291 0:00:33 • 0:00:09 7.00it/s loss: 0.398
_RICH = re.compile(
    r"^Epoch (?P<epoch>\d+)(?:/-?\d+)?\s+(?:[━╸╺]+\s*[━╸╺]*|-+ ?-*(?=.{1,60}it/s))\s*(?P<done>\d+)/(?P<total>\d+)\s"
)
# under a bar, in its right-hand column:  train_loss: 1.328
_SIDE = re.compile(rf"(?:^|\s)([A-Za-z_][\w/.\-]*): ({_NUMBER})(?=\s|$)")
_ASIDE = re.compile(rf"^\s+[A-Za-z_][\w/.\-]*: {_NUMBER}\s*$")
# before 1.7 without the lines between the columns
_TABLE = re.compile(r"(?:[┃│]|^)\s*(?:Validate|Test|Runningstage\.\w+) metric\s+(?:[┃│]|DataLoader \d)")
_ROW = re.compile(rf"^\s*[┃│|]?\s*([A-Za-z_][\w/.\-]*)\s+[┃│|]?\s*({_NUMBER})\s*(?:[┃│|]|$)")
_EDGE = "─━┏┡└┗├┝╇╋┳┻┴┼┬┤┨┩┐┘┓┛ \t"
# Epoch 7: 100%|██████████| 30/30 [00:00<00:00, 168.90it/s, v_num=0, train_loss=0.198, val_loss=0.263]
# of NeMo 1, whose bar has two colons and whose NaN has a fraction:  reduced_train_loss=nan.0
_TQDM = re.compile(
    r"^Epoch (?P<epoch>\d+):(?: :)?\s+\d{1,3}%\|[^|]*\|\s*(?P<done>\d+)/(?P<total>\d+) \[(?P<rest>[^\]]*)\]"
)
_POSTFIX = re.compile(rf", ([A-Za-z_][\w/.\-]*)=({_NUMBER})(?:(?<=[nf])\.0)?(?=[,\]\s]|$)")
# Epoch 0, global step 10: 'val_loss' reached 1.21801 (best 1.21801), saving model to '/ckpt/epoch=0-step=10.ckpt' as top 2
# before 1.6:  Epoch 0, global step 99: val_loss reached 1.21000 (best 1.21000), saving model to "/ckpt/epoch=0-step=99.ckpt" as top 1
_SAVED = re.compile(r"^Epoch (\d+), global step (\d+): .*saving model to ['\"]")
_REACHED = re.compile(rf"'?\b([A-Za-z_][\w/.\-]*)'? reached ({_NUMBER})")
# `Trainer.fit` stopped: `max_epochs=5` reached.
_ENDED = re.compile(r"^`Trainer\.fit` stopped: `max_(?:epochs|steps)=\d+` reached\.\s*$")
_NOT = {"v_num"}


class LightningReader:
    """Bars with tqdm or Rich, the tables of `validate` and `test`, checkpoints, and the end."""

    literals: ClassVar[tuple[str, ...]] = ("Epoch ", " metric ", "`Trainer.fit` stopped")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._beside = False
        self._table = False

    @property
    def awake(self) -> bool:
        """Beside a bar, or in a table."""
        return self._beside or self._table

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if self._beside:
            if _ASIDE.match(text):
                return self._metrics(_SIDE.findall(text), line.number)
            self._beside = False
        if self._table:
            if row := _ROW.match(text):
                return self._metrics([(row[1], row[2])], line.number, always=True)
            if not text.strip(_EDGE):
                return []
            self._table = False
        if rich := _RICH.match(text):
            self._beside = True
            return self._epoch(rich, line.number) + self._metrics(_SIDE.findall(text, rich.end()), line.number)
        if tqdm := _TQDM.match(text):
            metrics = _POSTFIX.findall(tqdm["rest"])
            if not any("loss" in name for name, _ in metrics):
                return None
            return self._epoch(tqdm, line.number) + self._metrics(metrics, line.number)
        if saved := _SAVED.match(text):
            reached = _REACHED.findall(text)
            return [
                Finding("set", "stoker_train_epoch", {}, float(saved[1]), line.number),
                Finding("set", "stoker_train_step", {}, float(saved[2]), line.number),
                *self._metrics(reached, line.number),
                Finding("inc", "stoker_train_checkpoints_total", {}, 1.0, line.number),
            ]
        if _TABLE.search(text):
            self._table = True
            return []
        ended = Finding("set", "stoker_train_finished", {"status": "completed"}, 1.0, line.number)
        return [ended] if _ENDED.match(text) else None

    def _epoch(self, match: re.Match[str], line: int) -> list[Finding]:
        epoch, done, total = int(match["epoch"]), int(match["done"]), int(match["total"])
        return [
            Finding("set", "stoker_train_epoch", {}, float(epoch), line),
            Finding("set", "stoker_train_step", {}, float(epoch * total + done), line),
        ]

    def _metrics(self, pairs: list[tuple[str, str]], line: int, *, always: bool = False) -> list[Finding]:
        found = []
        for name, text in pairs:
            if name in _NOT:
                continue
            if name.startswith(("val_", "test_", "val/", "test/")) or always:
                labels = {"metric": re.sub(r"^(?:val|test)[_/]", "", name)}
                found.append(Finding("set", "stoker_train_eval", labels, number(text), line))
            elif (finding := self._keys.finding(name, text, line)) is not None:
                found.append(finding)
        return found
