"""Guesses a format from the templates of a log: which metric each number is, which lines are events, and the YAML of it all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stoker.errors import DescError
from stoker.logs.learn_guess import CHECKPOINT, EVENT, Guess, Learned, place_of, status_of
from stoker.logs.learn_known import EVAL, STEPS, VALUE, tells_training, trained
from stoker.logs.learn_masks import ANY, MASKS, Mask
from stoker.logs.learn_names import numbers, slug
from stoker.logs.learn_patterns import add_patterns, add_reader
from stoker.logs.learn_states import state_of
from stoker.logs.learn_totals import counted
from stoker.logs.learn_words import BAD, LEVELS, STOP
from stoker.metrics.desc import BASE_UNITS, FOREIGN_UNITS
from stoker.spec.declared import declare_one
from stoker.spec.metric import MetricSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from stoker.logs.learn import Template
    from stoker.logs.learn_names import Number
    from stoker.logs.learn_tables import Table
    from stoker.metrics import Desc

LOW, HIGH = 20, 40
"""Priorities below every shipped format, so that no line is taken away from one, and above those that guess."""
_SAVED = re.compile(r"(?=.*\b(?:checkpoint|ckpt)\b).*\b(?:saved|saving|wrote|written)\b", re.IGNORECASE)
_LATENCY = re.compile(
    r"latency|duration|took|elapsed|time|(?:request|response|total|processing|handle|rt)_?(?:time|duration|latency)|rt"
)
_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_EVENT_WORDS = 4
_EVENT_LENGTH = 32
_ENDINGS = ("total", "count", "sum", "bucket", "created", "info")
"""With which no gauge's name ends."""


