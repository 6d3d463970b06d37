"""Reads dictionaries of numbers, and what Hugging Face's Trainer puts around them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from stoker.logs.finding import Finding
from stoker.logs.quoting import quoted

if TYPE_CHECKING:
    from stoker.logs.finding import Keys
    from stoker.logs.lines import Line

# 'loss': 0.7139   'loss': '0.7139'   "loss": 7.1e-1   'loss': tensor(0.7139)   'loss': np.float64(0.7139)   'grad_norm': nan
_PAIR = re.compile(
    r"""['"]([^'"{}:,]{1,60})['"]\s*:\s*(?:tensor\(|(?:np\.)?float(?:16|32|64)\(|Array\()?['"]?([-+]?(?:[0-9][0-9_,]*\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|nan|NaN|inf|Infinity))['"]?(?:, (?:device='[^']*'|dtype=[\w.]+))*\)?\s*(?=[,}])"""
)
_START = re.compile(r"\{\s*['\"]")
# "val": {"loss": 0.6}
_EVAL_PARENT = re.compile(r"['\"](?:val|valid|validation|eval|evaluation|test)['\"]\s*:\s*$")
_NEAR = 30
# ... behind the last dictionary: words, but for those of a bar: "  2%|2  | 20/1000 [00:10<08:20,  1.98it/s]", or in brackets
_GOES_ON = re.compile(r"(?<![<\d.?/(\[])(?!it/s)(?!s/it)\b[A-Za-z]{2,}")
# hparams: {"lr": 0.1, "loss": 0.5}: what was asked for, not what was measured
_ASKED = re.compile(
    r"(?i:\b(?:hparams|hyper-?param\w*|config\w*|cfg|args|arguments|settings|param\w*|kwargs|defaults?|expected|assert|prompt|response|output|example))\W{0,4}$"
)
_MEASURED = ("_loss", "_grad_norm", "_eval", "_per_second", "_step_seconds")
_STEPS = ("stoker_train_step", "stoker_train_steps")
_LABELS = ("rank", "global_rank", "local_rank", "world_size")
_EVAL = ("eval_", "test_", "val_", "valid_", "eval/")
_NOT_EVAL = (
    "runtime",
    "samples_per_second",
    "steps_per_second",
    "mem_",
    "jit_",
    "model_preparation_time",
    "num_tokens",
    "wps",
    "wpb",
    "bsz",
    "num_updates",
)


class DictReader:
    """`{'loss': 0.71, 'grad_norm': 1.2, 'learning_rate': 5e-05, 'epoch': 0.1}`: bare, quoted, JSON; several on a line.

    A dictionary is taken when it has two of the format's keys, one of them measured (a configuration has a learning rate and epochs,
    too), or results of an evaluation beside one; not when it stands in a sentence or a quotation. The step comes first.
    """

    literals: ClassVar[tuple[str, ...]] = ("{'", '{"')

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    @property
    def awake(self) -> bool:
        """Never."""
        return False

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:  # noqa: ARG002 - the same for every reader
        """See Reader."""
        starts = [match.start() for match in _START.finditer(text)]
        if not starts or quoted(text, starts[0]) or _ASKED.search(text, max(0, starts[0] - _NEAR), starts[0]):
            return None
        if _GOES_ON.search(text, text.rfind("}") + 1):
            return None
        found = None
        around: dict[str, str] = {}
        record = text.startswith('{"')
        for number, start in enumerate(starts):
            outer = text[starts[number - 1] : start] if number else "}"
            if (record or "}" not in outer) and quoted(outer, len(outer)):
                return None  # a text that holds a dictionary
            end = starts[number + 1] if number + 1 < len(starts) else len(text)
            numbers = dict(_PAIR.findall(text, start, end))
            if "}" not in text[start:end] and end < len(text):
                around |= numbers  # the next one stands inside this one
                continue
            if _EVAL_PARENT.search(text, max(0, start - _NEAR), start):
                numbers = {f"eval_{name}": value for name, value in numbers.items()}
            got = self._dictionary(around | numbers, line.number)
            if got is not None:
                found = (found or []) + got
        return found

    def _dictionary(self, numbers: dict[str, str], line: int) -> list[Finding] | None:
        known = sum(1 for name in numbers if name in self._keys.metrics)
        evaluated = any(name.startswith(_EVAL) and not _bare(name).startswith(_NOT_EVAL) for name in numbers)
        measured = any(
            self._keys.metrics.get(name, "").endswith(_MEASURED) or name.endswith(("loss", "reward"))
            for name in numbers
        )
        if not ((known > 1 and measured) or (evaluated and (known or any("runtime" in name for name in numbers)))):
            return None
        found = []
        for name, text in numbers.items():
            finding = self._number(name, text, line, numbers, evaluated=evaluated)
            if finding is not None:
                found.append(finding)
        return sorted(found, key=lambda each: each.metric not in _STEPS)

    def _number(self, name: str, text: str, line: int, numbers: dict[str, str], *, evaluated: bool) -> Finding | None:
        del numbers
        if name in _LABELS:
            return None
        if name.startswith(_EVAL):
            if _bare(name).startswith(_NOT_EVAL):
                return None
            return Finding("set", "stoker_train_eval", {"metric": _bare(name)}, _number(text), line)
        if name not in self._keys.metrics and evaluated:
            return None
        return self._keys.finding(name, text, line)


# " 12%|█▏        | 118/1000 [05:44<42:53,  2.92s/it]", without a label: a bar with one is not the training's
_BAR = re.compile(r"^\s*\d{1,3}%\|[^|]*\|\s*(\d+)/(\d+)\s*\[")
_TOTAL = re.compile(r"Total optimization steps\s*=\s*([\d,]+)")
_TABLE = re.compile(r"\*{5} (train|eval|test|predict) metrics \*{5}")
# before version 4, and in scripts of that time; its numbers are those of an evaluation by whatever name
_RESULTS = re.compile(r"\*{5} (?:Eval|Test|Evaluation) results\b[^*]{0,60}\*{5}")
_ROW = re.compile(r"(?:^|[-:|>\]])\s+(\w+)\s+=\s+(\S+)\s*$")
# what `train()` prints last, whether it took all its steps or stopped early; with the count of tokens each report says it, too
_ENDED = re.compile(r"""^(?!.*['"]loss['"]\s*:).*['"]train_runtime['"]\s*:""")
# ms-swift, with the Trainer and with Megatron
_PLANNED = re.compile(r"""['"](?:global_step/max_steps|iteration)['"]\s*:\s*['"](\d+)/(\d+)['"]""")
_SHARDS = re.compile(r"Writing model shards:\s+(\d+)%")
_SAVING = re.compile(r"Saving model checkpoint to (\S+)")
_CHECKPOINT = re.compile(r"checkpoint-\d+/?$")


class TrainerReader(DictReader):
    """Hugging Face's Trainer: dictionaries, the step in the progress bar before them, tables at the end, checkpoints.

    The bar whose total stood before a training loss is the training's; evaluations and downloads have bars of their own.
    A checkpoint is told by the trainer's own line, or by the bar of its shards where it logs nothing.
    """

    literals: ClassVar[tuple[str, ...]] = (
        *DictReader.literals,
        "%|",
        "Total optimization steps",
        "metrics *****",
        "Eval results",
        "Test results",
        "Evaluation results",
        "Saving model",
    )

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self._bar: tuple[int, int] | None = None
        self._total = 0
        self._step = -1
        self._in_table = False
        self._evaluated = False
        self._speaks = False
        self._writing = True

    @property
    def awake(self) -> bool:
        """Whether a table has begun."""
        return self._in_table

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:
        """See Reader."""
        if self._in_table:
            if row := _ROW.search(text):
                return self._row(row[1], row[2], line.number)
            self._in_table = False
        if bar := _BAR.match(text):
            self._bar = (int(bar[1]), int(bar[2]))
        found = super().read(line, text, rank)
        if found is not None:
            found = self._stepped(found, line.number, text)
            if "train_runtime" in text and _ENDED.search(text):
                found.append(Finding("set", "stoker_train_finished", {"status": "completed"}, 1.0, line.number))
            return found
        if text.startswith('{"'):
            return None  # a record, whose message is looked at by itself
        if bar is not None and (progress := self._progress(line.number)) is not None:
            return progress
        self._evaluated = _RESULTS.search(text) is not None
        if self._evaluated or _TABLE.search(text):
            self._in_table = True
            return []
        if planned := _TOTAL.search(text):
            return [Finding("set", "stoker_train_steps", {}, float(planned[1].replace(",", "")), line.number)]
        return self._checkpoint(line.number, text)

    def _checkpoint(self, line: int, text: str) -> list[Finding] | None:
        if saving := _SAVING.search(text):
            self._speaks = True
            if not _CHECKPOINT.search(saving[1]):
                return []
        elif shards := _SHARDS.match(text):
            written, self._writing = self._writing and shards[1] == "100", shards[1] != "100"
            if self._speaks or not written:
                return []
        else:
            return None
        return [Finding("inc", "stoker_train_checkpoints_total", {}, 1.0, line)]

    def _stepped(self, found: list[Finding], line: int, text: str) -> list[Finding]:
        if planned := _PLANNED.search(text):
            steps = [
                Finding("set", "stoker_train_step", {}, float(planned[1]), line),
                Finding("set", "stoker_train_steps", {}, float(planned[2]), line),
            ]
            return steps + [each for each in found if each.metric not in _STEPS]
        if self._bar is None or not any(each.metric == "stoker_train_loss" for each in found):
            return found
        step, self._total = self._bar
        if any(each.metric == "stoker_train_step" for each in found):
            return found  # the dictionary says its step itself, and the bar may lag
        self._step = step
        steps = [
            Finding("set", "stoker_train_step", {}, float(step), line),
            Finding("set", "stoker_train_steps", {}, float(self._total), line),
        ]
        return steps + [each for each in found if each.metric not in _STEPS]

    def _progress(self, line: int) -> list[Finding] | None:
        """The training's bar gives its step whenever that has grown; it goes back only with a loss."""
        assert self._bar is not None
        step, total = self._bar
        if total != self._total:
            return None
        if step <= self._step:
            return []
        self._step = step
        return [Finding("set", "stoker_train_step", {}, float(step), line)]

    def _row(self, name: str, text: str, line: int) -> list[Finding]:
        if name.startswith("train_"):
            return []
        if self._evaluated and name not in ("epoch", "step", "global_step") and not name.startswith(_EVAL):
            name = f"eval_{name}"
        try:
            finding = self._number(name, text, line, {}, evaluated=name != "epoch")
        except ValueError:
            return []  # eval_runtime = 0:00:00.14
        return [finding] if finding is not None else []

    def _number(self, name: str, text: str, line: int, numbers: dict[str, str], *, evaluated: bool) -> Finding | None:
        if "train_runtime" in numbers:
            if name == "train_runtime":
                return None
            if "loss" not in numbers and (name == "train_loss" or name not in self._keys.metrics):
                return None  # the mean over the whole training
        return super()._number(name, text, line, numbers, evaluated=evaluated)


def _bare(name: str) -> str:
    return name.partition("/" if name.startswith("eval/") else "_")[2]


def _number(text: str) -> float:
    return float(text.replace(",", "").replace("_", ""))
