"""Reads what gradient boosting prints: XGBoost's, LightGBM's and CatBoost's line of a round."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.units import number, with_suffix
from stoker.spec.words import WORDS

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

_NUMBER = WORDS["number"]
_BEFORE = r"^(?:[^\"'{}]{0,80}?[\s:])??"
_END = r"(?:\s*\+\s*" + _NUMBER + r")?(?=[\s,]|$)"
# [10]  train-rmse:0.51  validation_0-rmse:0.6+0.01        XGBoost
_XGB = re.compile(
    rf"{_BEFORE}\[(?P<round>\d+)\]\s+(?P<rest>(?:[^\s:'\"]+-[A-Za-z][\w@.+-]*:{_NUMBER}(?:\+{_NUMBER})?[\s,]*)+)$"
)
_XGB_PAIR = re.compile(rf"([^\s:'\"]+?)-([A-Za-z][\w@.+-]*):({_NUMBER}){_END}")
# [10]  valid_0's l2: 0.2  valid_0's auc: 0.71 + 0.01       LightGBM
_LGB = re.compile(rf"{_BEFORE}\[(?P<round>\d+)\]\s+(?P<rest>(?=\S+'s )[^{{}}]*)$")
_LGB_PAIR = re.compile(rf"(\S+)'s ([\w@. -]+?):\s*({_NUMBER}){_END}")
# [LightGBM] [Info] Iteration:10, valid_1 l2 : 0.2          LightGBM's own program
_CLI = re.compile(r"\[LightGBM\] \[Info\] Iteration:\s*(?P<round>\d+), (?P<rest>.*)$")
_CLI_PAIR = re.compile(rf"(\S+) ([\w@.-]+)\s*:\s*({_NUMBER}){_END}")
# 10:  learn: 0.69  test: 0.7  best: 0.69 (8)  total: 1.2s  remaining: 3m 2s
_CAT = re.compile(
    rf"{_BEFORE}(?P<round>\d+):\s+(?:learn: (?P<learn>{_NUMBER})\s+)?(?P<tests>(?:test\d*: {_NUMBER}\s+)*)"
    rf"(?:best: {_NUMBER} \(\d+\)\s+)?total: (?P<total>[\d.a-zµ ]+?)\s+remaining: "
)
_CAT_TEST = re.compile(rf"(test\d*): ({_NUMBER})")
_TRAINS = re.compile(r"d?(?:train|learn|training)(?:ing)?(?:_set|_data|-?set)?$", re.IGNORECASE)
_LOSS = re.compile(
    r"loss|rmse|rmsle|mae|mape|mphe|nloglik|hinge|error|^l[12]$|huber|fair|quantile|poisson|gamma|tweedie|entropy|kullback|deviance"
)
_AGAIN = re.compile(r"best iteration is:?\s*$", re.IGNORECASE)


class BoostingReader:
    """A round is a step; the set that is trained on gives the loss, the last of the others the evaluation.

    What else stands in the line keeps its set's name (`train_auc`), since only evaluations of one set may be compared. The best
    round, told again at an early stop, is left out.
    """

    literals: ClassVar[tuple[str, ...]] = (
        "]\t",
        "]  ",
        "'s ",
        "rmse:",
        "rmsle:",
        "loss:",
        "error:",
        "auc:",
        "aucpr:",
        "mae:",
        "mape:",
        "nloglik:",
        "Iteration:",
        "remaining: ",
        "best iteration is",
        "Best iteration is",
    )

    def __init__(self, keys: Keys) -> None:
        del keys
        self._again = False

    @property
    def awake(self) -> bool:
        """After the words that announce the best round."""
        return self._again

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        again, self._again = self._again, False
        for whole, pair in ((_XGB, _XGB_PAIR), (_LGB, _LGB_PAIR), (_CLI, _CLI_PAIR)):
            match = whole.search(text)
            pairs = pair.findall(match["rest"]) if match else []
            if match is not None and pairs:
                return [] if again else _round(match["round"], pairs, line.number)
        if "remaining: " in text and (match := _CAT.search(text)):
            return _catboost(match, line.number)
        if _AGAIN.search(text):
            self._again = True
            return []
        return None


def _round(number_of: str, pairs: list[tuple[str, str, str]], line: int) -> list[Finding]:
    found = [Finding("set", "stoker_train_step", {}, float(number_of), line)]
    last = next((name for name, _, _ in reversed(pairs) if not _TRAINS.match(name)), "")
    trained = False
    for name, metric, text in pairs:
        if not trained and _TRAINS.match(name) and _LOSS.search(metric):
            trained = True
            found.append(Finding("set", "stoker_train_loss", {}, number(text), line))
            continue
        label = metric if name == last else f"{'train' if _TRAINS.match(name) else name}_{metric}"
        found.append(Finding("set", "stoker_train_eval", {"metric": label}, number(text), line))
    return found


def _catboost(match: re.Match[str], line: int) -> list[Finding]:
    done = int(match["round"])
    found = [Finding("set", "stoker_train_step", {}, float(done), line)]
    if match["learn"]:
        found.append(Finding("set", "stoker_train_loss", {}, number(match["learn"]), line))
    found.append(Finding("set", "stoker_train_step_seconds", {}, with_suffix(match["total"]) / (done + 1), line))
    for name, text in _CAT_TEST.findall(match["tests"]):
        found.append(Finding("set", "stoker_train_eval", {"metric": name}, number(text), line))
    return found
