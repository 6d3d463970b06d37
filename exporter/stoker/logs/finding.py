"""What a reader takes and gives: the seam between the readers of special layouts and the interpreter."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from stoker.logs.keys import bare
from stoker.logs.units import convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.logs.lines import Line
    from stoker.metrics.observation import Operation


class Finding(NamedTuple):
    """One thing that a reader found.

    Attributes:
        op, metric, labels, value: as in an Observation.
        line: where the record starts.
        incident: the kind of failure, when it counts only once for all its retellings.
        detail: tells failures of one kind apart; two without any are the same.
        weak: a failure's aftermath: counts only where nothing told of a failure before.
    """

    op: Operation
    metric: str
    labels: dict[str, str]
    value: float
    line: int
    incident: str = ""
    detail: str = ""
    weak: bool = False


class Keys(NamedTuple):
    """What a format gives its reader: metric and unit by key, the gauge for all other keys, column by label, keys of running totals."""

    metrics: Mapping[str, str]
    units: Mapping[str, str]
    others: str
    labels: Mapping[str, str] = MappingProxyType({})
    totals: frozenset[str] = frozenset()

    def finding(self, key: str, text: str, line: int) -> Finding | None:
        """The finding of a key with a number as printed; None for a key that means nothing.

        Raises:
            ValueError: when the text is no number.
        """
        metric = self.metrics.get(key) or self.others
        if not metric:
            return None
        labels = {}
        if metric == "stoker_train_eval":
            labels = {"metric": bare(key)}
        elif metric == "stoker_train_value":
            labels = {"name": key}
        return Finding(
            "total" if key in self.totals else "set", metric, labels, convert(text, self.units.get(key, "")), line
        )


class Reader(Protocol):
    """See stoker.logs.readers."""

    literals: ClassVar[tuple[str, ...]]
    """Texts of which a line must have one for the reader to be asked, unless it is awake.

    A reader whose texts stand in many lines may have `expressions` as well: regular expressions of which one must be found; one
    whose texts depend on the format has a class method `texts`, which gives those for its Keys.
    """

    def __init__(self, keys: Keys) -> None:
        """Made for one stream."""

    def read(self, line: Line, text: str, rank: str) -> list[Finding] | None:
        """Findings of the line, an empty list when it is the reader's own and says nothing yet."""

    @property
    def awake(self) -> bool:
        """Whether the next line is for this reader whatever it contains."""
