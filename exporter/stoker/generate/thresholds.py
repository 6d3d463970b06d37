"""Draws the bounds of alerts into a panel: Grafana's threshold steps, from below to above.

Grafana colours a value by the highest step that it reaches (`value >= step`). An alert fires above, below or at its bound, so
a step is the start of a colour: a healthy stretch lies between what is bad below and what is bad above. A line chart
draws lines at the steps; Grafana takes the colour of the step below where the healthy stretch is `transparent`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from stoker.spec.alert import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stoker.spec.kinds import KindAlert

COLOURS = {"critical": "red", "warning": "orange", "info": "blue", "none": "blue"}
_JUST_ABOVE_ZERO = 1e-6
"""An alert above 0 is healthy at 0; the colour starts behind it."""


class Step(NamedTuple):
    """From `value` on (None: from the lowest) a value has this colour."""

    value: float | None
    colour: str


def steps(alerts: Iterable[KindAlert], *, lines: bool) -> list[Step]:
    """The steps for the bounds of these alerts; one healthy step when there are none.

    Args:
        alerts: those that a panel shows.
        lines: True where the bounds are drawn as lines, False where values are coloured.
    """
    healthy = "transparent" if lines else "green"
    bounds = _bounds(alerts)
    equal = [(bound, colour) for bound, side, colour in bounds if side == "equals"]
    if equal:
        return _enumerated(equal, healthy, lines=lines)
    below = [(bound, colour) for bound, side, colour in bounds if side == "below"]
    lowest = below[-1][0] if below else float("-inf")
    above = [
        (bound or _JUST_ABOVE_ZERO, colour) for bound, side, colour in bounds if side == "above" and bound > lowest
    ]
    found = [Step(None, below[0][1] if below else healthy)]
    found += [Step(low[0], high[1]) for low, high in pairwise([*below, (0.0, healthy)])]
    return found + [Step(bound, colour) for bound, colour in above]


def _bounds(alerts: Iterable[KindAlert]) -> list[tuple[float, str, str]]:
    """(bound, side, colour), rising; the worst colour where two levels have one bound."""
    worst: dict[tuple[float, str], str] = {}
    for alert in alerts:
        for severity, bound, side in alert.thresholds():
            known = worst.get((bound, side), "none")
            worst[bound, side] = min(severity, known, key=SEVERITIES.index)
    return sorted((bound, side, COLOURS[severity]) for (bound, side), severity in worst.items())


def _enumerated(equal: list[tuple[float, str]], healthy: str, *, lines: bool) -> list[Step]:
    """Steps of a value that counts states, 0, 1, 2: each bad one has its colour, the next is healthy again."""
    found = [Step(None, healthy)]
    for bound, colour in equal:
        if found[-1].value == bound:
            found.pop()
        found.append(Step(bound, colour))
        if not lines:
            found.append(Step(bound + 1, healthy))
    return found
