"""What is shown of sources that nobody can read again after a kill, such as syslog: their counters as they were last saved.

A killed process would otherwise have shown more than the next one knows of, and Prometheus takes a counter that falls for one that began at
zero: it would count all of it a second time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.metrics import HistogramValue, Kind, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LABEL = "source"


class Shown:
    """See the module. Any thread may ask.

    Args:
        sources: names of those that are shown as they were saved.
    """

    def __init__(self, sources: Iterable[str]) -> None:
        self.sources = frozenset(sources)
        self._saved: dict[tuple[str, tuple[str, ...]], float | HistogramValue] | None = None

    def note(self, samples: Iterable[Sample]) -> None:
        """What was saved just now."""
        self._saved = {(each.desc.name, each.labels): each.value for each in samples if self._is_of_one(each)}

    def forget(self) -> None:
        """Nothing can be saved: show what there is."""
        self._saved = None

    def of(self, samples: Sequence[Sample]) -> Sequence[Sample]:
        """The samples as they are to be shown; what was not yet saved is 0."""
        saved = self._saved
        if saved is None or not self.sources:
            return samples
        return [
            each
            if not self._is_of_one(each)
            else each._replace(value=saved.get((each.desc.name, each.labels), _zero(each)))
            for each in samples
        ]

    def _is_of_one(self, sample: Sample) -> bool:
        desc, labels, _ = sample
        if desc.kind is Kind.GAUGE or _LABEL not in desc.labels:
            return False
        return labels[desc.labels.index(_LABEL)] in self.sources


def _zero(sample: Sample) -> float | HistogramValue:
    value = sample.value
    return HistogramValue((0,) * len(value.counts), 0.0) if isinstance(value, HistogramValue) else 0.0
