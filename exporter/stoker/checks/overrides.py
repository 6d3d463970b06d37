"""An override matches labels that its alerts can be told apart by, and what it changes keeps to the same checks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stoker.checks import bounds, ranges, units
from stoker.checks.view import View
from stoker.documents import Text, nearest
from stoker.spec.analysis import pattern_error
from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from stoker.documents import Position, Problems
    from stoker.spec.pack import Override

_OF_NUMBERS = (ranges.check, units.check, bounds.check)
"""The checks that a changed number can fail."""


def check(view: View, problems: Problems) -> None:
    """See the module."""
    info = view.desc("stoker_gpu_info")
    joinable = set(info.labels) if info else set()
    for override in view.pack.overrides:
        _patterns(override, problems)
        _numbers(view, override, problems)
        for name, alert in override.alerts.items():
            carried = {
                label
                for text in alert.texts()
                for selector in selectors(text)
                for label in view.labels_of(selector.name)
            }
            known = carried | (joinable if "uuid" in alert.by else set())
            for label in override.match:
                if label not in known:
                    right = nearest(label, known) or f"labels of {name}: {', '.join(sorted(known))}"
                    problems.add(_place(label, override), "override", f"{name} knows no label {label}", right)


def _patterns(override: Override, problems: Problems) -> None:
    for pattern in override.match.values():
        if error := pattern_error(pattern):
            says = f"{pattern} is no regular expression: {error}"
            problems.add(_place(pattern, override), "regex", says, "RE2, anchored")


def _numbers(view: View, override: Override, problems: Problems) -> None:
    """The alerts as they are where the override holds."""
    domains = {
        name: replace(domain, alerts={key: override.alerts[key] for key in domain.alerts if key in override.alerts})
        for name, domain in view.pack.domains.items()
    }
    there = View(replace(view.pack, domains=domains, overrides=()))
    for each in _OF_NUMBERS:
        each(there, problems)


def _place(word: str, override: Override) -> Position:
    return word.position if isinstance(word, Text) else override.position
