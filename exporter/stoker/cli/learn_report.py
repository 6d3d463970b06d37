"""What `stoker learn` found, as a table for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stoker.logs.learn import Template
from stoker.logs.learn_guess import Learned
from stoker.logs.learn_log import LogLearner

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.logs.learn_guess import Guess

_WIDTH = 110
_READ = 8
"""Kinds of line that a format reads already, which are shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """See the module.

    Attributes:
        learner: what read the log.
        written: the templates that the format reads.
        found: all templates that were looked at.
        prose: lines of sentences.
        read: templates of lines that a format reads already.
        document: the part `pack:` that was made.
        metrics: the metrics that it declares, by name.
    """

    learner: LogLearner
    written: list[Learned]
    found: list[Learned]
    prose: int
    read: list[Template]
    document: dict[str, Any]
    metrics: dict[str, dict[str, Any]]

    @property
    def left_over(self) -> int:
        """Lines of which nothing was learned and that no format reads."""
        written = {id(each) for each in self.written}
        others = sum(each.template.count for each in self.found if id(each) not in written)
        return others + self.prose + self.learner.miner.forgotten

    def why_nothing(self) -> str:
        """Why there is no format; one line."""
        lines = self.learner.lines
        if not lines:
            return "no line in it; there is nothing to learn from"
        if read := sum(self.learner.read.values()) + self.learner.silent:
            return f"nothing to learn: formats read {read:,} of {_many(lines, 'line')}, and the others say nothing again and again"
        most = max((each.template.count for each in self.found), default=0)
        if lines == 1 or most <= 1:
            return f"nothing to learn: {_many(lines, 'line')}, and none of a kind with another; name a longer log"
        return f"nothing to learn: {_many(lines, 'line')}, and no number in them has a name and moves; stoker parse shows their shapes"

    def table(self) -> Iterator[str]:
        """Lines of text."""
        for each in self.written:
            yield f"{each.template.count:>9,}  {_cut(str(each.template))}"
            rows = [_row(guess) for guess in each.guesses]
            rows += [("event", each.event, "counted", "")] if each.event else []
            rows += (
                [(each.state[0].label, each.state[1], "counted", ", ".join(each.state[0].seen))] if each.state else []
            )
            widths = [max(len(row[column]) for row in rows) for column in range(3)]
            for row in rows:
                yield f"{'':13}{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]:<{widths[2]}}  {row[3]}".rstrip()
        for template in self.read[:_READ]:
            yield f"{template.count:>9,}  {_cut(str(template))}"
            yield f"{'':13}read already by {template.group}"
        yield ""
        yield from self._summary()

    def _summary(self) -> Iterator[str]:
        counts = self._counts()
        yield f"{_many(self.learner.lines, 'line')}: {counts['learned']:,} of {_many(len(self.written), 'kind')} that the format reads"
        for name, count in self.learner.read.most_common():
            yield f"left out: {_many(count, 'line')} that {name} reads already"
        for says, key in (
            ("of tracebacks and other blocks that formats know", "blocks"),
            ("of prose", "prose"),
            ("in which no number that has a name moves, and nothing happens", "still"),
            ("of kinds that came once", "once"),
            ("of more kinds; --most N writes them, too", "more"),
            ("of kinds so rare that they were forgotten", "forgotten"),
        ):
            if counts[key]:
                yield f"left out: {_many(counts[key], 'line')} {says}"

    def _counts(self) -> dict[str, int]:
        written = {id(each) for each in self.written}
        others = [each for each in self.found if id(each) not in written]
        once = sum(1 for each in others if each.template.count == 1)
        more = sum(each.template.count for each in others if each.reads)
        return {
            "learned": sum(each.template.count for each in self.written),
            "read": sum(self.learner.read.values()),
            "blocks": self.learner.silent,
            "prose": self.prose,
            "once": once,
            "more": more,
            "still": sum(each.template.count for each in others) - once - more,
            "forgotten": self.learner.miner.forgotten,
        }

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        rows = [
            {
                "template": str(each.template),
                "lines": each.template.count,
                "read_by": None,
                "event": each.event or None,
                "numbers": [_number(guess) for guess in each.guesses],
                "sample": each.template.last,
            }
            for each in self.written
        ]
        rows += [
            {"template": str(each), "lines": each.count, "read_by": each.group, "sample": each.last}
            for each in self.read
        ]
        return {
            "lines": self.learner.lines,
            "counts": self._counts(),
            "read_by": dict(self.learner.read),
            "errors": dict(self.learner.errors),
            "templates": rows,
            "pack": self.document,
        }


def _row(guess: Guess) -> tuple[str, str, str, str]:
    number = guess.number
    labels = "".join(f'{{{name}="{value}"}}' for name, value in guess.labels.items())
    meaning = f"{guess.metric}{labels}" if guess.metric else f"({_why_not(guess)})"
    slot = number.slot
    values = f"first {_value(slot.first)}  last {_value(slot.last)}  min {_value(slot.low)}  max {_value(slot.high)}"
    in_base = bool(slot.units)
    unit = (number.base if in_base else number.unit) or "-"
    return number.name or "?", meaning, unit, values if slot.count else ""


def _why_not(guess: Guess) -> str:
    return guess.number.why_not or ("only counts up" if guess.number.slot.only_counts else "left out")


def _number(guess: Guess) -> dict[str, Any]:
    number, slot = guess.number, guess.number.slot
    return {
        "name": number.name,
        "metric": guess.metric or None,
        "op": guess.op if guess.metric else None,
        "labels": guess.labels,
        "unit": number.unit or None,
        "why_not": None if guess.metric else _why_not(guess),
        "count": slot.count,
        "first": slot.first,
        "last": slot.last,
        "min": slot.low,
        "max": slot.high,
    }


def _value(value: float) -> str:
    return f"{value:.6g}"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
