"""A template with what its numbers were taken for, which of them is an HTTP status, and where its words tell of an event."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from stoker.logs.learn import Template
from stoker.logs.learn_masks import MASKS, Mask
from stoker.logs.learn_names import Number
from stoker.logs.learn_states import State
from stoker.logs.learn_tables import Table

CHECKPOINT = "checkpoint"
"""The event that is counted as stoker_train_checkpoints_total."""
EVENT = re.compile(
    r"\b(?:fail(?:ed|ure|ures|s|ing)?|errors?|exceptions?|retry|retries|retrying|timed? ?out|timeouts?|abort(?:ed|ing)?|crash(?:ed)?|killed"
    r"|dropped|lost|refused|denied|rejected|evict(?:ed|ing|ion)|restart(?:ed|ing)?|saved|saving|checkpoint(?:ed)?|reconnect\w*|skipp(?:ed|ing)"
    r"|unreachable|corrupt\w*|overflow|disconnected|unhealthy|throttl\w+|preempted)\b(?!\s*[=:]\s*[" + MASKS + "])",
    re.IGNORECASE,
)
_STATUS = frozenset(
    [
        "status",
        "code",
        "status_code",
        "http_status",
        "response_code",
        "http_code",
        "rc",
        "returned",
        "response",
        "responded",
    ]
)
_CODES = (100, 599)


@dataclass(slots=True)
class Guess:
    """A number and what it was taken for; `metric` is empty where it is no measurement."""

    number: Number
    metric: str = ""
    op: str = "set"
    labels: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Learned:
    """A template and what was made of it.

    Attributes:
        template: the template.
        guesses: its numbers.
        event: the label of the event that it tells of; empty for none.
        state: the word that tells a state, and the counter of lines by state.
        patterns: for the format, in the form of the spec.
        table: the table in CSV that it is, where it is one.
        reader: what a format needs besides patterns to read that, in the form of the spec; empty when no column is wanted.
    """

    template: Template
    guesses: list[Guess]
    event: str = ""
    state: tuple[State, str] | None = None
    patterns: list[dict[str, Any]] = field(default_factory=list)
    table: Table | None = None
    reader: dict[str, Any] = field(default_factory=dict)

    @property
    def reads(self) -> bool:
        """Whether there is a format for it that reads more than one line."""
        return bool(self.patterns or self.reader) and (self.template.count > 1 or bool(self.event))

    @property
    def samples(self) -> tuple[str, ...]:
        """Logs in which its metrics are."""
        return (self.reader["sample"],) if self.reader else (self.template.sample, self.template.last)

    @property
    def metrics(self) -> set[str]:
        """What its patterns write."""
        return {
            name for each in self.patterns for op in ("set", "inc", "total", "observe") for name in each.get(op, ())
        } | {name for each in (*self.patterns, self.reader) for name in each.get("keys", {}).values()}


def place_of(template: Template, mask: str) -> tuple[int, int] | None:
    """The first place of a template that has something of this kind."""
    for place, word in enumerate(template.words):
        masks = [character for character in word.text if character in MASKS]
        if mask in masks:
            return place, masks.index(mask)
    return None


def status_of(each: Learned) -> Guess | None:
    """The number that is an HTTP status."""
    asked = place_of(each.template, Mask.METHOD)
    for guess in each.guesses:
        slot, number = guess.number.slot, guess.number
        status = slot.whole and slot.count and _CODES[0] <= slot.low and slot.high <= _CODES[1] and not number.unit
        if status and (number.name in _STATUS or (asked and number.place > asked and not number.key)):
            return guess
    return None
