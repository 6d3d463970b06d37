"""The servers of the demonstration and of the end-to-end tests: exporter, Prometheus, Alertmanager, mailbox, from one stoker.yaml."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from demo.processes import DemoError, Processes
from stoker.sources import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from demo.ports import Ports

CONFIG = """\
# Written by the demonstration; intervals and windows are shortened so that an incident takes seconds, not minutes.
listen: 127.0.0.1:{exporter}
state_dir: "{folder}/state"
interval: {interval}
deadline: 5s
sources:
  - name: pretrain
    files: ["{folder}/train*.log"]
    run: demo-run
    from: beginning
  - name: chat
    files: ["{folder}/server*.log", "{folder}/access*.log"]
    from: beginning
  - name: runs
    runs: {{folder: "{folder}/runs"}}
pack:
  scrape_interval: {interval}
  routing: {{group_wait: 1s, group_interval: 5s}}
  alerts:
    TrainingLossNotFinite: {{over: {window}, keep_firing_for: {hold}}}
    GpuEccUncorrected: {{over: {window}, keep_firing_for: {hold}}}
    HostOomKill: {{over: {window}, keep_firing_for: {hold}}}
notify:
  email: {{to: oncall@example.com, from: stoker@example.com, smarthost: "127.0.0.1:{smtp}", require_tls: false}}
  webhook: {{url: "http://127.0.0.1:{http}/webhook"}}
  watchdog: {{url: "http://127.0.0.1:{http}/watchdog"}}
links:
  runbooks: {runbooks}
  dashboards: {dashboards}
"""

PROMETHEUS = """\
global:
  scrape_interval: {interval}
  evaluation_interval: {interval}
  external_labels: {{cluster: demo}}
rule_files: ["{folder}/generated/rules/recording/*.yml", "{folder}/generated/rules/alerts/*.yml"]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{alertmanager}"]}}]
scrape_configs:
  - job_name: stoker
    static_configs:
      - targets: ["127.0.0.1:{exporter}"]
        labels: {{cluster: demo}}
"""


DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks servers of this machine, whatever proxy the environment names for others."""


