"""One followed log as the store sees it, and where an observation of it goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from stoker.config.settings import SourceSettings
from stoker.logs.identity import Identity
from stoker.logs.store_totals import LogTotals, Total

if TYPE_CHECKING:
    from stoker.logs.store_runs import Subject, Watch
    from stoker.logs.store_series import Number, Series


class Slot(NamedTuple):
    """Where an observation goes: a series, the gauge with its time, a watch, a run, a running total."""

    series: Series | None
    last: Number | None
    watch: Watch | None
    subject: Subject | None
    total: Total | None


@dataclass(slots=True)
class Stream:
    """One followed file: the labels that its lines do not say, its running totals, and the slots found so far.

    Attributes:
        settings: of its source.
        identity: run, rank, service and engine.
        errors: of the source, by reason.
        totals: running totals of the log.
        age, token: of the store when slots were last found; a target with this token has the stream's slot.
    """

    settings: SourceSettings
    identity: Identity
    errors: Counter[str]
    totals: LogTotals = field(default_factory=LogTotals)
    age: int = 0
    token: object = field(default_factory=object)
