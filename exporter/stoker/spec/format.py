"""A log format: patterns, each with the line it was made from and what it measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSpec:
    """One kind of line.

    `regex` is searched for in the line after colours and prefixes (`[rank0]:`) are taken away. `{number}`, `{int}`, `{duration}`
    and the other words of `stoker.spec.words` stand for tested sub-patterns. Named groups are values: a group named in
    `set`, `inc` or `observe` is converted to the metric's base unit, with `units` naming what was printed.
    """

    sample: str | tuple[str, ...] = setting(doc="Real lines that the pattern reads; the check feeds them to it.")
    regex: str = setting(doc="A regular expression with named groups.")
    set: dict[str, str | float] = setting(
        factory=dict, doc="Gauges: metric name to the group (or number) that is its value."
    )
    inc: dict[str, str | float] = setting(
        factory=dict, doc="Counters: metric name to what is added, a number or a group."
    )
    observe: dict[str, str | float] = setting(
        factory=dict, doc="Histograms: metric name to the group that is observed."
    )
    labels: dict[str, str] = setting(
        factory=dict,
        doc="Label name to `{group}` or fixed text; applied to every metric of the pattern that declares the label.",
    )
    units: dict[str, str] = setting(
        factory=dict,
        doc="Group to the unit it is printed in (ms, us, min, percent, MiB, TFLOP/s, mJ); `auto` reads its suffix.",
    )
    time: str | None = setting(None, doc="Group with the time of the line.")
    time_format: str | None = setting(None, doc="How that time is written: `iso`, `epoch`, or a strptime format.")
    multiline: str | None = setting(
        None, doc="Name of a record reader of the engine for records of many lines: `traceback`, `torchrun_report`."
    )
    expect: tuple[dict[str, object], ...] = setting(
        (), doc="What the samples give, as `{metric, value, labels}`; checked when present."
    )
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatSpec:
    """One log format under `formats:`, keyed by its name."""

    about: str = setting("", doc="Where the format is documented.")
    kind: Literal["training", "inference", "data", "kernel", "generic"] = setting("generic", doc="What writes it.")
    priority: int = setting(50, doc="When two formats read a line, the higher one wins.")
    reader: str | None = setting(
        None,
        doc="Name of a reader of the engine for lines that a regular expression cannot take apart (`dict`, `json`).",
    )
    keys: dict[str, str] = setting(factory=dict, doc="For a reader: key in the line to metric name.")
    patterns: tuple[PatternSpec, ...] = setting((), doc="The kinds of line.")
    at: At = field(default_factory=At, compare=False, repr=False)
