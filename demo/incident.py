"""The incident of the demonstration: a healthy run turns to NaN, and each station is said when the news has reached it."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from demo.pages import read
from demo.screen import say, show

if TYPE_CHECKING:
    from pathlib import Path

    from demo.stack import Stack

ALERT = "TrainingLossNotFinite"
NOT_FINITE = 'stoker_train_nonfinite_total{value="loss"}'


def healthy(stack: Stack) -> None:
    """Show the run while it learns: its step and loss twice, some seconds apart."""
    stack.until("the training run's loss arrives", lambda: stack.value("stoker_train_loss"))
    seen = _run(stack, "seen")
    stack.until("it has gone on", lambda: (stack.value("stoker_train_step") or 0) >= seen + 200)
    _run(stack, "learns")


def _run(stack: Stack, how: str) -> float:
    step, loss = stack.value("stoker_train_step") or 0.0, stack.value("stoker_train_loss") or 0.0
    say(f"the training run {how:<7} step {step:4.0f}, loss {loss:.4f}")
    return step


def incident(stack: Stack) -> None:
    """Make the run diverge, follow it from the log line to the mail, show the mail and start the run again."""
    say("\nnow the learning rate is multiplied by a million")
    log = stack.folder / "train.log"
    stack.processes.signal("train", signal.SIGUSR1)
    begun = time.monotonic()

    counting = stack.waiting
    stack.waiting = lambda what, _: counting(what, time.monotonic() - begun)

    def passed(what: str) -> None:
        say(f"  {time.monotonic() - begun:5.1f} s  {what}")

    line = stack.until("the log says nan", lambda: _nan_line(log))
    passed(f"train.log        {line}")
    count = stack.until("Prometheus has counted it", lambda: stack.value(f"sum({NOT_FINITE}) > 0"))
    passed(f"Prometheus       {NOT_FINITE} = {count:.0f}")
    stack.until("the alert fires", lambda: stack.query(f'ALERTS{{alertname="{ALERT}",alertstate="firing"}}'))
    passed(f"alert            {ALERT} fires")
    stack.until(
        "Alertmanager has it", lambda: f'"{ALERT}"' in (stack.get(stack.ports.alertmanager, "/api/v2/alerts") or "")
    )
    passed("Alertmanager     routes it to the receiver `default`: e-mail and webhook")
    file = stack.until("the mail arrives", lambda: _mail(stack))
    passed(f"mailbox          {stack.url(stack.ports.http, f'/mail/{file.name}')}")
    show(read(file))
    stack.processes.signal("train", signal.SIGUSR2)
    say("the run was started again and is healthy; a mail that says so follows in about two minutes")


def _nan_line(log: Path) -> str | None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in lines if "'loss': nan" in line), None)


def _mail(stack: Stack) -> Path | None:
    return next((file for file in stack.received("mail") if ALERT in str(read(file)["subject"])), None)
