"""Evaluations that get worse one after the other."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Direction = Literal["up", "down"]
_UP = re.compile(r"accuracy|acc|f1|auc|bleu|rouge\w*|exact_match")
_DOWN = re.compile(r"loss|perplexity|wer|error")
_TRAINING = ("train_", "train/")
_SAME = 1e-3
_PARTS = re.compile(r"[/ .:-]|_(?!match\b)")


def direction(metric: str, directions: Mapping[str, Direction]) -> Direction | None:
    """Which way is better: as the source says, else by the name or by its last word (`squad/f1`, `wiki_loss`), else unknown.

    What a framework measures on the batches of the training (`train_accuracy`) goes up and down with them and is no evaluation.
    """
    if metric in directions:
        return directions[metric]
    name = metric.lower()
    if name.startswith(_TRAINING):
        return None
    for word in (name, _PARTS.split(name)[-1]):
        if _UP.fullmatch(word):
            return "up"
        if _DOWN.fullmatch(word):
            return "down"
    return None


class Declines:
    """How many evaluations in a row were worse than the one before, by metric; only for those with a known direction.

    Args:
        directions: of metrics that are not known by name.
    """

    def __init__(self, directions: Mapping[str, Direction]) -> None:
        self._directions = directions
        self._seen: dict[str, tuple[float, float | None, int]] = {}

    def report(self, metric: str, value: float, step: float | None) -> None:
        """A finite result; the same value once more at the same step (another rank, a table with fewer digits) is no evaluation of its own."""
        better = direction(metric, self._directions)
        if better is None:
            return
        if metric not in self._seen:
            self._seen[metric] = (value, step, 0)
            return
        before, at, count = self._seen[metric]
        if step is not None and step == at and math.isclose(value, before, rel_tol=_SAME):
            return
        worse = value < before if better == "up" else value > before
        self._seen[metric] = (value, step, count + 1 if worse else 0)

    def counts(self) -> dict[str, int]:
        """By metric."""
        return {metric: count for metric, (_, _, count) in self._seen.items()}

    def state(self) -> dict[str, Any]:
        """As plain values."""
        return {metric: list(seen) for metric, seen in self._seen.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` gave."""
        self._seen = {metric: (float(value), step, int(count)) for metric, (value, step, count) in state.items()}