def grafana_command() -> list[str] | None:
    """How Grafana is started here, None when it is not installed."""
    if found := shutil.which("grafana-server"):
        return [found]
    found = shutil.which("grafana")
    return [found, "server"] if found else None


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast things go; durations as Prometheus writes them."""

    interval: str = "2s"
    window: str = "1m"
    hold: str = "30s"


class Stack:
    """The servers, their files in `folder`."""

    def __init__(self, folder: Path, ports: Ports, pace: Pace) -> None:
        self.folder = folder
        self.ports = ports
        self.pace = pace
        self.processes = Processes(folder)
        self.waiting: Callable[[str, float], None] = lambda _what, _seconds: None

    def write(self, more: str = "") -> Path:
        """stoker.yaml, what is generated from it, and Prometheus's configuration; `more` is appended to stoker.yaml."""
        self.folder.mkdir(parents=True, exist_ok=True)
        values = {
            **{name: getattr(self.ports, name) for name in ("exporter", "prometheus", "alertmanager", "smtp", "http")},
            **{name: getattr(self.pace, name) for name in ("interval", "window", "hold")},
            "folder": self.folder,
            "runbooks": f"{self.url(self.ports.http)}/runbooks",
            "dashboards": f"{self.url(self.ports.http)}/dashboards"
            if grafana_command() is None
            else f"{self.url(self.ports.grafana)}/d",
        }
        config = self.folder / "stoker.yaml"
        config.write_text(CONFIG.format(**values) + more, encoding="utf-8")
        (self.folder / "prometheus.yml").write_text(PROMETHEUS.format(**values), encoding="utf-8")
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "stoker",
                "generate",
                "--config",
                str(config),
                "--out",
                str(self.folder / "generated"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise DemoError(f"stoker generate failed: {done.stderr.strip().splitlines()[:1]}")
        return config

    def start_exporter(self, env: Mapping[str, str] | None = None) -> None:
        """`stoker serve`."""
        command = [sys.executable, "-m", "stoker", "serve", "--config", str(self.folder / "stoker.yaml")]
        self.processes.start("exporter", command, env=env)
        self.until("the exporter is ready", lambda: self.get(self.ports.exporter, "/-/ready"))

    def start_mailbox(self) -> None:
        """SMTP and webhook receiver."""
        ports = ["--smtp", str(self.ports.smtp), "--http", str(self.ports.http)]
        command = [sys.executable, "-m", "demo.mailbox", "--folder", str(self.folder), *ports]
        self.processes.start("mailbox", command, cwd=Path(__file__).resolve().parents[1])

    def start_prometheus(self) -> None:
        """Prometheus with the generated rules."""
        self.processes.start(
            "prometheus",
            [
                programs.find("prometheus"),
                f"--config.file={self.folder}/prometheus.yml",
                f"--storage.tsdb.path={self.folder}/prometheus",
                f"--web.listen-address=127.0.0.1:{self.ports.prometheus}",
                f"--web.external-url={self.url(self.ports.prometheus)}",
                "--web.enable-lifecycle",
                "--log.level=warn",
            ],
        )
        self.until("Prometheus is ready", lambda: self.get(self.ports.prometheus, "/-/ready"))

    def start_alertmanager(self) -> None:
        """Alertmanager with the generated routing."""
        self.processes.start(
            "alertmanager",
            [
                programs.find("alertmanager"),
                f"--config.file={self.folder}/generated/alertmanager/alertmanager.yml",
                f"--storage.path={self.folder}/alertmanager",
                f"--web.listen-address=127.0.0.1:{self.ports.alertmanager}",
                f"--web.external-url={self.url(self.ports.alertmanager)}",
                "--cluster.listen-address=",
                "--log.level=warn",
            ],
        )
        self.until("Alertmanager is ready", lambda: self.get(self.ports.alertmanager, "/-/ready"))

    def url(self, port: int, path: str = "") -> str:
        """The address of a server, as a person on this machine types it."""
        return f"http://127.0.0.1:{port}{path}"

    def start_grafana(self) -> None:
        """Grafana with the generated dashboards, in a folder of its own, readable without a login."""
        command = grafana_command()
        if command is None:
            raise DemoError("Grafana is not installed")
        provisioning = self.folder / "grafana/provisioning"
        for kind in ("datasources", "dashboards"):
            (provisioning / kind).mkdir(parents=True, exist_ok=True)
            text = (self.folder / f"generated/grafana/provisioning/{kind}/stoker.yml").read_text(encoding="utf-8")
            text = text.replace("http://127.0.0.1:9090", f"http://127.0.0.1:{self.ports.prometheus}")
            text = text.replace("/etc/stoker/grafana/dashboards", f"{self.folder}/generated/grafana/dashboards")
            (provisioning / kind / "stoker.yml").write_text(text, encoding="utf-8")
        env = {
            "GF_PATHS_PROVISIONING": str(provisioning),
            "GF_PATHS_DATA": str(self.folder / "grafana/data"),
            "GF_PATHS_LOGS": str(self.folder / "grafana/log"),
            "GF_SERVER_HTTP_ADDR": "127.0.0.1",
            "GF_SERVER_HTTP_PORT": str(self.ports.grafana),
            "GF_AUTH_ANONYMOUS_ENABLED": "true",
            "GF_ANALYTICS_REPORTING_ENABLED": "false",
            "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        }
        self.processes.start("grafana", [*command, "--homepath", "/usr/share/grafana"], env=env)

    def until(self, what: str, holds: Callable[[], Any], seconds: float = 60.0) -> Any:  # noqa: ANN401 - what `holds` gives
        """Wait for a condition; what it gave. A program that ended meanwhile is the reason given."""
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < seconds:
            if found := holds():
                return found
            self.waiting(what, passed)
            for started in self.processes.all():
                if not self.processes.alive(started):
                    raise DemoError(f"{self.processes.ending(started)} (see {self.folder}/{started.name}.out)")
            time.sleep(0.1)
        raise DemoError(f"waited {seconds:g} s and never saw that {what}; see {self.folder}/*.out")

    def get(self, port: int, path: str) -> str | None:
        """What a server answers, None when it does not with 200."""
        try:
            with DIRECT.open(self.url(port, path), timeout=5) as answer:
                return str(answer.read().decode()) or "ok"
        except (OSError, urllib.error.HTTPError):
            return None

    def query(self, expr: str) -> list[dict[str, Any]]:
        """An instant query; the result, empty also when Prometheus does not answer."""
        text = self.get(self.ports.prometheus, f"/api/v1/query?{urllib.parse.urlencode({'query': expr})}")
        return json.loads(text)["data"]["result"] if text else []

    def value(self, expr: str) -> float | None:
        """The first value of an instant query."""
        found = self.query(expr)
        return float(found[0]["value"][1]) if found else None

    def received(self, kind: str) -> list[Path]:
        """Mails (`mail`) or notifications (`webhook`, `watchdog`), in order."""
        return sorted((self.folder / "received" / kind).glob("[0-9]*"))
