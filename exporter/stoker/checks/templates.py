"""Annotations are templates that parse, and use only labels that the alert carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.documents import Text, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.checks.view import View
    from stoker.documents import Problems
    from stoker.spec.kinds import KindAlert

FIELDS = ("summary", "description", "summary_zh", "description_zh")
_LABEL = re.compile(r"\$labels\.([A-Za-z_]\w*)")
_ACTION = re.compile(r"\{\{-?\s*(if|with|range|end|else|define|template)?\b")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_INSIDE = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)
_NO_FUNCTION = re.compile(r'"(?:\\.|[^"\\])*"|`[^`]*`|/\*.*?\*/|[$.]\w+(?:\.\w+)*|\d[\w.]*')
_WORD = re.compile(r"[A-Za-z_]\w*")
_STRAY = re.compile(r"[^\s|(),:=.$+-]")
# of Go's templates and of Prometheus's, in Prometheus 2.42 and later
_FUNCTIONS = frozenset(
    [
        "if",
        "else",
        "end",
        "range",
        "with",
        "define",
        "template",
        "block",
        "break",
        "continue",
        "nil",
        "true",
        "false",
        "and",
        "or",
        "not",
        "eq",
        "ne",
        "lt",
        "le",
        "gt",
        "ge",
        "len",
        "index",
        "slice",
        "print",
        "printf",
        "println",
        "html",
        "js",
        "urlquery",
        "call",
        "query",
        "first",
        "label",
        "value",
        "strvalue",
        "args",
        "reReplaceAll",
        "safeHtml",
        "match",
        "title",
        "toUpper",
        "toLower",
        "graphLink",
        "tableLink",
        "sortByLabel",
        "stripPort",
        "stripDomain",
        "humanize",
        "humanize1024",
        "humanizeDuration",
        "humanizePercentage",
        "humanizeTimestamp",
        "pathPrefix",
        "externalURL",
        "parseDuration",
        "tmpl",
        "toTime",
    ]
)
_ADDED = ("severity", "team", "alertname")


def check(view: View, problems: Problems) -> None:
    """See the module."""
    for name, alert in view.pack.alerts.items():
        for field in FIELDS:
            _one(str(name), alert, field, problems)


def _one(name: str, alert: KindAlert, field: str, problems: Problems) -> None:
    value = getattr(alert, field)
    text = value if isinstance(value, Text) else Text(value, alert.at.value(field))
    if not text.strip():
        problems.add(text.position, "template", f"{name}: {field} is empty", "say in one line what happened")
    if field.startswith("summary") and "\n" in text.strip():
        problems.add(
            text.position, "template", f"{name}: {field} has several lines", "put details into the description"
        )
    if field.endswith("_zh") and not _HAN.search(text):
        problems.add(text.position, "template", f"{name}: {field} is not in Chinese", "write it in Chinese")
    for match in _LABEL.finditer(text):
        if match[1] not in alert.by and match[1] not in _ADDED:
            right = nearest(match[1], alert.by) or f"it carries {', '.join(alert.by) or 'none'}"
            problems.add(text.at(match.start()), "lost-label", f"{name}: {field} uses the label {match[1]}", right)
    for says, right, offset in _refused(text):
        where, otherwise = text.at(offset), "see Prometheus's template reference"
        problems.add(where, "template", f"{name}: {field}: {says}", right or otherwise)
    if wrong := _unbalanced(text):
        problems.add(
            text.at(wrong[0]),
            "template",
            f"{name}: {field}: {wrong[1]}",
            "close every {{ with }} and every block with {{ end }}",
        )


def _refused(text: str) -> Iterator[tuple[str, str, int]]:
    """Functions and characters for which Prometheus would refuse the whole file of rules: what, what is right, and where."""
    for action in _INSIDE.finditer(text):
        bare = _NO_FUNCTION.sub(lambda found: " " * len(found[0]), action[1])
        for word in _WORD.finditer(bare):
            if word[0] not in _FUNCTIONS:
                yield f"there is no function {word[0]}", nearest(word[0], _FUNCTIONS), action.start(1) + word.start()
        if stray := _STRAY.search(_WORD.sub(lambda found: " " * len(found[0]), bare)):
            yield f"{stray[0]} has no meaning there", 'quote texts with plain " or `', action.start(1) + stray.start()


def _unbalanced(text: str) -> tuple[int, str] | None:
    """Where a Go template is broken, or None. What is finer than brackets and blocks, promtool says."""
    offset, depth = 0, 0
    while (start := text.find("{{", offset)) >= 0:
        end = text.find("}}", start)
        if end < 0 or 0 <= text.find("{{", start + 2) < end:
            return start, "{{ is not closed"
        word = _ACTION.match(text, start)
        depth += {"if": 1, "with": 1, "range": 1, "end": -1}.get((word[1] or "") if word else "", 0)
        if depth < 0:
            return start, "{{ end }} closes nothing"
        offset = end + 2
    stray = text.find("}}", offset)
    if stray >= 0:
        return stray, "}} closes nothing"
    return (max(0, text.rfind("{{")), "a block has no {{ end }}") if depth else None
