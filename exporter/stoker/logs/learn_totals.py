"""Numbers that are running totals: they only rise, and their name says that they are what was done so far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.metrics.desc import FOREIGN_UNITS

if TYPE_CHECKING:
    from stoker.logs.learn_names import Number

_SUMS = frozenset(("total", "totals", "overall", "cumulative", "cumulated", "accumulated", "so", "far"))
"""Words that say that it is a total, and nothing of what."""
_DONE = frozenset(
    (
        "processed", "seen", "consumed", "written", "generated", "ingested", "emitted", "completed", "tokenized",
        "handled", "served", "produced",
    )
)  # fmt: skip
"""What was done with everything that is counted: a part of the counter's name."""
_NONE = frozenset(
    (
        "loss", "reward", "return", "score", "norm", "memory", "mem", "params", "parameters", "size", "peak", "max", "min", "mean", "avg",
        "average", "rate", "per", "left", "remaining", "eta", "allocated", "reserved", "used", "planned",
    )
)  # fmt: skip
"""Words of what may only rise, for a while, and is no sum of what was done."""
_BASES = ("", "seconds", "bytes", "joules")
_RISES = 3


def counted(number: Number) -> str:
    """What a running total counts, as a part of the counter's name; empty where it is none, or nothing says of what."""
    slot, words = number.slot, number.name.split("_")
    told = {*words} & _DONE or {*words} & (_SUMS - {"so", "far"}) or {"so", "far"} <= {*words}
    rises = slot.rises >= _RISES and not slot.falls and not slot.nonfinite and slot.low >= 0
    # `processed 12 records in 35 ms` took that long, each time
    took = number.base == "seconds" and not number.key
    if number.why_not or took or not (told and rises) or {*words} & _NONE or number.base not in _BASES:
        return ""
    what = [word for word in words if word not in _SUMS and word not in FOREIGN_UNITS and word != number.base]
    return "_".join(what)
