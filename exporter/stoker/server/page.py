"""The status page: what runs, what it reads and what is wrong, for a person with a browser."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the page; a row whose first cell starts with `!` is shown as a fault."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    empty: str = "none"


_STYLE = """
:root{color-scheme:light dark;--fg:#1c2024;--bg:#fff;--soft:#f3f4f6;--line:#d7dbe0;--bad:#b42318;--link:#175cd3}
@media(prefers-color-scheme:dark){:root{--fg:#e6e8eb;--bg:#14171a;--soft:#1e2327;--line:#353b41;--bad:#ff8a7d;--link:#84adff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--fg);background:var(--bg);max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:1.6rem 0 .4rem}p{margin:.2rem 0}a{color:var(--link)}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid var(--line)}
th{background:var(--soft);font-weight:600}td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
tr.bad td{color:var(--bad)}nav a{margin-right:1rem}
"""


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
        parts.append("<table><tr>" + "".join(f"<th>{html.escape(name)}</th>" for name in table.head) + "</tr>")
        for row in table.rows:
            bad = bool(row) and row[0].startswith("!")
            cells = "".join(f"<td>{html.escape(cell.removeprefix('!'))}</td>" for cell in row)
            parts.append(f"<tr{' class=bad' if bad else ''}>{cells}</tr>")
        parts.append("</table>")
    return "".join([*parts, "</body></html>\n"]).encode()
