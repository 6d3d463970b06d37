"""Finds words of a template that tell a state: few different ones, under a name such as `status`, or words that mean nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from stoker.logs.learn_names import slug

if TYPE_CHECKING:
    from stoker.logs.learn import Template

_MOST = 8
_OFTEN = 3
"""Lines for each state before the words are taken for states."""
_KEYS = frozenset(("status", "state", "result", "outcome", "verdict", "health", "conclusion"))
_WORDS = frozenset(
    (
        *(
            "ok",
            "okay",
            "pass",
            "passed",
            "success",
            "succeeded",
            "successful",
            "done",
            "completed",
            "complete",
            "finished",
        ),
        *(
            "fail",
            "failed",
            "failure",
            "error",
            "errored",
            "timeout",
            "skipped",
            "cancelled",
            "canceled",
            "aborted",
            "rejected",
        ),
        *(
            "up",
            "down",
            "healthy",
            "unhealthy",
            "degraded",
            "ready",
            "running",
            "pending",
            "stopped",
            "starting",
            "stopping",
        ),
        *(
            "idle",
            "busy",
            "active",
            "inactive",
            "online",
            "offline",
            "hit",
            "miss",
            "accepted",
            "dropped",
            "retried",
            "killed",
        ),
    )
)
_STATE = re.compile(r"[A-Za-z][A-Za-z_-]{0,23}")


class State(NamedTuple):
    """A word that tells a state: its place, what it is called, and the states that were seen."""

    place: int
    label: str
    seen: tuple[str, ...]


def state_of(template: Template) -> State | None:
    """The first word of a template that tells a state."""
    for place, values in sorted(template.values.items()):
        few = 1 < len(values) <= _MOST and template.count >= _OFTEN * len(values)
        if not few or not all(map(_STATE.fullmatch, values)):
            continue
        key = slug(template.words[place - 1].text.rstrip("=:")) if place else ""
        named = key in _KEYS and template.words[place - 1].text[-1] in "=:"
        if named or {value.lower() for value in values} <= _WORDS:
            return State(place, key if named else "status", tuple(sorted(values)))
    return None
