"""`python -m demo up` runs the main job end to end and leaves it running; `down` ends it."""

from __future__ import annotations

import email
import email.policy
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from demo.processes import DemoError, Processes, port_is_free
from demo.stack import Pace, Ports, Stack
from stoker.errors import StokerError

if TYPE_CHECKING:
    from email.message import EmailMessage

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".demo"
GRAFANA_PORT = int(os.environ.get("GRAFANA_PORT", "3000"))
DEFAULTS = {
    "exporter": ("STOKER_PORT", 9838),
    "prometheus": ("PROMETHEUS_PORT", 9090),
    "alertmanager": ("ALERTMANAGER_PORT", 9093),
    "smtp": ("SMTP_PORT", 2525),
    "http": ("WEBHOOK_PORT", 9880),
    "model": ("MODEL_PORT", 9870),
}


def say(text: str) -> None:
    """A line of progress."""
    print(text, flush=True)


def chosen_ports() -> Ports:
    """The ports, from the environment where it names them; a taken one is said in one line."""
    found = {}
    for name, (variable, default) in DEFAULTS.items():
        text = os.environ.get(variable, str(default))
        if not text.isdigit() or not 0 < int(text) < 65536:  # noqa: PLR2004 - the last port
            raise DemoError(f"{variable}={text} is no port; a number up to 65535")
        if not port_is_free(int(text)):
            raise DemoError(f"port {text} is taken; choose another one for {name}: {variable}={int(text) + 1} make up")
        found[name] = int(text)
    return Ports(**found)


def down() -> list[str]:
    """End what an earlier `up` left running."""
    return Processes(FOLDER).stop()


def up() -> None:
    """The whole story."""
    down()
    ports = chosen_ports()
    shutil.rmtree(FOLDER, ignore_errors=True)
    stack = Stack(FOLDER, ports, Pace(), {"runbooks": (ROOT / "docs/runbooks").as_uri()})
    say("generating rules, dashboards and routing from the spec, with the demonstration's stoker.yaml")
    stack.write()
    stack.start_mailbox()
    python = sys.executable
    stack.processes.start(
        "model",
        [python, "-m", "demo.model_server", "--log", f"{FOLDER}/server.log", "--port", str(ports.model)],
        cwd=ROOT,
    )
    stack.processes.start("train", [python, "-m", "demo.train", "--log", f"{FOLDER}/train.log"], cwd=ROOT)
    stack.start_exporter(simulated_gpu(stack))
    stack.start_alertmanager()
    stack.start_prometheus()
    if stack.grafana_command() is not None:
        stack.start_grafana(GRAFANA_PORT)
    say("waiting until Prometheus has scraped the exporter ...")
    stack.until("the target is up", lambda: stack.value('up{job="stoker"}') == 1.0)
    loss = stack.until("the training run's loss arrives", lambda: stack.value("stoker_train_loss"))
    step = stack.value("stoker_train_step")
    say(f"the training run is seen: step {step:.0f}, loss {loss:.4f}; the model server's requests too")
    time.sleep(4)
    incident(stack)
    addresses(stack)


def simulated_gpu(stack: Stack) -> dict[str, str]:
    """The environment with a simulated NVML library, when it is wanted (DEMO_GPU, default 1) and there is no GPU."""
    if os.environ.get("DEMO_GPU", "1") == "0" or Path("/proc/driver/nvidia/version").exists():
        return {}
    from demo.gpu import start  # noqa: PLC0415 - needs a compiler, which a demonstration without GPU does not

    say("no GPU here: two GPUs are SIMULATED, and their names say so (DEMO_GPU=0 does without)")
    return start(stack)


def incident(stack: Stack) -> None:
    """Make the run diverge and follow it from the log line to the mail."""
    mails = len(stack.received("mail"))
    say("\nnow the learning rate is multiplied by a million: the loss will become NaN")
    stack.processes.signal("train", signal.SIGUSR1)
    begun = time.monotonic()

    def passed(what: str) -> None:
        say(f"  {time.monotonic() - begun:5.1f} s  {what}")

    log = FOLDER / "train.log"
    stack.until("the log says nan", lambda: "'loss': nan" in log.read_text(encoding="utf-8", errors="replace"))
    passed("the log says 'loss': nan")
    stack.until(
        "the metric counts it", lambda: (stack.value('sum(stoker_train_nonfinite_total{value="loss"})') or 0) > 0
    )
    passed('Prometheus has stoker_train_nonfinite_total{value="loss"} > 0')
    stack.until("the alert fires", lambda: stack.query('ALERTS{alertname="TrainingLossNotFinite",alertstate="firing"}'))
    passed("TrainingLossNotFinite fires")
    stack.until("the mail arrives", lambda: _mail_about(stack, "TrainingLossNotFinite", mails))
    passed("the mail is in the mailbox")
    show(_mail_about(stack, "TrainingLossNotFinite", mails))
    stack.processes.signal("train", signal.SIGUSR2)
    say("the run was started again and is healthy; a mail about the resolution follows in about two minutes")


def _mail_about(stack: Stack, word: str, skip: int) -> EmailMessage | None:
    for file in stack.received("mail")[skip:]:
        message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        body = message.get_body(("plain", "html"))
        if word in str(message["subject"]) or (body is not None and word in body.get_content()):
            return message
    return None


def show(message: EmailMessage | None) -> None:
    """Print a mail in a frame."""
    if message is None:
        return
    body = message.get_body(("plain", "html"))
    text = body.get_content() if body is not None else ""
    say(
        "\n"
        + "\n".join(
            f"  | {line}"
            for line in [f"Subject: {message['subject']}", f"To: {message['to']}", "", *text.strip().splitlines()]
        )
        + "\n"
    )


def addresses(stack: Stack) -> None:
    """Where to look."""
    ports = stack.ports
    rows = [
        ("exporter", f"http://127.0.0.1:{ports.exporter}/", "status page and /metrics"),
        ("Prometheus", f"http://127.0.0.1:{ports.prometheus}/alerts", "rules, alerts, queries"),
        ("Alertmanager", f"http://127.0.0.1:{ports.alertmanager}/", "what is routed where"),
        ("mailbox", str(FOLDER / "received"), "mails and webhooks, a file each"),
        ("generated", str(FOLDER / "generated"), "rules, dashboards, routing of this demonstration"),
    ]
    for name, where, what in rows:
        say(f"  {name:<13} {where:<42} {what}")
    if stack.grafana_command() is None:
        say("  Grafana is not installed: import grafana/dashboards/*.json there, with this Prometheus as data source")
    else:
        say(f"  {'Grafana':<13} http://127.0.0.1:{GRAFANA_PORT}/dashboards           dashboards, without a login")
    say("\neverything keeps running; `make down` ends it")


def main() -> int:
    """Exit code 1 with one line when something is in the way."""
    what = sys.argv[1] if len(sys.argv) > 1 else "up"
    try:
        if what == "down":
            say(f"ended: {', '.join(down()) or 'nothing was running'}")
        else:
            up()
    except (DemoError, StokerError) as error:
        print(f"demo: {error}", file=sys.stderr)
        down()
        return 1
    except KeyboardInterrupt:
        down()
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
