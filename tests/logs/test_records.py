"""A whole log whose lines stand in the records of a container runtime or of a log agent says what it says without them."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC
from typing import TYPE_CHECKING

import pytest

from sampled import FORMATS, LOGS, NOW, whole_of
from stoker.logs.interpreter import Interpreter

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.metrics import Observation

MADE = {
    "keras": "Epoch 1/2\n\r 1/16 - 28s 2s/step - accuracy: 0.3750 - loss: 1.2521\b\b\b\b\n16/16 - 1s 9ms/step - accuracy: 0.4 - loss: 1.1\n",
    "lightning_csv": "epoch,lr-AdamW,step,train_loss,val_loss\n,0.01,49,,\n0,,49,2.31,\n0,,49,,2.4\n",
}


def docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stderr", "time": "2026-11-22T19:18:15.123456789Z"})


def agent(line: str) -> str:
    return json.dumps({"message": line, "kubernetes": {"pod": "trainer-0"}})


def application(line: str) -> str:
    return docker(json.dumps({"level": "INFO", "message": line}))


def grafana(line: str) -> str:
    return json.dumps({"labels": {"pod": "trainer-0"}, "line": line, "timestamp": "2026-11-22T19:18:15.123456789Z"})


def amazon(line: str) -> str:
    return f"2026-11-22T19:18:15.123000+00:00 trainer/main/9f3c2d1a {line}"


def kubectl(line: str) -> str:
    return f"[pod/trainer-0/main] 2026-11-22T19:18:15.123456789Z {line}"


def said(text: str) -> Counter[tuple[str, tuple[tuple[str, str], ...], float | str]]:
    one = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    found: list[Observation] = one.feed(text.encode()) + one.flush()
    # a bare line has no time, and that of the record is not the matter here
    return Counter((each.metric, tuple(each.labels), str(each.value)) for each in found)


@pytest.mark.parametrize("wrapped", [docker, agent, application, grafana, amazon, kubectl])
@pytest.mark.parametrize("name", [*(name for name in LOGS if not name.startswith("logfmt")), *MADE])
def test_records_of_lines(name: str, wrapped: Callable[[str], str]) -> None:
    log = MADE.get(name) or whole_of(name).decode()
    lines = log.replace("\r\n", "\n").removesuffix("\n").split("\n")
    records = "".join(f"{wrapped(line) if line else ''}\n" for line in lines)
    assert said(records) == said("\n".join(re.sub(r"\r+$", "", line) for line in lines) + "\n")
    assert said(log)


def test_records_that_only_look_like_those_of_a_log() -> None:
    assert not said('{"line": "step 20 | loss 2.31"}\n{"text": "step 20 | loss 2.31"}\n')
    assert said('{"message": "step 20 | loss 2.31", "line": 42}\n')


@pytest.mark.parametrize(
    "line", ["step 20: train loss 2.3100, val loss 2.4200", "train loss: 2.31, step: 20", "Epoch 2: loss=2.31"]
)
def test_times_without_a_host(line: str) -> None:
    """What moreutils' ts puts before a line is no head of a journal."""
    assert said(f"Nov 22 19:18:15 {line}\n") == said(f"{line}\n")
    assert said(f"Nov 22 19:18:15 node-1 python3[12]: {line}\n") == said(f"{line}\n")
