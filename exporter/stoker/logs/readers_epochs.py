"""Reads steps that begin anew in each epoch where no line says how many an epoch has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.keys import keys_regex, pairs

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_BEFORE = r"^(?:[^\"'{}]{0,100}?[\s\]:|>-])??"
_STARTS = (
    # epoch: 1 step: 10, loss is 2.3                          MindSpore
    re.compile(_BEFORE + r"epoch:\s*(?P<epoch>\d+),?\s+step:\s*(?P<step>\d+),?\s+loss is "),
    # 1epoch:train:1-100batch: iter_time=0.1, loss=71.2       ESPnet
    re.compile(_BEFORE + r"(?P<epoch>\d+)epoch:train:\d+-(?P<step>\d+)batch: "),
    # [1,  2000] loss: 2.173                                  PyTorch's tutorials
    re.compile(r"^\s*\[(?P<epoch>\d+), +(?P<step>\d+)\] +loss: "),
    # Epoch 1 Batch 100 Loss 1.23                             TensorFlow's tutorials
    re.compile(
        _BEFORE
        + r"[Ee]poch[ :]+(?P<epoch>\d+)[,;|]? *-? *[Bb]atch[ :]+(?P<step>\d+)(?![\d/.]| */)[^\"'{}]{0,40}?\b[Ll]oss"
    ),
    # Epoch[0] Batch [20]  Speed: 1000.12 samples/sec  accuracy=0.5   MXNet
    re.compile(_BEFORE + r"Epoch\s?\[(?P<epoch>\d+)\]\s+Batch\s?\[(?:\d+-)?(?P<step>\d+)\]\s+Speed: "),
)


class EpochsReader:
    """The last step of an epoch is how many it has; from then on the steps count on over the epochs."""

    literals: ClassVar[tuple[str, ...]] = (
        " loss is ",
        "epoch:train:",
        "] loss:",
        "]  loss:",
        "poch ",
        "poch:",
        "poch[",
    )

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._regex = keys_regex(keys.metrics)
        self._epoch = -1
        self._last = 0
        self._before = 0

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        match = next((each for start in _STARTS if (each := start.search(text)) is not None), None)
        if match is None:
            return None
        epoch, step = int(match["epoch"]), int(match["step"])
        if epoch == self._epoch + 1:
            self._before += self._last
        elif epoch != self._epoch:
            self._before = 0
        self._epoch, self._last = epoch, step
        found = [
            Finding("set", "stoker_train_epoch", {}, float(epoch), line.number),
            Finding("set", "stoker_train_step", {}, float(self._before + step), line.number),
        ]
        seen = set()
        for key, value in pairs(self._regex, text[match.start("step") :]):
            finding = self._keys.finding(key, value, line.number)
            if finding is not None and (finding.metric, *finding.labels.values()) not in seen:
                seen.add((finding.metric, *finding.labels.values()))
                found.append(finding)
        return found
