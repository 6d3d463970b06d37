"""Says what is wrong with a format's reader: it does not exist, does not find what it should in its sample, leaves labels empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.documents import nearest
from stoker.logs.formats_checks import place_of
from stoker.logs.lines import Line
from stoker.logs.readers import READERS
from stoker.logs.store_tables import STORE_LABELS
from stoker.logs.unwrap import unwrap

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.documents import Problems
    from stoker.logs.finding import Keys
    from stoker.metrics import Desc
    from stoker.spec.format import FormatSpec

_LABELLED = "csv"
"""The reader that gives labels of the user's own."""
_OWN = {"stoker_train_eval": "metric", "stoker_train_value": "name"}
"""Metric to the label that a key's own name becomes."""


def check_reader(name: str, spec: FormatSpec, keys: Keys, descs: Mapping[str, Desc], problems: Problems) -> None:
    """Adds what is wrong with the reader of a format, and with what is for a reader only."""
    if spec.reader is None:
        for what in ("keys", "total", "units", "labels", "sample", "others"):
            if getattr(spec, what):
                says = f"{name}: {what} of a format is for its reader, and it has none"
                problems.add(spec.at.key(what), "no-reader", says, "give it to a pattern, or name a reader")
        return
    if spec.reader not in READERS:
        right = nearest(spec.reader, READERS) or f"one of {', '.join(READERS)}"
        problems.add(spec.at.value("reader"), "unknown-reader", f"{name}: there is no reader {spec.reader}", right)
        return
    if spec.labels and spec.reader != _LABELLED:
        says = f"{name}: the reader {spec.reader} reads no labels from columns"
        problems.add(spec.at.key("labels"), "labels", says, f"take them out; the reader {_LABELLED} does")
    for key in spec.total:
        if key not in spec.keys:
            right = nearest(key, spec.keys) or f"its keys: {', '.join(spec.keys) or 'none'}"
            at = place_of(key, spec.at.value("total"))
            problems.add(at, "unknown-key", f"{name}: {key} under total is none of its keys", right)
    _check_labels(name, spec, descs, problems)
    _check_samples(name, spec, keys, problems)


def _check_labels(name: str, spec: FormatSpec, descs: Mapping[str, Desc], problems: Problems) -> None:
    known: set[str] = set()
    for key, metric in spec.keys.items():
        desc = descs.get(metric)
        known.update(desc.labels if desc is not None else ())
        given = STORE_LABELS | set(spec.labels) | {_OWN.get(metric, "")}
        missing = [label for label in desc.labels if label not in given] if desc is not None else []
        for label in missing:
            says = f"{name}: {metric} has a label {label}, and the format does not give it"
            at = place_of(key, spec.at.value("keys"))
            problems.add(at, "missing-label", says, f"labels: {{{label}: COLUMN}}, with the reader {_LABELLED}")
    for label in spec.labels:
        if label not in known:
            right = nearest(label, known) or f"its labels: {', '.join(sorted(known)) or 'none'}"
            at = place_of(label, spec.at.value("labels"))
            problems.add(at, "unknown-label", f"{name}: none of its metrics has the label {label}", right)


def _check_samples(name: str, spec: FormatSpec, keys: Keys, problems: Problems) -> None:
    samples = spec.sample if isinstance(spec.sample, tuple) else (spec.sample,)
    if not samples:
        return
    found: set[str] = set()
    for sample in samples:
        reader = READERS[str(spec.reader)](keys)
        for number, text in enumerate(str(sample).splitlines(), 1):
            rank, line = unwrap(text)
            try:
                found.update(each.metric for each in reader.read(Line(number, line), line, rank) or ())
            except (ValueError, OverflowError):
                continue
    for key, metric in spec.keys.items():
        if metric not in found:
            says = f"{name}: the reader {spec.reader} finds no {key} in the sample"
            right = "write the key as the log does, and a sample in which it has a number"
            problems.add(place_of(key, spec.at.value("keys")), "sample", says, right)
