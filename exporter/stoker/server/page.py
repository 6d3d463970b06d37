"""The status page: what runs, what it reads and what is wrong, for a person with a browser."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page; a row whose first cell starts with `!` is shown as a fault, one with `~` as something that is not there."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "none"


_STYLE = """
:root{color-scheme:light dark;--fg:#1c2024;--bg:#fff;--soft:#f3f4f6;--line:#d7dbe0;--bad:#b42318;--dim:#667085;--link:#175cd3}
@media(prefers-color-scheme:dark){:root{--fg:#e6e8eb;--bg:#14171a;--soft:#1e2327;--line:#353b41;--bad:#ff8a7d;--dim:#98a2b3;--link:#84adff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p{margin:.2rem 0}a{color:var(--link)}
div{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid var(--line);white-space:nowrap}
th{background:var(--soft);font-weight:600}td{font-variant-numeric:tabular-nums}
td:last-child{white-space:normal;overflow-wrap:anywhere;min-width:14rem}
tr.bad td{color:var(--bad)}tr.off td{color:var(--dim)}nav a{margin-right:1rem}
"""


_CLASSES = {"!": "bad", "~": "off"}


def page(title: str, facts: Sequence[str], tables: Sequence[Table]) -> bytes:
    """The page as HTML, without anything from elsewhere."""
    parts = [
        "<!doctype html><html lang=en><head><meta charset=utf-8>",
        "<meta name=viewport content='width=device-width,initial-scale=1'>",
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{html.escape(title)}</h1>",
        *(f"<p>{html.escape(fact)}</p>" for fact in facts),
        "<nav><p><a href=/metrics>/metrics</a><a href=/-/healthy>/-/healthy</a><a href=/-/ready>/-/ready</a></p></nav>",
    ]
    for table in tables:
        parts.append(f"<h2>{html.escape(table.title)}</h2>")
        if not table.rows:
            parts.append(f"<p>{html.escape(table.empty)}</p>")
            continue
        parts.append("<div><table><tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in table.head) + "</tr>")
        for row in table.rows:
            shown = _CLASSES.get(row[0][:1], "")
            cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in (row[0][len(shown) > 0 :], *row[1:]))
            parts.append(f"<tr{f' class={shown}' if shown else ''}>{cells}</tr>")
        parts.append("</table></div>")
    return "".join([*parts, "</body></html>\n"]).encode()
