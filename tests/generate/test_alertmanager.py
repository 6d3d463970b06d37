"""Alertmanager's own tools and the real Alertmanager read what is generated and do what is promised."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import urllib.request
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from packs import pack_of
from stoker.catalog import complete
from stoker.config.settings import RawPart
from stoker.documents import Problems, read_yaml
from stoker.generate.alertmanager import alertmanager, route_cases
from stoker.sources import programs
from stoker.spec.notify import NotifySpec, load_notify
from stoker.spec.pack import Pack, load_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVERYTHING = """
email: {to: "a@example.com,b@example.com", from: stoker@example.com, smarthost: "mail.example.com:587", auth_username: stoker, auth_password_file: /etc/stoker/mail}
webhook: {url: "http://127.0.0.1:9000/alerts", credentials_file: /etc/stoker/token}
slack: {api_url_file: /etc/stoker/slack, channel: "#gpu"}
watchdog: {url: "https://example.com/heartbeat?key=1"}
receivers:
  ml: {email: ml@example.com, webhook: {url: "http://127.0.0.1:9000/ml"}, slack: {api_url_file: /etc/stoker/slack, channel: "#ml"}}
"""


@cache
def shipped() -> Pack:
    return complete(load_pack())


def notify_of(text: str) -> NotifySpec:
    problems = Problems()
    node = read_yaml(text, "stoker.yaml", problems)
    assert node is not None
    spec = load_notify(RawPart(node=node), problems)
    assert list(problems) == []
    return spec


def written(folder: Path, pack: Pack, notify: NotifySpec) -> Path:
    for artifact in alertmanager(pack, notify):
        target = folder / artifact.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(artifact.content, encoding="utf-8")
    return folder / "alertmanager/alertmanager.yml"


def receiver_of(config: Path, labels: dict[str, str]) -> str:
    quoted = {name: value.replace('"', '\\"') for name, value in labels.items()}
    arguments = [f"{name}={value}" for name, value in quoted.items()]
    done = programs.run("amtool", ["config", "routes", "test", f"--config.file={config}", *arguments])
    assert done.code == 0, done.output
    return done.output.splitlines()[0]  # what follows are warnings


@pytest.mark.parametrize("text", ["{}", EVERYTHING])
def test_amtool_accepts_the_configuration(text: str, tmp_path: Path) -> None:
    config = written(tmp_path, shipped(), notify_of(text))
    done = programs.run("amtool", ["check-config", str(config)])
    assert done.code == 0, done.output
    assert "1 templates" in done.output


def test_every_alert_and_level_has_a_case_and_reaches_its_receiver(tmp_path: Path) -> None:
    config = written(tmp_path, shipped(), NotifySpec())
    cases = route_cases(shipped())
    levels = {(name, level.severity) for name, alert in shipped().alerts.items() for level in alert.resolved()}
    assert {(case.labels["alertname"], case.labels["severity"]) for case in cases} == levels
    assert {case.receiver for case in cases} == {"default", "digest", "watchdog"}
    assert [case for case in cases if receiver_of(config, dict(case.labels)) != case.receiver] == []


def test_a_route_of_a_user_comes_first_and_a_team_has_its_own_receiver(tmp_path: Path) -> None:
    pack, problems = pack_of(
        'teams: [{team: ml, match: {run: "pretrain-.*"}}]\n'
        "intervals: {office: {weekdays: ['monday:friday'], start: '09:00', end: '17:30', location: Europe/Berlin}}\n"
        "routes: [{match: {team: ml, severity: critical|warning}, receiver: default, active: office}]"
    )
    assert [str(problem) for problem in problems] == []
    config = written(tmp_path, pack, NotifySpec())
    done = programs.run("amtool", ["check-config", str(config)])
    assert done.code == 0, done.output
    made = yaml.safe_load(config.read_text(encoding="utf-8"))
    first = made["route"]["routes"][0]
    assert first["matchers"] == ['team="ml"', 'severity=~"critical|warning"']
    assert first["active_time_intervals"] == ["office"]
    [hours] = made["time_intervals"][0]["time_intervals"]
    assert (hours["weekdays"], hours["location"]) == (["monday:friday"], "Europe/Berlin")


def test_a_pattern_with_quotes_and_backslashes_matches_what_it_says(tmp_path: Path) -> None:
    pack, problems = pack_of(r"""routes: [{match: {run: 'job-\d+"x"'}, receiver: digest}]""")
    assert [str(problem) for problem in problems] == []
    config = written(tmp_path, pack, NotifySpec())
    assert receiver_of(config, {"run": 'job-12"x"', "severity": "critical"}) == "digest"
    assert receiver_of(config, {"run": "job-x", "severity": "critical"}) == "default"


def test_secrets_are_named_by_file_and_mail_to_a_distant_server_is_encrypted(tmp_path: Path) -> None:
    made = yaml.safe_load(written(tmp_path, shipped(), notify_of(EVERYTHING)).read_text(encoding="utf-8"))
    assert made["global"]["smtp_require_tls"] is True
    assert made["global"]["smtp_auth_password_file"] == "/etc/stoker/mail"
    default, digest, watchdog, ml = made["receivers"]
    [hook] = default["webhook_configs"]
    assert hook["http_config"] == {"authorization": {"credentials_file": "/etc/stoker/token"}}
    assert default["slack_configs"][0]["api_url_file"] == "/etc/stoker/slack"
    assert set(digest) == {"name", "email_configs"}
    assert watchdog["webhook_configs"][0]["send_resolved"] is False
    assert (ml["name"], ml["email_configs"][0]["to"]) == ("ml", "ml@example.com")


def test_mail_on_this_machine_needs_no_encryption(tmp_path: Path) -> None:
    for number, host in enumerate(("localhost:25", "127.0.0.1:1025", "[::1]:25")):
        config = written(tmp_path / str(number), shipped(), notify_of(f'email: {{smarthost: "{host}"}}'))
        assert yaml.safe_load(config.read_text(encoding="utf-8"))["global"]["smtp_require_tls"] is False


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Alertmanager with the generated configuration; it tells nobody within the test's time."""
    folder = tmp_path_factory.mktemp("alertmanager")
    config = written(folder, shipped(), NotifySpec())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}/api/v2"
    command = [
        programs.find("alertmanager"),
        f"--config.file={config}",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(address))
        yield address
    finally:
        process.terminate()
        process.wait(20)


