"""A recording rule as the spec declares it."""

from __future__ import annotations

from dataclasses import dataclass, field

from stoker.documents import At, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSpec:
    """One rule under `recordings:`, keyed by its name `level:metric:operation`."""

    expr: str = setting(doc="PromQL without the job selector, which the compiler adds to every raw metric.")
    about: str = setting("", doc="What it is for.")
    at: At = field(default_factory=At, compare=False, repr=False)
