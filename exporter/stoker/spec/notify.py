"""Where notifications go: the part `notify:` of stoker.yaml. Secrets come from files only."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stoker.documents import At, Mapping, Node, Problems, Scalar, decode, nearest, setting
from stoker.spec.routes import RECEIVERS

if TYPE_CHECKING:
    from stoker.config.settings import RawPart

_SECRETS = {
    "password": "auth_password_file",
    "auth_password": "auth_password_file",
    "auth_secret": "auth_password_file",
    "smtp_auth_password": "auth_password_file",
    "api_url": "api_url_file",
    "slack_api_url": "api_url_file",
    "token": "credentials_file",
    "bearer_token": "credentials_file",
    "credentials": "credentials_file",
    "secret": "a key that ends in _file",
}
"""Keys that people know from Alertmanager or expect, each with the key that names a file in its place."""
_SMARTHOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\s]+):(?P<port>[0-9]{1,5})\Z")
_URL = re.compile(r"https?://(?P<user>[^/@\s]+@)?[^/@\s]+(/\S*)?\Z")
_LOOPBACK = re.compile(r"localhost\Z|127\.|\[?::1\]?\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailSpec:
    """Mail."""

    to: str = setting("oncall@example.com", doc="Who gets it; several with commas.")
    from_: str = setting("stoker@localhost", doc="Sender.")
    smarthost: str = setting("localhost:25", doc="Mail server, host:port.")
    require_tls: bool | None = setting(
        None, doc="Whether the server has to speak TLS; yes unless it is on this machine, when left out."
    )
    auth_username: str | None = setting(None, doc="User at the mail server.")
    auth_password_file: str | None = setting(None, doc="File with the password of that user.")
    at: At = field(default_factory=At, compare=False, repr=False)

    @property
    def tls(self) -> bool:
        """Whether mail goes encrypted or not at all."""
        return not _LOOPBACK.match(self.smarthost.rpartition(":")[0]) if self.require_tls is None else self.require_tls


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSpec:
    """A program that is told over HTTP."""

    url: str | None = setting(None, doc="Address that is posted to.")
    url_file: str | None = setting(
        None, doc="File with the address, where the address itself is the secret; needs Alertmanager 0.26 or newer."
    )
    credentials_file: str | None = setting(None, doc="File with a token, sent as `Authorization: Bearer`.")
    at: At = field(default_factory=At, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackSpec:
    """A channel in Slack."""

    api_url_file: str = setting(doc="File with the webhook address that Slack gave.")
    channel: str = setting(doc="Channel, as in #gpu-alerts.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverSpec:
    """A receiver of your own, for routes: a team's mail, webhook or channel."""

    email: str | None = setting(None, doc="Who gets mail, several with commas; server and sender are those of `email`.")
    webhook: WebhookSpec | None = setting(None, doc="A program that is told.")
    slack: SlackSpec | None = setting(None, doc="A channel that is told.")
    at: At = field(default_factory=At, compare=False, repr=False)


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
    receivers: dict[str, ReceiverSpec] = setting(
        factory=dict, doc="Receivers of your own by name; `pack.routes` lead to them."
    )
    at: At = field(default_factory=At, compare=False, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Every receiver that a route may name."""
        return (*RECEIVERS, *map(str, self.receivers))


def load_notify(part: RawPart | None, problems: Problems) -> NotifySpec:
    """The decoded part. A secret written into the file, and what Alertmanager would refuse, are problems."""
    if part is None:
        return NotifySpec()
    if _secrets(part.node, problems):
        return NotifySpec()
    spec = decode(part.node, NotifySpec, problems)
    if spec is None:
        return NotifySpec()
    _check(spec, problems)
    return spec


def _secrets(node: Node, problems: Problems, prefix: str = "notify") -> bool:
    """Note every secret; True when there is one."""
    if not isinstance(node, Mapping):
        return False
    found = False
    for key, value in node:
        if key in _SECRETS:
            right = f"put it into a file and name that: {_SECRETS[key]}"
            problems.add(key.position, "secret", f"{prefix}.{key}: a secret does not belong into stoker.yaml", right)
            found = True
        elif key == "url" and isinstance(value, Scalar) and (match := _URL.match(value.raw)) and match["user"]:
            says = f"{prefix}.url: the address holds a user or password"
            problems.add(value.position, "secret", says, "put what is secret into a file: credentials_file or url_file")
            found = True
        found = _secrets(value, problems, f"{prefix}.{key}") or found
    return found


def _check(spec: NotifySpec, problems: Problems) -> None:
    email = spec.email
    server = _SMARTHOST.match(email.smarthost)
    if server is None or not 0 < int(server["port"]) < 2**16:
        where = email.at.value("smarthost")
        problems.add(where, "smarthost", f"{email.smarthost} is no mail server", "host:port, as in localhost:25")
    for key in ("to", "from"):
        text = email.to if key == "to" else email.from_
        if not all("@" in each for each in text.split(",")):
            problems.add(email.at.value(key), "email", f"{text!r} is no address", "as in oncall@example.com")
    if (email.auth_username is None) != (email.auth_password_file is None):
        says = "auth_username and auth_password_file go together"
        problems.add(email.at.position, "email", says, "give both or none")
    for hook in (spec.webhook, spec.watchdog, *(each.webhook for each in spec.receivers.values())):
        if hook is not None:
            _hook(hook, problems)
    for name, receiver in spec.receivers.items():
        where = getattr(name, "position", receiver.at.position)
        if name in RECEIVERS:
            problems.add(where, "receiver", f"the receiver {name} exists already", "choose another name")
        if receiver.email is None and receiver.webhook is None and receiver.slack is None:
            problems.add(where, "receiver", f"the receiver {name} tells nobody", "give email, webhook or slack")
        if receiver.email is not None and not all("@" in each for each in receiver.email.split(",")):
            says = f"{receiver.email!r} is no address"
            problems.add(receiver.at.value("email"), "email", says, "as in oncall@example.com")


def _hook(hook: WebhookSpec, problems: Problems) -> None:
    if hook.url and hook.url_file:
        problems.add(hook.at.key("url_file"), "webhook", "url and url_file are both given", "keep one of them")
    if hook.url and not _URL.match(hook.url):
        right = nearest(hook.url.partition(":")[0], ("http", "https")) or "as in http://127.0.0.1:9000/alerts"
        problems.add(hook.at.value("url"), "webhook", f"{hook.url!r} is no address of HTTP", right)
    if hook.credentials_file and not (hook.url or hook.url_file):
        problems.add(hook.at.key("credentials_file"), "webhook", "the webhook has no address", "give its url")
