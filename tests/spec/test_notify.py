"""Where notifications go: secrets stay in files, and what Alertmanager would refuse is said before it is written."""

from __future__ import annotations

import pytest

from stoker.config.settings import RawPart
from stoker.documents import Problems, read_yaml
from stoker.spec.notify import EmailSpec, NotifySpec, load_notify


def problems_of(text: str) -> list[str]:
    problems = Problems()
    node = read_yaml(text, "stoker.yaml", problems)
    assert node is not None
    load_notify(RawPart(node=node), problems)
    return [f"{each.position.line}:{each.position.column} {each.rule}: {each.wrong}; {each.right}" for each in problems]


def test_without_settings_there_are_mail_and_watchdog() -> None:
    spec = load_notify(None, Problems())
    assert spec == NotifySpec()
    assert spec.names == ("default", "digest", "watchdog")
    assert spec.watchdog.url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "email: {auth_password: hunter2}",
            (
                "1:9 secret: notify.email.auth_password: a secret does not belong into stoker.yaml; "
                "put it into a file and name that: auth_password_file"
            ),
        ),
        (
            'slack: {api_url: "https://hooks.slack.com/services/T/B/X", channel: "#a"}',
            (
                "1:9 secret: notify.slack.api_url: a secret does not belong into stoker.yaml; "
                "put it into a file and name that: api_url_file"
            ),
        ),
        (
            'receivers: {ml: {webhook: {url: "http://a/b", token: abc}}}',
            (
                "1:47 secret: notify.receivers.ml.webhook.token: a secret does not belong into stoker.yaml; "
                "put it into a file and name that: credentials_file"
            ),
        ),
        (
            'webhook: {url: "https://user:word@example.com/"}',
            (
                "1:16 secret: notify.webhook.url: the address holds a user or password; "
                "put what is secret into a file: credentials_file or url_file"
            ),
        ),
        ("email: {smarthost: localhost}", "1:20 smarthost: localhost is no mail server; host:port, as in localhost:25"),
        ('email: {smarthost: "a:99999"}', "1:20 smarthost: a:99999 is no mail server; host:port, as in localhost:25"),
        ("email: {to: oncall}", "1:13 email: 'oncall' is no address; as in oncall@example.com"),
        (
            "email: {auth_username: a}",
            "1:8 email: auth_username and auth_password_file go together; give both or none",
        ),
        ("webhook: {url: htp://a}", "1:16 webhook: 'htp://a' is no address of HTTP; did you mean http?"),
        (
            "webhook: {url: http://a, url_file: /b}",
            "1:26 webhook: url and url_file are both given; keep one of them",
        ),
        ("watchdog: {credentials_file: /b}", "1:12 webhook: the webhook has no address; give its url"),
        ("receivers: {ml: {}}", "1:13 receiver: the receiver ml tells nobody; give email, webhook or slack"),
        (
            "receivers: {digest: {email: a@b}}",
            "1:13 receiver: the receiver digest exists already; choose another name",
        ),
        ("receivers: {ml: {email: nobody}}", "1:25 email: 'nobody' is no address; as in oncall@example.com"),
        (
            "slack: {channel: a}",
            "1:8 missing-key: api_url_file is missing; add api_url_file: File with the webhook address that Slack gave",
        ),
        ("emial: {}", "1:1 unknown-key: emial is no key here; did you mean email?"),
    ],
)
def test_a_mistake_is_one_line(text: str, expected: str) -> None:
    assert problems_of(text) == [expected]


def test_every_secret_is_said_at_once() -> None:
    found = problems_of("email: {password: a}\nslack: {token: b, channel: c}")
    assert [line.split(";")[0] for line in found] == [
        "1:9 secret: notify.email.password: a secret does not belong into stoker.yaml",
        "2:9 secret: notify.slack.token: a secret does not belong into stoker.yaml",
    ]


def test_a_secret_itself_is_never_printed() -> None:
    assert not any("hunter2" in line for line in problems_of("email: {password: hunter2}"))


@pytest.mark.parametrize(
    ("email", "encrypted"),
    [
        (EmailSpec(), False),
        (EmailSpec(smarthost="127.0.0.1:1025"), False),
        (EmailSpec(smarthost="[::1]:25"), False),
        (EmailSpec(smarthost="mail.example.com:25"), True),
        (EmailSpec(smarthost="localhost.example.com:25"), True),
        (EmailSpec(smarthost="mail.example.com:25", require_tls=False), False),
        (EmailSpec(require_tls=True), True),
    ],
)
def test_mail_that_leaves_the_machine_is_encrypted_unless_told_otherwise(email: EmailSpec, *, encrypted: bool) -> None:
    assert email.tls is encrypted
