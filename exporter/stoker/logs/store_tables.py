"""What exists before and beside an event: counters at 0 before their first one, and the time of the last one."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, NamedTuple

from stoker.metrics import Desc, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.logs.formats import CompiledFormat, CompiledFormats
    from stoker.spec.metric import MetricSpec

STORE_LABELS = frozenset({"source", "run", "rank", "service", "engine"})
"""Labels that the store knows by itself."""

FAMILIES = {
    "training": "stoker_train_",
    "inference": "stoker_serve_",
    "data": "stoker_data_",
    "kernel": "stoker_host_",
}
"""Kind of log format to the metrics that its lines are about."""

LAST_EVENT = {
    "stoker_train_errors_total": "stoker_train_error_last_timestamp_seconds",
    "stoker_train_nonfinite_total": "stoker_train_nonfinite_last_timestamp_seconds",
    "stoker_train_checkpoints_total": "stoker_train_last_checkpoint_timestamp_seconds",
    "stoker_gpu_xid_errors_total": "stoker_gpu_xid_last_timestamp_seconds",
    "stoker_nvswitch_sxid_errors_total": "stoker_nvswitch_sxid_last_timestamp_seconds",
    "stoker_host_kernel_errors_total": "stoker_host_kernel_error_last_timestamp_seconds",
}
"""Counter to the gauge with the time of its last event; both have the same labels."""


ONCE = {
    "stoker_gpu_xid_errors_total": ("uuid", "xid"),
    "stoker_nvswitch_sxid_errors_total": ("switch", "sxid"),
}
"""Counters of events that several sources may tell of, to the labels by which it is the same thing that they tell of."""


class Zero(NamedTuple):
    """A counter that exists before its first event.

    Attributes:
        kind: of the log format with whose first line in a run or a service it does; empty where it does from the start.
        desc: the metric.
        labels: besides those that the store adds.
    """

    kind: str
    desc: Desc
    labels: dict[str, str]


def own_zeros(formats: CompiledFormats, metrics: Mapping[str, MetricSpec]) -> Iterator[Zero]:
    """The counters of a source's formats that are of no family, wherever a pattern or the metric says which label values there are."""
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for each in formats.formats:
        for desc, fixed in _written(each, formats.descs):
            if desc.kind is not Kind.COUNTER or desc.name.startswith(tuple(FAMILIES.values())):
                continue
            known = {**(metrics[desc.name].zero if desc.name in metrics else {}), **fixed}
            labels = [label for label in desc.labels if label not in STORE_LABELS]
            if not all(label in known for label in labels):
                continue
            for values in product(*(map(str, known[label]) for label in labels)):
                if (desc.name, values) not in seen:
                    seen.add((desc.name, values))
                    about = {"run", "service", "rank", "engine"} & set(desc.labels)
                    yield Zero(each.kind if about else "", desc, dict(zip(labels, values, strict=True)))


def _written(each: CompiledFormat, descs: Mapping[str, Desc]) -> Iterator[tuple[Desc, dict[str, tuple[str]]]]:
    """(metric, labels that have one value only) of everything that a format writes by its patterns and by its keys of totals."""
    for pattern in each.patterns:
        fixed = {label.name: (label.text,) for label in pattern.labels if not label.group and not label.mixed}
        for action in (*pattern.actions, *pattern.elapsed):
            yield action.desc, fixed
    for key in sorted(each.keys.totals):
        yield descs[each.keys.metrics[key]], {}


def zeros(
    kind: str, metrics: Mapping[str, MetricSpec], descs: Mapping[str, Desc]
) -> Iterator[tuple[Desc, dict[str, str]]]:
    """Counters (and gauges that the spec lists) whose label values are known before anything happened.

    Args:
        kind: of the log format, see FAMILIES.
        metrics: as the spec declares them.
        descs: the catalogue.

    Yields:
        The metric and its labels besides those that the store adds.
    """
    prefix = FAMILIES.get(kind)
    if prefix is None:
        return
    for name, spec in metrics.items():
        desc = descs.get(name)
        if desc is None or not name.startswith(prefix) or desc.kind is Kind.HISTOGRAM:
            continue
        if desc.kind is Kind.GAUGE and not spec.zero:
            continue
        known = {str(label): tuple(str(value) for value in values) for label, values in spec.zero.items()}
        labels = [label for label in desc.labels if label not in STORE_LABELS]
        if all(label in known for label in labels):
            for values in product(*(known[label] for label in labels)):
                yield desc, dict(zip(labels, values, strict=True))
