"""Reads Keras's bars and lines of an epoch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.units import with_suffix
from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_EPOCH = re.compile(r"^Epoch (\d+)/(\d+)\s*$")
# 16/16 ━━━━━━━━━━━━━━━━━━━━ 2s 37ms/step - accuracy: 0.3359 - loss: 1.1939 - val_loss: 1.1034   (Keras 3)
# 50/50 - 1s - 29ms/step - accuracy: 0.5088 - loss: 0.8032                                        (verbose=2)
# 1875/1875 [==============================] - 2s 1ms/step - loss: 0.3 - accuracy: 0.91          (Keras 2)
_LINE = re.compile(r"^\s*(\d+)/(\d+)\s+(?:[━╸╺ ]+|\[[=>.]+\]|-)\s*(.*)$")
# - 1s 12us/step - loss: 0.0396 - acc: 0.0021 - val_loss: 0.1                                     (verbose=2 before 2.4, no steps)
_BARE = re.compile(r"^(?: ?- )?\s?\d+s(?: \d+(?:us|µs|ms|s)/(?:step|epoch|sample))? (- loss: .*)$")
_PACE = re.compile(r"(?<!\S)(\d+(?:\.\d+)?(?:us|µs|ms|s))/(?:step|epoch|sample)\b")
# ... - 9s/epoch - 91ms/step
_STEP_PACE = re.compile(r"(?<!\S)(\d+(?:\.\d+)?(?:us|µs|ms|s))/step\b")
_METRIC = re.compile(rf"(?:^|- )([A-Za-z_][\w/]*): ({WORDS['number']})(?=\s|$)")
# Epoch 2: ReduceLROnPlateau reducing learning rate to 0.00010000000474974513.
_REDUCED = re.compile(rf"^Epoch (\d+): .*(?:reducing|setting) learning rate to ({WORDS['number']})\.?\s*$")
_SAVED = re.compile(r"^Epoch (\d+): (?!finished).*saving model to \S")


class KerasReader:
    """Keras's `fit`: the step counts on over the epochs; an evaluation's bar comes without an epoch and has no step.

    What Keras reports without `val_` is the training's own; it goes under `train_…`, since only evaluations may decline.
    """

    literals: ClassVar[tuple[str, ...]] = ("Epoch ", "/step", "/epoch", "/sample", "s - loss: ")

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._epoch = 0
        self._epochs = 0
        self._total = 0
        self._done = False

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        if epoch := _EPOCH.match(text):
            self._epoch, self._epochs, self._total = int(epoch[1]), int(epoch[2]), 0
            self._done = False
            return [Finding("set", "stoker_train_epoch", {}, float(self._epoch), line.number)]
        if reduced := _REDUCED.match(text):
            return [
                Finding("set", "stoker_train_epoch", {}, float(reduced[1]), line.number),
                Finding("set", "stoker_train_learning_rate", {}, float(reduced[2]), line.number),
            ]
        if _SAVED.match(text):
            return [Finding("inc", "stoker_train_checkpoints_total", {}, 1.0, line.number)]
        if self._epoch and not self._done and (bare := _BARE.match(text)):
            self._done = True
            return self._metrics(bare[1], line.number, trains=True)
        match = _LINE.match(text)
        pace = (_STEP_PACE.search(match[3]) or _PACE.search(match[3])) if match else None
        if match is None or pace is None:
            return None
        found = self._steps(int(match[1]), int(match[2]), pace[1], line.number)
        trains = bool(found)
        found += self._metrics(match[3], line.number, trains=trains)
        self._done = self._done or (trains and match[1] == match[2] and "val_" in match[3])
        return found or None

    def _steps(self, done: int, total: int, pace: str, line: int) -> list[Finding]:
        if not self._epoch or self._done or (self._total and total != self._total):
            return []
        self._total = total
        return [
            Finding("set", "stoker_train_step", {}, float((self._epoch - 1) * total + done), line),
            Finding("set", "stoker_train_steps", {}, float(self._epochs * total), line),
            Finding("set", "stoker_train_step_seconds", {}, with_suffix(pace), line),
        ]

    def _metrics(self, text: str, line: int, *, trains: bool) -> list[Finding]:
        made = (self._metric(name, value, line, trains=trains) for name, value in _METRIC.findall(text))
        return [finding for finding in made if finding is not None]

    def _metric(self, name: str, value: str, line: int, *, trains: bool) -> Finding | None:
        if name.startswith("val_") or not trains:
            labels = {"metric": name.removeprefix("val_")}
            return Finding("set", "stoker_train_eval", labels, float(value.replace(",", "")), line)
        if name in self._keys.metrics:
            return self._keys.finding(name, value, line)
        labels = {"metric": f"train_{name}"}
        return Finding("set", "stoker_train_eval", labels, float(value.replace(",", "")), line)
