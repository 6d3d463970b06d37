"""From a metric of the spec to a Desc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.metrics import Desc, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.spec.metric import MetricSpec


def declare_one(name: str, spec: MetricSpec) -> Desc:
    """The Desc of one metric.

    Raises:
        DescError: for a name, label or bound that breaks a rule.
    """
    return Desc(
        name=str(name),
        kind=Kind(spec.type),
        help=str(spec.help),
        labels=tuple(str(label) for label in spec.labels),
        bounds=tuple(spec.bounds),
    )


def declare(metrics: Mapping[str, MetricSpec]) -> list[Desc]:
    """The Descs of all metrics of the spec, in its order."""
    return [declare_one(name, spec) for name, spec in metrics.items()]
