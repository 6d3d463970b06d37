"""From a log line to people, through the real Prometheus, the real Alertmanager, SMTP and a webhook."""

from __future__ import annotations

import email
import email.policy
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import pytest
from demo.gpu import start as simulated_gpus
from demo.ports import Ports
from demo.processes import free_ports
from demo.stack import Pace, Stack

from simulator import nvml_simulator as simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(240)
HEALTHY = "  1%|          | {step}/1000 [00:00<00:00, 5.00it/s]\n{{'loss': 0.5, 'grad_norm': 1.0, 'learning_rate': 1e-05, 'epoch': 0.1}}\n"
BROKEN = "{'loss': nan, 'grad_norm': nan, 'learning_rate': 1e-05, 'epoch': 0.2}\n"
ACCESS = (
    '127.0.0.1 - - [22/Nov/2026:19:17:45 +0000] "POST /v1/completions HTTP/1.1" {code} 221 "-" "test" rt=0.{n:03d}\n'
)
STATS = (
    "INFO 01-23 06:33:37 metrics.py:396] Avg prompt throughput: 12.5 tokens/s, Avg generation throughput: 16.7 tokens/s, "
    "Running: 16 reqs, Swapped: 0 reqs, Pending: 3 reqs, GPU KV cache usage: 42.1%, CPU KV cache usage: 0.0%.\n"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("stack")
    made = Stack(folder, Ports(*free_ports(7)), Pace("1s", "12s", "1s"))
    made.write()
    (folder / "train.log").write_text("".join(HEALTHY.format(step=step) for step in (10, 20, 30)))
    (folder / "access.log").write_text("".join(ACCESS.format(n=n, code=503 if n == 7 else 200) for n in range(30)))
    (folder / "server.log").write_text(STATS)
    try:
        made.start_mailbox()
        made.start_exporter(simulated_gpus(made))
        made.start_alertmanager()
        made.start_prometheus()
        made.until("the target is up", lambda: made.value('up{job="stoker"}') == 1.0)
        made.until("the loss arrives", lambda: made.value("stoker_train_loss") == 0.5)
        yield made
    finally:
        made.processes.stop()


def parts(file: Path) -> tuple[str, str]:
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = message.get_body(("plain",))
    assert body is not None
    return str(message["subject"]), body.get_content()


def test_a_nan_in_a_followed_log_reaches_people_and_its_end_does_too(
    stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    begun = time.monotonic()
    with (stack.folder / "train.log").open("a") as log:
        log.write(BROKEN)

    def mail(word: str) -> Path | None:
        return next(
            (file for file in stack.received("mail") if word in parts(file)[0] and "demo-run" in parts(file)[0]), None
        )

    found = stack.until("the mail", lambda: mail("TrainingLossNotFinite"))
    took = time.monotonic() - begun
    with capsys.disabled():
        print(
            f"\nfrom the line to the mail: {took:.1f} s; scrape 1 s + evaluation 1 s + group wait 1 s + polling of the log 1 s"
        )
    subject, text = parts(found)
    assert subject == "[CRITICAL] TrainingLossNotFinite demo-run"
    assert "demo-run: the training loss is NaN or infinite" in text
    assert "训练损失" in text
    assert "runbooks/TrainingLossNotFinite" in text
    assert "cluster=demo" in text

    hooks = [json.loads(file.read_text()) for file in stack.until("the webhook", lambda: stack.received("webhook"))]
    alerts = [
        alert for hook in hooks for alert in hook["alerts"] if alert["labels"]["alertname"] == "TrainingLossNotFinite"
    ]
    assert {"alertname": "TrainingLossNotFinite", "cluster": "demo", "run": "demo-run", "severity": "critical"} in [
        alert["labels"] for alert in alerts
    ]

    resolved = stack.until("the mail about the end", lambda: mail("RESOLVED"), 120)
    assert "RESOLVED TrainingLossNotFinite" in parts(resolved)[1]
    rendered = " ".join(parts(file)[1] for file in stack.received("mail"))
    assert "<no value>" not in rendered
    assert "error expanding" not in rendered


def test_the_watchdog_is_heard(stack: Stack) -> None:
    files = stack.until("the watchdog", lambda: stack.received("watchdog"), 120)
    assert json.loads(files[0].read_text())["commonLabels"]["alertname"] == "StokerWatchdog"


def test_the_doctor_finds_all_of_it_in_order(stack: Stack) -> None:
    asked = ["--prometheus", stack.url(stack.ports.prometheus), "--alertmanager", stack.url(stack.ports.alertmanager)]
    command = [sys.executable, "-m", "stoker", "doctor", "--config", f"{stack.folder}/stoker.yaml", *asked, "--json"]
    gpus = simulator.environment(stack.folder / "gpu" / simulator.LIBRARY, stack.folder / "gpu/machine")
    env = {**os.environ, **gpus}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=env)
    found = json.loads(done.stdout)
    assert [each for each in found if each["state"] == "broken"] == []
    assert done.returncode == 0
    fine = {each["topic"] for each in found if each["state"] == "ok"}
    assert fine >= {
        "address",
        "state",
        "host",
        "gpu",
        "prometheus",
        "prometheus targets",
        "prometheus rules",
        "alertmanager",
    }


def test_every_rule_is_evaluated_without_error(stack: Stack) -> None:
    def rules() -> list[dict[str, Any]]:
        text = stack.get(stack.ports.prometheus, "/api/v1/rules")
        groups = json.loads(text)["data"]["groups"] if text else []
        found = [rule for group in groups for rule in group["rules"]]
        return [] if any(rule["health"] == "unknown" for rule in found) else found

    found = stack.until("every rule was evaluated", rules)
    assert len(found) > 45
    assert [(rule["name"], rule.get("lastError")) for rule in found if rule["health"] != "ok"] == []


def queries(stack: Stack) -> list[tuple[str, str, str]]:
    found = []
    for file in sorted((stack.folder / "generated/grafana/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                expr = re.sub(r"\$__rate_interval", "1m", target["expr"])
                expr = re.sub(r'=~"\$(\w+)"', '=~".*"', expr)
                found.append((board["uid"], panel["title"], expr))
    return found


def test_every_query_of_every_dashboard_is_evaluated_without_error(stack: Stack) -> None:
    found = queries(stack)
    assert len(found) > 90
    wrong = []
    for uid, title, expr in found:
        assert "$" not in expr, expr
        path = f"/api/v1/query?{urllib.parse.urlencode({'query': expr})}"
        if stack.get(stack.ports.prometheus, path) is None:
            wrong.append((uid, title, expr))
    assert wrong == []


MAIN = {
    "stoker-fleet": ["Nodes", "Training runs", "Targets that are up", "Busiest CPUs", "Loss of all runs"],
    "stoker-node": ["Memory used", "Space left", "Loss"],
    "stoker-host": ["Memory used", "Space left", "CPU time by mode", "Processes"],
    "stoker-gpu": ["GPUs that are up", "GPUs of the machine", "Utilisation", "Memory used", "Temperature", "Power"],
    "stoker-training": ["Runs by state", "Loss", "Gradient norm", "Values that are not finite", "Runs"],
    "stoker-inference": [
        "Share of server errors",
        "Request time, 95th percentile",
        "Tokens per second",
        "Running and waiting requests",
        "KV cache in use",
        "Requests per second",
        "Requests by route",
        "Status codes",
    ],
    "stoker-stoker": ["Targets that are up", "Collectors that fail", "Lines per second", "Time since the last line"],
}


def test_the_main_panels_have_data(stack: Stack) -> None:
    by_panel: dict[tuple[str, str], list[str]] = {}
    for uid, title, expr in queries(stack):
        by_panel.setdefault((uid, title), []).append(expr)
    for uid, titles in MAIN.items():
        for title in titles:

            def has_data(wanted: tuple[str, str] = (uid, title)) -> bool:
                return any(stack.query(expr) for expr in by_panel[wanted])

            stack.until(f"{uid} {title} has data", has_data, 30)
