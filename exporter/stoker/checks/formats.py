"""Log formats compile: their patterns read their samples, cannot run forever, and name metrics, groups and units that exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stoker.logs.formats import check_formats

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems


def check(view: View, problems: Problems) -> None:
    """See the module."""
    check_formats(view.pack.formats, view.pack.catalog, problems)
