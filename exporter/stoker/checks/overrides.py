"""An override matches labels that its alerts can be told apart by."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.spec.promql import selectors

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    info = view.desc("stoker_gpu_info")
    joinable = set(info.labels) if info else set()
    for override in view.pack.overrides:
        for pattern in override.match.values():
            try:
                re.compile(pattern)
            except re.error as error:
                problems.add(
                    override.position, "regex", f"{pattern} is no regular expression: {error}", "RE2, anchored"
                )
        for name, alert in override.alerts.items():
            carried = {
                label
                for text in alert.texts()
                for selector in selectors(text)
                for label in view.labels_of(selector.name)
            }
            gpu = joinable if "uuid" in alert.by else set()
            for label in sorted(set(override.match) - carried - gpu):
                right = f"labels of {name}: {', '.join(sorted(carried | gpu))}"
                problems.add(override.position, "override", f"{name} knows no label {label}", right)
