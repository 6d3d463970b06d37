"""The mailbox in a browser: mails as they look, notifications, runbooks, and nothing outside of its folder."""

from __future__ import annotations

import json
from email.message import EmailMessage
from typing import TYPE_CHECKING

import pytest
from demo.pages import Page, page

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mail = EmailMessage()
    mail["Subject"] = "[CRITICAL] a <b> & c"
    mail.set_content("plain 训练")
    mail.add_alternative("<p>html 训练</p>", subtype="html")
    for kind in ("mail", "webhook"):
        (tmp_path / "received" / kind).mkdir(parents=True)
    (tmp_path / "received/mail/1795850031.879628.eml").write_bytes(mail.as_bytes())
    hook = {"status": "resolved", "alerts": [{"labels": {"alertname": "HostRebooted"}}]}
    (tmp_path / "received/webhook/1795850032.000000.json").write_text(json.dumps(hook))
    runbooks, dashboards = tmp_path / "generated/docs/runbooks", tmp_path / "generated/grafana/dashboards"
    runbooks.mkdir(parents=True)
    dashboards.mkdir(parents=True)
    (runbooks / "HostRebooted.md").write_text("# HostRebooted\n")
    (dashboards / "stoker-host.json").write_text("{}")
    (tmp_path / "secret").write_text("secret")
    return tmp_path


def test_the_first_page_lists_what_came_newest_first(folder: Path) -> None:
    found = page(folder, "/")
    assert found is not None
    assert found.kind == "text/html"
    hook, mail = found.text.index("resolved: HostRebooted"), found.text.index("[CRITICAL] a &lt;b&gt; &amp; c")
    assert hook < mail
    assert 'href="/mail/1795850031.879628.eml"' in found.text
    assert "07:13:51" in found.text


def test_a_mail_is_shown_as_it_looks(folder: Path) -> None:
    assert page(folder, "/mail/1795850031.879628.eml") == Page("text/html", "<p>html 训练</p>\n")
    found = page(folder, "/webhook/1795850032.000000.json")
    assert found is not None
    assert found.kind == "application/json"


def test_links_of_a_mail_lead_somewhere(folder: Path) -> None:
    assert page(folder, "/runbooks/HostRebooted") == Page("text/plain", "# HostRebooted\n")
    found = page(folder, "/dashboards/stoker-host?var-cluster=demo")
    assert found is not None
    assert "stoker-host.json" in found.text


@pytest.mark.parametrize(
    "target",
    [
        "/mail",
        "/mail/none.eml",
        "/../secret",
        "/%2e%2e/secret",
        "/mail/..%2f..%2fsecret",
        "/runbooks/none",
        "/dashboards/none",
    ],
)
def test_nothing_else_is_shown(folder: Path, target: str) -> None:
    assert page(folder, target) is None
