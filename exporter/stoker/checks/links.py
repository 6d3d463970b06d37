"""Links can be followed: a mail's HTML shows no other addresses than those of the web."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.documents import NOWHERE, Text

if TYPE_CHECKING:
    from stoker.checks.view import View
    from stoker.documents import Problems

_WEB = re.compile(r"https?://[^/\s]+(/\S*)?\Z")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, base in (("runbooks", view.pack.links.runbooks), ("dashboards", view.pack.links.dashboards)):
        if not _WEB.match(base):
            where = base.position if isinstance(base, Text) else NOWHERE
            says = f"links.{name}: {base} is no address of the web, and templates of mails make other links unusable"
            problems.add(where, "link", says, "as in https://wiki.example.com/stoker")
