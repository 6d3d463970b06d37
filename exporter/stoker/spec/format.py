"""A log format: patterns, each with the line it was made from and what it measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternSpec:
    """One kind of line, or one field of a line.

    `regex` is searched for in the line, colours and prefixes (`[rank0]:`) taken away. `{number}`, `{int}`, `{duration}` and the
    other words of `stoker.spec.words` stand for tested sub-patterns, and so do grok's (`%{NUMBER:loss}`). A named group is a value, converted to the metric's base
    unit with `units` naming what was printed; a group that did not take part gives nothing. A group `rank` names the rank, and
    `detail` tells incidents of one kind apart. Where a step counts within its epoch, a group `of` is the number of steps in an
    epoch and `epoch0` or `epoch1` the epoch, counted from 0 or 1: the step is then counted on over the epochs.
    """

    sample: str | tuple[str, ...] = setting(doc="Real lines that the pattern reads; the check feeds them to it.")
    regex: str = setting(doc="A regular expression with named groups.")
    set: dict[str, str | float] = setting(
        factory=dict, doc="Gauges: metric to the group, or the number, that is its value."
    )
    inc: dict[str, str | float] = setting(factory=dict, doc="Counters: metric to what is added, a number or a group.")
    total: dict[str, str] = setting(
        factory=dict,
        doc="Counters of which each line repeats the running total: metric to the group that has it. What is added is its growth since the"
        " last line of the same log, rank and labels; a value below the last one has begun again at 0 and is added whole.",
    )
    observe: dict[str, str | float] = setting(factory=dict, doc="Histograms: metric to the group that is observed.")
    keys: dict[str, str] = setting(
        factory=dict,
        doc="Key in the line to gauge: once the pattern has matched, every `key: 1.5`, `key=1.5` or `key 1.5` of the line is"
        " read. A gauge with a label `metric` or `name` gets the key (without eval_, val_, valid_, test_) as its value.",
    )
    labels: dict[str, str] = setting(
        factory=dict,
        doc="Label to text with `{group}`; given to the metrics that declare the label. `{route:group}` folds a path.",
    )
    units: dict[str, str] = setting(
        factory=dict,
        doc="Group or key to the unit it is printed in (ms, us, min, percent, MiB, TFLOP/s); `auto` reads its suffix.",
    )
    bounds: dict[str, tuple[float, ...]] = setting(
        factory=dict,
        doc="Group of a request's parameter to `[least, greatest]` normal value: a request with another one counts in"
        " stoker_serve_abnormal_requests_total, with the group's name as its reason.",
    )
    begins: str | None = setting(
        None,
        doc="Name of something that takes time and begins with this line; a group `id` tells several of them apart.",
    )
    ends: str | None = setting(
        None,
        doc="Name of something that ends with this line: `elapsed` then stands for the seconds since it began, in `set`, `inc` and"
        " `observe`.",
    )
    time: str | None = setting(
        None, doc="Group with the time of the line; without it, a time at the line's start is taken."
    )
    time_format: str | None = setting(None, doc="How that time is written: `iso`, `epoch`, or a strptime format.")
    incident: str | None = setting(
        None, doc="Kind of stoker_train_errors_total or stoker_serve_errors_total; its many lines count once."
    )
    beside: bool = setting(
        False,
        doc="Whether it is only looked for in lines that another pattern of the format has matched, so that it costs nothing elsewhere.",
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
    keys: dict[str, str] = setting(
        factory=dict, doc="For a reader: key in the line to gauge, or to counter under `total`."
    )
    total: tuple[str, ...] = setting(
        (),
        doc="For a reader: those of its keys that repeat the running total of a counter, as `total` of a pattern does.",
    )
    units: dict[str, str] = setting(factory=dict, doc="For a reader: key to the unit it is printed in.")
    labels: dict[str, str] = setting(
        factory=dict,
        doc="For the reader `csv`: label to the column that has its value, for metrics that declare the label.",
    )
    sample: str | tuple[str, ...] = setting(
        (),
        doc="For a reader: logs, each of whole lines; the check has the reader find in them every key of the format.",
    )
    others: str | None = setting(None, doc="For a reader: gauge with a label `name` for numbers under any other key.")
    guess: bool = setting(
        False,
        doc="Reads lines by their words alone: not tried once the log is known to be a server's, nor on a line of one.",
    )
    echo: bool = setting(
        False, doc="Tells again what other lines say: only its steps are taken once another format has read a loss."
    )
    patterns: tuple[PatternSpec, ...] = setting((), doc="The kinds of line; all that match are applied.")
    at: At = field(default_factory=At, compare=False, repr=False)
