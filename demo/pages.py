"""The mailbox in a browser: its mails as they look, its notifications, and the pages that the mails' links lead to."""

from __future__ import annotations

import email
import email.policy
import html
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from email.message import EmailMessage

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>Mailbox</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; color: #1c2024; margin: 2rem; max-width: 60rem }}
table {{ border-collapse: collapse; width: 100% }} td, th {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd }}
</style></head><body><h1>Mailbox of the demonstration</h1>
<p>What Alertmanager has sent so far, newest first. Times are UTC. The page looks again every five seconds.</p>
<table><tr><th>time</th><th>kind</th><th>what</th></tr>{rows}</table></body></html>
"""
_NO_GRAFANA = """Grafana is not installed here, so this dashboard cannot be shown.

Import {file} in a Grafana whose data source is the Prometheus of this demonstration,
or install Grafana and type `make up` again.
"""


class Page(NamedTuple):
    """What a browser is told."""

    kind: str
    text: str


def page(folder: Path, target: str) -> Page | None:
    """The page at the path `target` of the mailbox that keeps its messages in `folder`/received; None when there is none."""
    path = unquote(urlsplit(target).path)
    match path.strip("/").split("/"):
        case [""]:
            return Page("text/html", _index(folder / "received"))
        case ["runbooks", name] if (file := folder / "generated/docs/runbooks" / f"{Path(name).stem}.md").is_file():
            return Page("text/plain", file.read_text(encoding="utf-8"))
        case ["dashboards", name] if (file := folder / "generated/grafana/dashboards" / f"{name}.json").is_file():
            return Page("text/plain", _NO_GRAFANA.format(file=file))
        case [kind, name] if (file := folder / "received" / kind / name).is_file() and kind != "..":
            return _message(file)
        case _:
            return None


def read(file: Path) -> EmailMessage:
    """A mail that was kept."""
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def _message(file: Path) -> Page:
    if file.suffix != ".eml":
        return Page("application/json", file.read_text(encoding="utf-8", errors="replace"))
    body = read(file).get_body(("html", "plain"))
    if body is None:
        return Page("text/plain", "a mail without text\n")
    return Page(body.get_content_type(), body.get_content())


def _index(received: Path) -> str:
    rows = []
    for file in sorted(received.glob("*/[0-9]*"), key=lambda file: file.name, reverse=True):
        time, what = _row(file)
        link = html.escape(f"/{file.parent.name}/{file.name}")
        rows.append(
            f'<tr><td>{time}</td><td>{html.escape(file.parent.name)}</td><td><a href="{link}">{html.escape(what)}</a></td></tr>'
        )
    return _PAGE.format(rows="\n".join(rows) or '<tr><td colspan="3">nothing yet</td></tr>')


def _row(file: Path) -> tuple[str, str]:
    when = datetime.fromtimestamp(float(file.name.rsplit(".", 1)[0]), UTC)
    if file.suffix == ".eml":
        return f"{when:%H:%M:%S}", str(read(file)["subject"])
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        names = sorted({alert["labels"]["alertname"] for alert in content["alerts"]})
        return f"{when:%H:%M:%S}", f"{content['status']}: {', '.join(names)}"
    except (ValueError, KeyError, TypeError):
        return f"{when:%H:%M:%S}", file.name
