"""Where notifications go: the part `notify:` of stoker.yaml. Secrets come from files only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.documents import At, Mapping, Node, Problems, decode, setting

if TYPE_CHECKING:
    from stoker.config.settings import RawPart

_SECRETS = {
    "password": "auth_password_file",
    "auth_password": "auth_password_file",
    "api_url": "api_url_file",
    "token": "api_url_file",
    "secret": "auth_password_file",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSpec:
    """Mail."""

    to: str = setting("oncall@example.com", doc="Who gets it; several with commas.")
    from_: str = setting("stoker@localhost", doc="Sender.")
    smarthost: str = setting("localhost:25", doc="Mail server, host:port.")
    require_tls: bool = setting(False, doc="Whether the server has to speak TLS.")
    auth_username: str | None = setting(None, doc="User at the mail server.")
    auth_password_file: str | None = setting(None, doc="File with the password of that user.")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSpec:
    """A program that is told over HTTP."""

    url: str | None = setting(None, doc="Address that is posted to.")
    url_file: str | None = setting(None, doc="File with the address, where it holds a secret.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSpec:
    """A channel in Slack."""

    api_url_file: str = setting(doc="File with the webhook address that Slack gave.")
    channel: str = setting(doc="Channel, as in #gpu-alerts.")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifySpec:
    """The part `notify:`."""

    email: EmailSpec = setting(factory=EmailSpec, doc="Mail; critical and warning at once, information once a day.")
    webhook: WebhookSpec = setting(factory=WebhookSpec, doc="Gets every critical and warning alert beside the mail.")
    slack: SlackSpec | None = setting(None, doc="Gets every critical and warning alert beside the mail.")
    watchdog: WebhookSpec = setting(
        factory=lambda: WebhookSpec(url="http://127.0.0.1:9841/watchdog"),
        doc="Hears the watchdog every five minutes; its silence is the alarm.",
    )
    at: At = field(default_factory=At, compare=False, repr=False)


def load_notify(part: RawPart | None, problems: Problems) -> NotifySpec:
    """The decoded part; a secret written into the file is a problem of its own."""
    if part is None:
        return NotifySpec()
    for path, node in _entries(part.node):
        word = path.rsplit(".", 1)[-1]
        if word in _SECRETS:
            right = f"put it into a file and name that: {_SECRETS[word]}"
            problems.add(node.position, "secret", f"notify.{path}: a secret does not belong into stoker.yaml", right)
            return NotifySpec()
    return decode(part.node, NotifySpec, problems) or NotifySpec()


def _entries(node: Node, prefix: str = "") -> list[tuple[str, Node]]:
    if not isinstance(node, Mapping):
        return []
    found: list[tuple[str, Node]] = []
    for key, value in node:
        found.append((f"{prefix}{key}", value))
        found += _entries(value, f"{prefix}{key}.")
    return found
