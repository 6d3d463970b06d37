"""A metric that comes from a log or from a user, as the spec declares it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from stoker.documents import At, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSpec:
    """One metric under `metrics:`, keyed by its full name."""

    type: Literal["counter", "gauge", "histogram"] = setting(doc="Type of the metric.")
    help: str = setting(doc="One sentence without a full stop.")
    labels: tuple[str, ...] = setting((), doc="Label names; the ones that a series lacks are left out of it.")
    bounds: tuple[float, ...] = setting((), doc="Upper bounds of a histogram's buckets, rising.")
    zero: dict[str, tuple[str, ...]] = setting(
        factory=dict,
        doc="Label values at which a counter is exposed at 0 before its first event: `{kind: [oom, nccl]}`; values that a"
        " pattern gives as fixed text need not be here.",
    )
    at: At = field(default_factory=At, compare=False, repr=False)
