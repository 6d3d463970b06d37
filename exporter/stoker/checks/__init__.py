"""What must hold between spec, catalogue and formats; one check in each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.checks import (
    alert_cases,
    alert_labels,
    bounds,
    counters,
    expressions,
    formats,
    links,
    names,
    overrides,
    panels,
    ranges,
    routing,
    runbooks,
    selector,
    templates,
    units,
)
from stoker.checks.view import View

if TYPE_CHECKING:
    from stoker.documents import Problems
    from stoker.spec.pack import Pack

CHECKS = (
    selector.check,
    names.check,
    expressions.check,
    counters.check,
    ranges.check,
    units.check,
    bounds.check,
    alert_labels.check,
    templates.check,
    runbooks.check,
    alert_cases.check,
    panels.check,
    overrides.check,
    formats.check,
    routing.check,
    links.check,
)
"""A new check is one file and one row here."""


def check_pack(pack: Pack, problems: Problems) -> None:
    """Run every check; all problems at once."""
    view = View(pack)
    for check in CHECKS:
        check(view, problems)


__all__ = ["CHECKS", "check_pack"]
