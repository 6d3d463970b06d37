"""A logger of the user's in front of what a format knows changes nothing, and what a message says is never taken for a logger's words."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC

import pytest

from followed import PACK
from sampled import FOLDER, FORMATS, NOW, samples
from stoker.logs.interpreter import Interpreter
from stoker.logs.prefixes import bare

PREFIXES = {
    "logging": "2026-11-22 19:18:15,123 - INFO - ",
    "logging with a name": "2026-11-22 19:18:15,123 - trainer.loop - INFO - ",
    "logging in brackets": "[2026-11-22 19:18:15,123] [INFO] ",
    "basicConfig": "INFO:my.module:",
    "level": "[INFO] ",
    "Hydra": "[2026-11-22 19:18:15,123][__main__][INFO] - ",
    "loguru": "2026-11-22 19:18:15.123 | INFO     | __main__:train:42 - ",
    "absl": "I1122 19:18:15.123456 140735 train.py:42] ",
    "structlog": "2026-11-22T19:18:15.123456Z [info     ] ",
    "Rich": "[11/22/26 19:18:15] INFO     ",
    "accelerate": "11/22/2026 19:18:15 - INFO - __main__ - ",
    "a time": "2026-11-22T19:18:15.123Z ",
    "a time with a zone": "2026-11-22T19:18:15+01:00 ",
    "a time with a level": "2026-11-22 19:18:15 INFO ",
    "a time of day": "[19:18:15] ",
    "Go": "2026/11/22 19:18:15 ",
    "log4j": "2026-11-22 19:18:15,123 INFO  [main] o.a.Train: ",
    "Spark": "26/11/22 19:18:15 INFO Trainer: ",
    "Airflow": "[2026-11-22, 19:18:15 UTC] {logging_mixin.py:188} INFO - ",
    "Celery": "[2026-11-22 19:18:15,123: INFO/ForkPoolWorker-1] ",
    "torchtitan": "[titan] 2026-11-22 19:18:15,123 - root - INFO - ",
    "Ray": "\x1b[36m(WorkerActor pid=123)\x1b[0m ",
    "kubectl": "[pod/x-abc/y] ",
    "docker compose": "name-1  | ",
    "docker compose, named": "trainer  | ",
    "pdsh": "node17: ",
    "pdsh by address": "10.0.0.4: ",
    "Kaggle": "12.3s\t42\t",
    "a rank and a logger": "[rank3]: 2026-11-22 19:18:15,123 - INFO - ",
    "a logger and a rank": "2026-11-22 19:18:15,123 - INFO - [rank: 3] ",
    "mpirun": "[1,3]<stdout>: ",
    "srun": "3: ",
    "srun of many tasks": " 3: ",
    "a byte order mark": "\ufeff",
    "SageMaker": "[1,mpirank:3,algo-1]<stdout>:",
}
UNLIKE = {"logfmt_access"}
"""A format of whole lines: with other words before its pairs it means something else."""


def said(line: str) -> Counter[tuple[object, ...]]:
    made = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    found = made.feed(f"{line}\n".encode()) + made.flush()
    labels = [tuple(pair for pair in each.labels if pair[0] != "rank") for each in found]
    return Counter((each.metric, own, each.value) for each, own in zip(found, labels, strict=True))


@pytest.mark.parametrize("name", PREFIXES)
def test_a_prefix_changes_nothing(name: str) -> None:
    prefix = PREFIXES[name]
    for form, spec in PACK.formats.items():
        for sample in samples(spec) if form not in UNLIKE else ():
            if not (name == "basicConfig" and form == "darknet"):  # my.module:1: could be a module and its line
                assert said(prefix + sample) == said(sample), sample


@pytest.mark.parametrize("prefix", ["", "[rank3]: ", "2026-11-22 19:18:15,123 - INFO - "])
def test_what_a_container_or_an_application_puts_around_a_line_changes_nothing(prefix: str) -> None:
    for form, spec in PACK.formats.items():
        for sample in samples(spec) if not (prefix and form in UNLIKE) else ():
            line = prefix + sample
            assert said(json.dumps({"log": f"{line}\n", "stream": "stdout", "time": "2026-11-22T19:18:15Z"})) == said(
                line
            )
            assert said(json.dumps({"level": "INFO", "message": line})) == said(line), sample


@pytest.mark.parametrize("label", ["3: ", " 3: "])
def test_a_traceback_under_a_label_is_one(label: str) -> None:
    trace = [
        "Traceback (most recent call last):",
        '  File "train.py", line 3, in <module>',
        "    main()",
        "ValueError: bad",
    ]
    assert said("\n".join(f"{label}{line}" for line in trace)) == said("\n".join(trace))
    assert said("\n".join(trace))


@pytest.mark.parametrize("name", ["mpirun", "srun", "SageMaker", "a rank and a logger", "a logger and a rank"])
def test_the_rank_of_a_prefix_is_kept(name: str) -> None:
    made = Interpreter(FORMATS, line_length=65536, timezone=UTC, clock=lambda: NOW)
    found = made.feed(f"{PREFIXES[name]}iter 10: loss 2.5, time 100.00ms, mfu 1.00%\n".encode())
    assert {dict(each.labels).get("rank") for each in found} == {"3"}


def test_where_a_message_may_begin() -> None:
    assert bare("2026-11-22 19:18:15,123 - trainer - INFO - step 1") == [
        "trainer - INFO - step 1",
        "INFO - step 1",
        "step 1",
    ]
    assert bare("[11/22/26 19:18:15] INFO     step 1          train.py:42")[-1] == "step 1"
    for text in ("step 1 loss 2", "loss: 0.5", "please explain: INFO - step 1", "", "  ", "10 20 30", "a - b - c"):
        assert bare(text) == [], text


def test_words_that_say_what_numbers_are_stay_with_them() -> None:
    for words in ("[eval] loss 2", "[Test] 1", "[10/100] loss 2", "(val) acc 1", "eval - loss 2", "[step 3] loss"):
        assert bare(f"2026-11-22 19:18:15 INFO {words}")[-1] == words
    assert said("[19:18:15] [eval] step=400 loss=0.31 acc=0.87") == said("[eval] step=400 loss=0.31 acc=0.87")


def test_a_report_of_many_lines_ends_behind_a_prefix_as_without_one() -> None:
    report = (FOLDER / "torchrun.log").read_text().splitlines()
    for prefix in ("2026-11-22 19:18:15,123 - runner - INFO - ", "[19:18:15] "):
        lines = "\n".join([*report, "iter 10: loss 2.5, time 100.00ms, mfu 1.00%"])
        assert said("\n".join(f"{prefix}{line}" for line in lines.splitlines())) == said(lines)


def test_a_json_line_behind_a_prefix_is_read() -> None:
    line = r'{"message": "127.0.0.1:43906 - \"GET /health HTTP/1.1\" 200", "level": "INFO"}'
    assert said(line)
    assert said(f"2026-11-22 19:18:15,123 - runner - INFO - {line}") == said(line)
