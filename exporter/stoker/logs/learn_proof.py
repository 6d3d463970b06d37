"""Proves what was learned: each pattern compiles, passes the spec's checks, and reads from its own lines what it promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import Problems, decode, read_yaml, write_yaml
from stoker.logs.formats import compile_formats
from stoker.logs.interpreter import Interpreter
from stoker.spec.declared import declare
from stoker.spec.user import UserPack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.logs.learn_format import Guesser
    from stoker.logs.learn_guess import Learned
    from stoker.metrics import Desc

_NONFINITE = "stoker_train_nonfinite_total"


def prove(learned: Learned, guesser: Guesser, descs: Mapping[str, Desc], line_length: int) -> None:
    """Take away the patterns of a template when one of them does not hold."""
    if (learned.patterns or learned.reader) and not _holds(learned, guesser, descs, line_length):
        learned.patterns.clear()
        learned.reader.clear()
        learned.event = ""
        learned.state = None
        for guess in learned.guesses:
            guess.metric = ""


def _holds(learned: Learned, guesser: Guesser, descs: Mapping[str, Desc], line_length: int) -> bool:
    problems = Problems()
    text = write_yaml(guesser.document([learned]))
    pack = decode(read_yaml(text, "learned", problems), UserPack, problems)
    if pack is None or problems.found:
        return False
    formats = compile_formats(
        pack.formats, "auto", {**descs, **{each.name: each for each in declare(pack.metrics)}}, problems
    )
    if problems.found:
        return False
    reader = Interpreter(formats, line_length=line_length, timezone=None, clock=lambda: 0.0)
    found = {each.metric for text in learned.samples for each in reader.feed(text.encode("utf-8", "replace") + b"\n")}
    promised = {metric for metric in learned.metrics if metric not in found}
    return not promised or _NONFINITE in found
