"""`python -m demo up` runs the main job end to end and leaves it running; `down` ends it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from demo.incident import healthy, incident
from demo.ports import chosen_ports
from demo.processes import DemoError, Processes
from demo.screen import say, waiting
from demo.stack import Pace, Stack, grafana_command
from stoker.errors import StokerError

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path(os.environ.get("DEMO_FOLDER", ROOT / ".demo")).absolute()


def down() -> list[str]:
    """End what an earlier `up` left running."""
    return Processes(FOLDER).stop()


def up() -> None:
    """The whole story."""
    if ended := down():
        say(f"ended what an earlier `make up` left running: {', '.join(ended)}")
    ports = chosen_ports(with_grafana=grafana_command() is not None)
    shutil.rmtree(FOLDER, ignore_errors=True)
    stack = Stack(FOLDER, ports, Pace())
    stack.waiting = waiting
    say("generating rules, dashboards and routing from the spec, with the demonstration's stoker.yaml")
    stack.write()
    say("starting the mailbox, a model server, a training run, the exporter, Alertmanager and Prometheus")
    stack.start_mailbox()
    logs = ["--log", f"{FOLDER}/server.log", "--access-log", f"{FOLDER}/access.log", "--port", str(ports.model)]
    stack.processes.start("model", [sys.executable, "-m", "demo.model_server", *logs], cwd=ROOT)
    stack.processes.start("train", [sys.executable, "-m", "demo.train", "--log", f"{FOLDER}/train.log"], cwd=ROOT)
    stack.start_exporter(simulated_gpu(stack))
    stack.start_alertmanager()
    stack.start_prometheus()
    if grafana_command() is not None:
        stack.start_grafana()
    stack.until("Prometheus has scraped the exporter", lambda: stack.value('up{job="stoker"}') == 1.0)
    healthy(stack)
    incident(stack)
    addresses(stack)


def simulated_gpu(stack: Stack) -> dict[str, str]:
    """The environment with a simulated NVML library, when it is wanted (DEMO_GPU, default 1) and there is no GPU."""
    if os.environ.get("DEMO_GPU", "1") == "0" or Path("/proc/driver/nvidia/version").exists():
        return {}
    from demo.gpu import start  # noqa: PLC0415 - needs a compiler, which a demonstration without GPU does not

    say("no GPU here: two GPUs are SIMULATED, and their names say so (DEMO_GPU=0 does without)")
    return start(stack)


def addresses(stack: Stack) -> None:
    """Where to look."""
    ports = stack.ports
    # Debian's Prometheus has its pages below /classic, and its Alertmanager has none
    alerts = next((path for path in ("/alerts", "/classic/alerts") if stack.get(ports.prometheus, path)), "/")
    has_page = "Please, use the <code>amtool" not in (stack.get(ports.alertmanager, "/") or "")
    amtool = f".tools/bin/amtool --alertmanager.url={stack.url(ports.alertmanager)} alert"
    rows = [
        ("mailbox", stack.url(ports.http, "/"), "the mails as they look, the webhooks"),
        ("exporter", stack.url(ports.exporter, "/"), "status page and /metrics"),
        ("Prometheus", stack.url(ports.prometheus, alerts), "rules, alerts, queries"),
        (
            "Alertmanager",
            stack.url(ports.alertmanager, "/"),
            "alerts, silences" if has_page else f"no page here: {amtool}",
        ),
    ]
    if grafana_command() is None:
        rows.append(
            (
                "Grafana",
                "is not installed",
                f"import {FOLDER.name}/generated/grafana/dashboards/*.json; data source: this Prometheus",
            )
        )
    else:
        rows.append(("Grafana", stack.url(ports.grafana, "/dashboards"), "dashboards, without a login"))
    rows += [
        (f"{FOLDER.name}/", "stoker.yaml, prometheus.yml", "the configuration"),
        ("", "generated/", "rules, dashboards, routing, runbooks of this demonstration"),
        ("", "train.log, server.log, access.log", "the logs that the exporter follows"),
        ("", "*.out", "what each program printed"),
    ]
    say()
    for name, where, what in rows:
        say(f"  {name:<13} {where:<37} {what}")
    say("\neverything keeps running; `make down` ends it")


def main() -> int:
    """Exit code 1 with one line when something is in the way."""
    what = sys.argv[1] if len(sys.argv) > 1 else "up"
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # the mail is Chinese too, which not every terminal can show
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if what == "down":
            say(f"ended: {', '.join(down()) or 'nothing was running'}")
        else:
            up()
    except (DemoError, StokerError, OSError) as error:
        say(end="")
        print(f"demo: {error}", file=sys.stderr)
        down()
        return 1
    except KeyboardInterrupt:
        down()
        say("\ninterrupted; what had been started was ended")
        return 130
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
