"""Fills in the labels that a case leaves to the examples."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.generate.variants import TARGET_LABELS
from stoker.spec.examples import example, matching
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.spec.pack import Pack

_MATCHERS = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_EQUALS = re.compile(r'(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"')


def expand_series(series: Mapping[str, str], pack: Pack) -> list[dict[str, str]]:
    """Promtool's `input_series`, every label of the metric and of its target written out."""
    return [{"series": expand(str(name), pack), "values": str(values)} for name, values in series.items()]


def expand(text: str, pack: Pack) -> str:
    """One series with all its labels; a label given as "" is left out."""
    found = selectors(text)
    if not found:
        return text
    given = dict(_EQUALS.findall(found[0].matchers))
    name = found[0].name
    labels = {label: example(label) for label in (*TARGET_LABELS, *metric_labels(name, pack))}
    labels |= selected(pack)
    labels |= given
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items() if value)
    return f"{name}{{{inside}}}"


def selected(pack: Pack) -> dict[str, str]:
    """Values of labels with which a series is one of those that the pack's selector means."""
    found = {}
    for label, operator, text in _MATCHERS.findall(pack.selector):
        value = re.sub(r"\\(.)", r"\1", text)
        usual = example(label)
        if operator == "=":
            found[label] = value
        elif operator == "=~":
            found[label] = matching(value, usual)
        elif (value == usual) if operator == "!=" else re.fullmatch(value, usual):
            found[label] = f"other-{usual}"
    return found


def metric_labels(name: str, pack: Pack) -> tuple[str, ...]:
    """The metric's own labels; a histogram's parts carry those of the histogram (and `le` when given)."""
    for known in (name, name.removesuffix("_bucket"), name.removesuffix("_sum"), name.removesuffix("_count")):
        if known in pack.catalog:
            return pack.catalog[known].labels
    return ()
