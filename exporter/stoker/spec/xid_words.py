"""Puts the table of XIDs into alerts: `{xids:word}` in an alert's texts becomes a list of codes, or what the codes mean.

Codes, for a matcher: `critical`; `by_line`; `by_line_warning`, those of them of which a line that is not fatal is a warning; `no_warning`, all
that GpuXidWarning leaves out. What they mean, for a text: `critical_means`, `critical_do`, `critical_means_zh` and the same of `warning`, by the
label `xid` of the alert; `critical_list` and `warning_list`, for a runbook. `switch_means`, `switch_means_zh`, `switch_do` and `switch_list` are of
NVSwitches, by the label `sxid`, those that are never fatal aside.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.documents import Mapping, Node, Scalar, Sequence, Text
from stoker.spec.xid import RECOVERY, SxidSpec, XidSpec, XidTable

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = re.compile(r"\{xids:(\w+)\}")


def with_xids(node: Mapping, table: XidTable) -> Mapping:
    """An alert's node with the words of the table in place."""
    words: dict[str, str] = {}

    def filled(match: re.Match[str]) -> str:
        if not words:
            words.update(_words(table))
        return words.get(match[1], match[0])

    changed = _walk(node, lambda text: _WORD.sub(filled, text))
    assert isinstance(changed, Mapping)
    return changed


def _walk(node: Node, change: Callable[[str], str]) -> Node:
    if isinstance(node, Mapping):
        return Mapping(node.position, tuple((key, _walk(value, change)) for key, value in node))
    if isinstance(node, Sequence):
        return Sequence(node.position, tuple(_walk(item, change) for item in node.items))
    if not isinstance(node.value, Text) or "{xids:" not in node.value:
        return node
    text = Text(change(node.value), node.value.position, block=node.value.block)
    return Scalar(node.position, text, str(text))


def _words(table: XidTable) -> dict[str, str]:
    of = {name: _of(table, name) for name in ("critical", "warning", "ignore", "by_line")}
    words = {
        "critical": _matcher(of["critical"]),
        "by_line": _matcher(of["by_line"]),
        "by_line_warning": _matcher({code: xid for code, xid in of["by_line"].items() if code != RECOVERY}),
        "no_warning": _matcher({**of["critical"], **of["ignore"], **of["by_line"]}),
    }
    for name in ("critical", "warning"):
        either = {code: xid for code, xid in of["by_line"].items() if name == "critical" or code != RECOVERY}
        told = dict(sorted({**of[name], **either}.items(), key=lambda item: int(item[0])))
        unknown = "a code that no table knows" if name == "warning" else ""
        words[f"{name}_means"] = _by_code(told, lambda xid: xid.meaning, unknown)
        words[f"{name}_means_zh"] = _by_code(
            told, lambda xid: xid.meaning_zh or xid.meaning, "未知代码" if unknown else ""
        )
        words[f"{name}_do"] = _by_code(told, lambda xid: f"NVIDIA's immediate action: {xid.action}. {xid.do}", "")
        words[f"{name}_list"] = "\n".join(f"- {code}: {_line(xid, name)}" for code, xid in told.items())
    worst = {code: sxid for code, sxid in table.sxids.items() if sxid.fatal != "never"}
    words["switch_means"] = _by_text(worst, lambda sxid: sxid.meaning, "a code that no table knows")
    words["switch_means_zh"] = _by_text(worst, lambda sxid: sxid.meaning_zh or sxid.meaning, "未知代码")
    words["switch_do"] = _by_text(worst, lambda sxid: sxid.do, "")
    alike = _alike(worst, lambda sxid: f"{sxid.meaning}. {sxid.do}")
    words["switch_list"] = "\n".join(f"- {', '.join(codes)}: {text}" for text, codes in alike.items())
    return words


def _of(table: XidTable, name: str) -> dict[str, XidSpec]:
    return {code: table.xids[code] for code in sorted(table.xids, key=int) if table.xids[code].class_ == name}


def _matcher(xids: dict[str, XidSpec]) -> str:
    return "|".join(sorted(xids, key=int))


def _line(xid: XidSpec, name: str) -> str:
    bad = "fatal" if name == "critical" else "not fatal"
    when = f" (where its line says that it is {bad})" if xid.class_ == "by_line" else ""
    others = f" Others disagree: {xid.others}." if xid.others else ""
    return f"{xid.meaning}{when}. NVIDIA's immediate action: {xid.action}. {xid.do}{others}"


def _alike(sxids: dict[str, SxidSpec], says: Callable[[SxidSpec], str]) -> dict[str, list[str]]:
    """Codes by what is said of them: of most of them the same."""
    found: dict[str, list[str]] = {}
    for code in sorted(sxids, key=int):
        found.setdefault(says(sxids[code]), []).append(code)
    return found


def _by_text(sxids: dict[str, SxidSpec], says: Callable[[SxidSpec], str], otherwise: str) -> str:
    """As `_by_code`, by `sxid`."""
    if not sxids:
        return otherwise
    branches = [
        f'if match "^({"|".join(codes)})$" $labels.sxid }}}}{text}' for text, codes in _alike(sxids, says).items()
    ]
    return "{{ " + "{{ else ".join(branches) + (f"{{{{ else }}}}{otherwise}" if otherwise else "") + "{{ end }}"


def _by_code(xids: dict[str, XidSpec], says: Callable[[XidSpec], str], otherwise: str) -> str:
    """A Go template that gives the text of the alert's own code."""
    if not xids:
        return otherwise
    branches = [f'if eq $labels.xid "{code}" }}}}{says(xid)}' for code, xid in xids.items()]
    return "{{ " + "{{ else ".join(branches) + (f"{{{{ else }}}}{otherwise}" if otherwise else "") + "{{ end }}"
