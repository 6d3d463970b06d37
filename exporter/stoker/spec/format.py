"""A log format: patterns, each with the line it was made from and what it measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSpec:
    """One kind of line, or one field of a line.

    `regex` is searched for in the line, colours and prefixes (`[rank0]:`) taken away. `{number}`, `{int}`, `{duration}` and the
    other words of `stoker.spec.words` stand for tested sub-patterns. A named group is a value, converted to the metric's base
    unit with `units` naming what was printed; a group that did not take part gives nothing.
    """

    sample: str | tuple[str, ...] = setting(doc="Real lines that the pattern reads; the check feeds them to it.")
    regex: str = setting(doc="A regular expression with named groups.")
    set: dict[str, str | float] = setting(
        factory=dict, doc="Gauges: metric to the group, or the number, that is its value."
    )
    inc: dict[str, str | float] = setting(factory=dict, doc="Counters: metric to what is added, a number or a group.")
    observe: dict[str, str | float] = setting(factory=dict, doc="Histograms: metric to the group that is observed.")
    labels: dict[str, str] = setting(
        factory=dict,
        doc="Label to text with `{group}`; given to the metrics that declare the label. `{route:group}` folds a path.",
    )
    units: dict[str, str] = setting(
        factory=dict,
        doc="Group to the unit it is printed in (ms, us, min, percent, MiB, TFLOP/s); `auto` reads its suffix.",
    )
    time: str | None = setting(None, doc="Group with the time of the line.")
    time_format: str | None = setting(None, doc="How that time is written: `iso`, `epoch`, or a strptime format.")
    incident: str | None = setting(
        None, doc="Kind of stoker_train_errors_total or stoker_serve_errors_total; its many lines count once."
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSpec:
    """One log format under `formats:`, keyed by its name."""

    about: str = setting("", doc="Where the format is documented.")
    kind: Literal["training", "inference", "data", "kernel", "generic"] = setting("generic", doc="What writes it.")
    priority: int = setting(50, doc="When two formats read a line, the higher one wins.")
    when: str | None = setting(None, doc="A regular expression that has to be found before any pattern is tried.")
    reader: str | None = setting(
        None,
        doc="Name of a reader of the engine, for what a regular expression cannot take apart: `dict`, `traceback`, ...",
    )
    keys: dict[str, str] = setting(factory=dict, doc="For the reader `dict`: key in the line to metric.")
    patterns: tuple[PatternSpec, ...] = setting((), doc="The kinds of line; all that match are applied.")
    at: At = field(default_factory=At, compare=False, repr=False)
