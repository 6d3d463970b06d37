"""The kinds of alert, one file each: how a kind becomes PromQL, how it is drawn and how it is tested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.spec.kinds.absent import Absent
from stoker.spec.kinds.composite import Composite
from stoker.spec.kinds.declines import Declines
from stoker.spec.kinds.expr import Expr
from stoker.spec.kinds.forecast import Forecast
from stoker.spec.kinds.increase import Increase
from stoker.spec.kinds.kind import KindAlert, Level
from stoker.spec.kinds.ratio import Ratio
from stoker.spec.kinds.stale import Stale
from stoker.spec.kinds.threshold import Threshold

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Mapping[str, type[KindAlert]] = {
    "threshold": Threshold,
    "ratio": Ratio,
    "increase": Increase,
    "absent": Absent,
    "stale": Stale,
    "forecast": Forecast,
    "declines": Declines,
    "composite": Composite,
    "expr": Expr,
}
"""A new kind is one file and one row here."""

__all__ = ["KINDS", "KindAlert", "Level"]
