from __future__ import annotations

from typing import Any

import pytest

from stoker.config.settings import IngestSettings, SourceSettings
from stoker.logs.identity import Identity, decimal, identify


def labels(file: str, **keys: Any) -> Identity:  # noqa: ANN401 - the keys of a source
    return identify(SourceSettings(name="s", **keys), file, "node1", {"JOB": "77"})


def test_a_run_is_named_by_its_host_and_file() -> None:
    assert labels("/var/log/train.log") == Identity(run="node1-train", rank="", service="s", engine="")


@pytest.mark.parametrize(
    ("template", "run"),
    [
        ("fixed", "fixed"),
        ("{stem}", "train"),
        ("{name}", "train.log"),
        ("{parent}/{stem}", "exp1/train"),
        ("{host}-{env:JOB}", "node1-77"),
        ("{job}.{env:JOB}", "exp1.77"),
        ("{env:NOT_SET}", "node1-train"),
    ],
)
def test_a_template_takes_words_groups_and_the_environment(template: str, run: str) -> None:
    assert labels("/logs/exp1/train.log", run=template, path=r"/(?P<job>\w+)/[^/]+$").run == run


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("train.job1", "train.job1"),
        ("logs.train.dev", "logs.train.dev"),
        ("/var/log/train.log", "train"),
        ("kube.var.log.train.log", "kube.var.log.train"),
        ("node1/vllm.service", "vllm"),
        ("node1/train.py", "train"),
        ("trainer-0.trainer.ml", "trainer-0.trainer.ml"),
    ],
)
def test_the_dots_in_names_that_others_give_are_no_endings(name: str, stem: str) -> None:
    assert labels(name, ingest=IngestSettings()).run == f"node1-{stem}"
    assert labels(name, ingest=IngestSettings(), run="{stem}").run == stem


def test_a_path_that_does_not_match_leaves_the_groups_empty() -> None:
    assert labels("/logs/train.log", run="{job}", path=r"/jobs/(?P<job>\w+)/").run == "node1-train"


def test_a_group_named_rank_is_the_rank() -> None:
    assert labels("/logs/rank_03.log", path=r"rank_(?P<rank>\d+)").rank == "3"
    assert labels("/logs/r7/x.log", rank="{parent}").rank == "r7"


def test_service_and_engine_are_as_set() -> None:
    found = labels("/logs/x.log", service="chat-{stem}", labels={"engine": "vllm"})
    assert (found.service, found.engine) == ("chat-x", "vllm")


@pytest.mark.parametrize(
    ("path", "run"),
    [
        ("/var/log/pods/ml_train-0_1f2e3d4c-aaaa-bbbb-cccc-0123456789ab/main/0.log", "train-0"),
        ("/var/log/pods/ml_train-0_1f2e3d4c-aaaa-bbbb-cccc-0123456789ab/main/1.log", "train-0"),
        (f"/var/log/containers/train-0_ml_main-{'ab' * 32}.log", "train-0"),
        (
            f"/var/lib/docker/containers/{'0123456789ab' + 'cd' * 26}/{'0123456789ab' + 'cd' * 26}-json.log",
            "0123456789ab",
        ),
        ("/home/ml/slurm-4711.out", "4711"),
        ("/home/ml/slurm-4711_3.out", "4711_3"),
        ("/home/ml/slurmd.log", "node1-slurmd"),
        ("/home/ml/pods/notes.log", "node1-notes"),
    ],
)
def test_a_path_may_name_the_pod_the_container_or_the_job(path: str, run: str) -> None:
    assert labels(path).run == run
    assert labels(path, run="mine").run == "mine"


def test_ranks_are_decimal() -> None:
    assert [decimal(rank) for rank in ("", "0", "007", "x", "²")] == ["", "0", "7", "x", "²"]