class Guesser:
    """Templates in, a format out.

    Args:
        name: of the format, and what the names of metrics of the user's own begin with.
        catalog: the metrics that exist.
        training: whether formats that read other lines of the log are those of training programs.
        priority: of the format.
    """

    def __init__(self, name: str, catalog: Mapping[str, Desc], *, training: bool, priority: int = LOW) -> None:
        self._priority = priority
        self._name = name
        self._catalog = catalog
        self._training = training
        self.kind = "generic"
        self.metrics: dict[str, dict[str, Any]] = {}

    def learn(self, templates: Iterable[Template], tables: Iterable[Table] = ()) -> list[Learned]:
        """What each template and each table gives; the kind of the log is decided from all of them."""
        templates = list(templates)
        found = [
            Learned(each, [Guess(number) for number in numbers(each, _header(each, templates))]) for each in templates
        ]
        found += [Learned(each.template, [Guess(number) for number in each.numbers()], table=each) for each in tables]
        if self._training or any(self._trains(each) for each in found):
            self.kind = "training"
        elif any(status_of(each) is not None and place_of(each.template, Mask.METHOD) for each in found):
            self.kind = "inference"
        for each in found:
            self._guess(each)
            if each.table is not None:
                add_reader(each)
                continue
            self._event(each)
            self._state(each)
            add_patterns(each, f"{self._name}_events_total")
        return found

    def document(self, learned: Iterable[Learned]) -> dict[str, Any]:
        """The part `pack:` of a stoker.yaml; each table has a format of its own."""
        learned = list(learned)
        patterns: dict[str, dict[str, Any]] = {}
        for each in learned:
            for pattern in each.patterns:
                key = f"{pattern['regex']} {pattern.get('labels')}"
                if key in patterns:
                    patterns[key]["sample"] = list(dict.fromkeys([*patterns[key]["sample"], *pattern["sample"]]))[:3]
                else:
                    patterns[key] = pattern
        used = {name for each in learned for name in each.metrics}
        metrics = {name: spec for name, spec in self.metrics.items() if name in used}
        made = [
            {**each, "sample": each["sample"][0] if len(each["sample"]) == 1 else each["sample"]}
            for each in patterns.values()
        ]
        forms = [{"patterns": made}] if made else []
        forms += [each.reader for each in learned if each.reader]
        common = {
            "about": "learned from a log; check the names and the units",
            "kind": self.kind,
            "priority": self._priority,
        }
        names = [self._name, *(f"{self._name}_{number}" for number in range(2, len(forms) + 1))]
        formats = {name: {**common, **form} for name, form in zip(names, forms, strict=False)}
        return {**({"metrics": metrics} if metrics else {}), "formats": formats}

    def _trains(self, each: Learned) -> bool:
        text = str(each.template)
        metrics = {
            trained(guess.number.name, guess.number.base, text)[0]
            for guess in each.guesses
            if guess.number.why_not in ("", "always the same")
        }
        return tells_training(metrics)

    def _guess(self, each: Learned) -> None:
        text = str(each.template)
        status = status_of(each)
        beside = frozenset(guess.number.name for guess in each.guesses)
        served = self.kind == "inference" and status is not None and bool(place_of(each.template, Mask.METHOD))
        for guess in each.guesses:
            number = guess.number
            if guess is status:
                guess.metric, guess.op = ("stoker_serve_requests_total" if served else self._responses(number)), "inc"
            elif served and _LATENCY.fullmatch(number.name) and number.base in ("", "seconds"):
                guess.metric, guess.op = "stoker_serve_request_seconds", "observe"
            elif self._total(guess, text, each.table) or (self.kind == "training" and self._train(guess, text, beside)):
                continue
            elif number.measures:
                if self.kind == "training" and not number.base:
                    guess.metric, guess.labels = VALUE, {"name": number.name}
                else:
                    self._own(guess, each.table)

    def _train(self, guess: Guess, text: str, beside: frozenset[str]) -> bool:
        """Whether what the number is, or that it is nothing, is decided by what training programs print."""
        number = guess.number
        metric, label = trained(number.name, number.base, text, beside)
        steady = number.why_not == "always the same" and metric in (
            STEPS,
            "stoker_train_learning_rate",
            "stoker_train_epoch",
        )
        if metric == VALUE and number.measures:
            guess.metric, guess.labels = VALUE, {"name": label}
        if metric == VALUE or (number.why_not and not steady):
            return metric == VALUE
        guess.metric = metric
        if metric == EVAL:
            guess.labels = {"metric": label}
        return True

    def _labels(self) -> list[str]:
        return {"training": ["source", "run", "rank"], "inference": ["source", "service"]}.get(self.kind, ["source"])

    def _own(self, guess: Guess, table: Table | None) -> None:
        """A metric of the user's own; a table's has the labels that tell its rows apart, and is a gauge."""
        number = guess.number
        base = number.base if number.base in BASE_UNITS else ""
        words = [word for word in number.name.split("_") if word not in FOREIGN_UNITS and word != base]
        if not base and words and words[-1] in _ENDINGS:
            words.append("value") if len(words) == 1 else words.pop()
        stem = "_".join(words or ["number"])
        # `latency=35ms`, and `processed 12 records in 35 ms`
        timed = table is None and base == "seconds" and (_LATENCY.fullmatch(number.name) is not None or not number.key)
        name = "_".join(filter(None, (self._name, stem, base)))
        said = number.name.replace("_", " ") if number.key.isascii() else number.key
        said += " duration" if timed and not number.key and not said.endswith("duration") else ""
        spec: dict[str, Any] = {
            "type": "histogram" if timed else "gauge",
            "help": f"{said.capitalize()} as the log says it",
            "labels": list(dict.fromkeys([*self._labels(), *(table.labels() if table is not None else ())])),
            **({"bounds": list(_BOUNDS)} if timed else {}),
        }
        old = self.metrics.get(name)
        if old is not None and old["type"] != spec["type"]:
            name, old = f"{self._name}_{stem}_last{f'_{base}' if base else ''}", None
        if old is None and not self._declare(name, spec):
            return
        guess.metric, guess.op = name, "observe" if timed else "set"

    def _total(self, guess: Guess, text: str, table: Table | None) -> bool:
        """Whether it is a running total and became a counter of the user's own."""
        number = guess.number
        what = counted(number)
        if not what:
            return False
        base = number.base if number.base in BASE_UNITS else ""
        if self.kind == "training" and trained(number.name, number.base, text)[0] != VALUE:
            return False
        name = "_".join(filter(None, (self._name, what, base, "total")))
        said = number.key if not number.key.isascii() else number.name.replace("_", " ")
        labels = [*self._labels(), *(table.labels() if table is not None else ())]
        help_text = f"{said.capitalize()}, of which the log repeats the running total"
        if not self._declare(name, {"type": "counter", "help": help_text, "labels": list(dict.fromkeys(labels))}):
            return False
        guess.metric, guess.op = name, "total"
        return True

    def _declare(self, name: str, spec: dict[str, Any]) -> bool:
        if name in self._catalog:
            return False
        try:
            declare_one(
                name,
                MetricSpec(
                    type=spec["type"],
                    help=spec["help"],
                    labels=tuple(spec["labels"]),
                    bounds=tuple(spec.get("bounds", ())),
                ),
            )
        except DescError:
            return False
        self.metrics.setdefault(name, spec)
        return True

    def _responses(self, status: Number) -> str:
        """The counter of answers, which exists at 0 for the codes that are known to come."""
        name = f"{self._name}_responses_total"
        labels = [*self._labels(), "code"]
        self._declare(
            name, {"type": "counter", "help": "Answers by status code", "labels": labels, "zero": {"code": []}}
        )
        known = self.metrics[name]["zero"]["code"]
        known += [
            code for code in dict.fromkeys((f"{status.slot.low:.0f}", f"{status.slot.high:.0f}")) if code not in known
        ]
        return name

    def _state(self, each: Learned) -> None:
        """Count the lines by the state that they tell; answers of a server have their code for that."""
        state = state_of(each.template)
        if state is None or any(guess.op == "inc" for guess in each.guesses):
            return
        name = f"{self._name}_{state.label}_total"
        labels = [*self._labels(), state.label]
        spec = {"type": "counter", "help": f"Lines by {state.label}", "labels": labels, "zero": {state.label: []}}
        if self._declare(name, spec):
            each.state = state, name
            known = self.metrics[name]["zero"][state.label]
            known += [value for value in state.seen if value not in known]

    def _event(self, each: Learned) -> None:
        words = [word.text.strip("[](){}:-|,.;!\"'") for word in each.template.words]
        level = next((word for word in words[:6] if word in BAD), "")
        text = " ".join(words)
        if self.kind == "training" and _SAVED.match(text):
            each.event = CHECKPOINT
            return
        if not (level or EVENT.search(text)):
            return
        literal = [word for word in words if word and not re.search(f"[{MASKS}{ANY}=]", word) and word not in LEVELS]
        said = slug(" ".join(word for word in literal if re.search("[A-Za-z]{2}", word)))
        name = _short(said) or level.lower() or "event"
        metric = f"{self._name}_events_total"
        labels = [*self._labels(), "event"]
        if metric in self.metrics or self._declare(
            metric, {"type": "counter", "help": "Events of which the log tells", "labels": labels}
        ):
            each.event = name


def _short(said: str) -> str:
    """The first words of what an event tells, each once, without the small words."""
    words = [word for word in dict.fromkeys(said.split("_")) if word not in STOP or word == "up"][:_EVENT_WORDS]
    while len(words) > 1 and len("_".join(words)) > _EVENT_LENGTH:
        words.pop()
    return "_".join(words)


def _header(template: Template, others: Iterable[Template]) -> tuple[str, ...]:
    """Names of the columns of a template that has nothing but numbers: the words of a line that has as many, and no number."""
    if template.has_words:
        return ()
    for other in others:
        words = tuple(word.text for word in other.words)
        if len(words) == len(template.words) and all(re.fullmatch(r"[A-Za-z][\w/%.-]*", word) for word in words):
            return words
    return ()