def until(condition: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(400):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come")


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/status", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def silenced(api: str, alerts: list[dict[str, str]], wanted: set[int]) -> set[int]:
    """The indices of those alerts that others silence, once at least `wanted` are."""
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    request = urllib.request.Request(f"{api}/alerts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5):
        pass
    found: set[int] = set()

    def ask() -> bool:
        with urllib.request.urlopen(f"{api}/alerts", timeout=5) as response:
            known: list[dict[str, Any]] = json.load(response)
        quiet = [each["labels"] for each in known if each["status"]["inhibitedBy"]]
        found.clear()
        found.update(index for index, labels in enumerate(alerts) if labels in quiet)
        shown = [each["labels"] for each in known]
        return all(labels in shown for labels in alerts) and wanted <= found

    until(ask)
    return found


def test_a_node_that_is_down_silences_its_own_parts_and_never_a_training_run(api: str) -> None:
    node = {"cluster": "down", "instance": "n1:9838"}
    alerts = [
        {"alertname": "StokerDown", "severity": "critical", **node},
        {"alertname": "HostMemoryHigh", "severity": "warning", **node},
        {"alertname": "GpuDown", "severity": "critical", "gpu": "0", "uuid": "GPU-a", **node},
        {"alertname": "StokerCollectorFailing", "severity": "warning", "collector": "host_cpu", **node},
        {"alertname": "HostMemoryHigh", "severity": "warning", "cluster": "down", "instance": "n2:9838"},
        {"alertname": "HostMemoryHigh", "severity": "warning", "cluster": "other", "instance": "n1:9838"},
        {"alertname": "TrainingHung", "severity": "critical", "cluster": "down", "run": "r1"},
        {"alertname": "ServeErrorRateHigh", "severity": "critical", "service": "chat", **node},
    ]
    assert silenced(api, alerts, {1, 2, 3}) == {1, 2, 3}


def test_no_target_at_all_does_not_silence_the_watchdog(api: str) -> None:
    alerts = [
        {"alertname": "StokerDown", "severity": "critical"},
        {"alertname": "StokerWatchdog", "severity": "none"},
        {"alertname": "StokerConfigReloadFailed", "severity": "warning"},
    ]
    assert silenced(api, alerts, {2}) == {2}


def test_a_gpu_off_the_bus_silences_all_else_of_that_gpu_only(api: str) -> None:
    gpu = {"cluster": "bus", "instance": "n1:9838", "gpu": "0", "uuid": "GPU-a"}
    other = {**gpu, "gpu": "1", "uuid": "GPU-b"}
    alerts = [
        {"alertname": "GpuXidCritical", "severity": "critical", "xid": "79", **gpu},
        {"alertname": "GpuDown", "severity": "critical", **gpu},
        {"alertname": "GpuXidCritical", "severity": "critical", "xid": "48", **gpu},
        {"alertname": "GpuXidWarning", "severity": "warning", "xid": "45", **gpu},
        {"alertname": "GpuDown", "severity": "critical", **other},
        {"alertname": "GpuXidCritical", "severity": "critical", "xid": "48", **other},
        {"alertname": "GpuMissing", "severity": "critical", "cluster": "bus", "instance": "n1:9838"},
    ]
    assert silenced(api, alerts, {1, 2, 3}) == {1, 2, 3}


def test_a_gpu_without_uuid_off_the_bus_silences_nothing(api: str) -> None:
    node = {"cluster": "nameless", "instance": "n1:9838"}
    alerts = [
        {"alertname": "GpuXidCritical", "severity": "critical", "xid": "79", "gpu": "", **node},
        {"alertname": "GpuMissing", "severity": "critical", **node},
        {"alertname": "StokerDown", "severity": "critical", "cluster": "nameless", "instance": "n2:9838"},
        {"alertname": "GpuMissing", "severity": "critical", "cluster": "nameless", "instance": "n2:9838"},
    ]
    alerts[0].pop("gpu")
    assert silenced(api, alerts, {3}) == {3}


def test_a_critical_level_silences_its_own_warning_only(api: str) -> None:
    disk = {"alertname": "HostFilesystemFillingUp", "cluster": "levels", "instance": "n1:9838"}
    alerts = [
        {**disk, "severity": "critical", "device": "/dev/sda1"},
        {**disk, "severity": "warning", "device": "/dev/sda1"},
        {**disk, "severity": "warning", "device": "/dev/sdb1"},
        {**disk, "severity": "warning", "device": "/dev/sda1", "instance": "n2:9838"},
        {**disk, "severity": "warning", "device": "/dev/sda1", "alertname": "HostMemoryHigh"},
    ]
    assert silenced(api, alerts, {1}) == {1}
