"""Reads the tables of YOLO's trainers: a row for the epoch in its progress bar, a row for what the validation gave."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.units import convert, number
from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_NUMBER = WORDS["number"]
# Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size
_HEADER = re.compile(r"^\s*Epoch\s+(?:GPU_mem|gpu_mem)\s+(?P<names>[\w/ ]+?)\s*$")
#   1/100      2.5G      1.202      2.345      1.111         12        640: 100%|##########| 8/8 [00:03<00:00,  2.1it/s]
_ROW = re.compile(
    rf"^\s*(?P<epoch>\d+)/(?P<last>\d+)\s+(?P<memory>[\d.]+)(?P<unit>[GM])\s+(?P<cells>(?:{_NUMBER}\s+)+\d+):?\s*"
    r"(?:\d{1,3}%.*?\s(?P<done>\d+)/(?P<total>\d+)\s)?"
)
# Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|##########| 4/4
_EVAL = re.compile(r"^\s*Class\s+Images\s+(?:Instances|Labels|Targets)\s+(?P<names>.*?mAP.*?)(?::\s*\d{1,3}%.*|:?\s*)$")
# all        128        929      0.640      0.537      0.605      0.446
_ALL = re.compile(rf"^\s*all\s+\d+\s+\d+\s+(?P<cells>(?:{_NUMBER}\s*)+)$")
_TOP = re.compile(rf"^\s*all\s+(?P<top1>{_NUMBER})\s+(?P<top5>{_NUMBER})\s*$")
_NAMES = {"P": "precision", "R": "recall", "mAP@.5": "mAP50", "mAP@.5:.95": "mAP50-95"}
_COMPLETED = re.compile(r"^\s*\d+ epochs completed in [\d.]+ hours")
_NO_LOSS = {"instances", "size", "labels", "img_size", "targets", "total"}


class UltralyticsReader:
    """The parts of the loss by name and their sum as the loss; the step counts on over the epochs."""

    literals: ClassVar[tuple[str, ...]] = ("GPU_mem", "gpu_mem", "mAP", "top1_acc", " epochs completed in ")

    def __init__(self, keys: Keys) -> None:
        del keys
        self._columns: list[str] = []
        self._evaluated: list[str] = []
        self._top = False
        self._first = 1

    @property
    def awake(self) -> bool:
        """After the first header."""
        return bool(self._columns or self._evaluated or self._top)

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if header := _HEADER.match(text):
            self._columns = header["names"].split()
            return []
        if evaluation := _EVAL.match(text):
            self._evaluated = _names(evaluation["names"])
            return []
        if "classes" in text and "top1_acc" in text:
            self._top = True
            return []
        if self._columns and (row := _ROW.match(text)):
            return self._row(row, line.number)
        if self._evaluated and (row := _ALL.match(text)):
            cells = row["cells"].split()
            pairs = zip(self._evaluated, cells, strict=False) if len(cells) == len(self._evaluated) else ()
            return [_eval(name, cell, line.number) for name, cell in pairs]
        if self._top and (row := _TOP.match(text)):
            return [_eval("top1_acc", row["top1"], line.number), _eval("top5_acc", row["top5"], line.number)]
        if _COMPLETED.match(text):
            return [Finding("set", "stoker_train_finished", {"status": "completed"}, 1.0, line.number)]
        return None

    def _row(self, row: re.Match[str], line: int) -> list[Finding] | None:
        cells = row["cells"].split()
        if len(cells) != len(self._columns):
            return None
        epoch = int(row["epoch"])
        self._first = min(self._first, epoch)  # older ones count from 0
        found = [Finding("set", "stoker_train_epoch", {}, float(epoch), line)]
        if row["total"]:
            step = (epoch - self._first) * int(row["total"]) + int(row["done"])
            found.append(Finding("set", "stoker_train_step", {}, float(step), line))
        memory = convert(row["memory"], "GiB" if row["unit"] == "G" else "MiB")
        found.append(Finding("set", "stoker_train_memory_bytes", {}, memory, line))
        losses = [
            (name, number(cell))
            for name, cell in zip(self._columns, cells, strict=True)
            if name.lower() not in _NO_LOSS
        ]
        found.append(Finding("set", "stoker_train_loss", {}, sum(value for _, value in losses), line))
        for name, value in losses:
            found.append(Finding("set", "stoker_train_value", {"name": name}, value, line))
        return found


def _names(text: str) -> list[str]:
    """`Box(P R mAP50 mAP50-95) Mask(P ...)`: the second group keeps its name in front."""
    found: list[str] = []
    group = ""
    for word in text.replace(")", " ").split():
        before, bracket, name = word.rpartition("(")
        if bracket:
            group = "" if not found else f"{before.lower()}_"
        found.append(group + _NAMES.get(name, name))
    return found


def _eval(name: str, cell: str, line: int) -> Finding:
    return Finding("set", "stoker_train_eval", {"metric": name}, number(cell), line)
