"""Says which run, rank and service a followed file belongs to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stoker.config.settings import SourceSettings

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters, as a JSON text may spell them; two of the halves would be one on the page."""
_SENT = ("ingest", "kafka", "syslog", "journal")
"""Kinds of sources whose streams others name."""
# train.log, train.service, train.py; what follows the last dot of a tag `train.job1` or a topic `logs.train.dev` is part of its name
_ENDING = re.compile(
    r"\.(?:log|txt|out|err|stdout|stderr|console|jsonl?|ndjson|csv|tsv|gz|zst|py|sh"
    r"|service|scope|slice|timer|socket|target|mount|automount|swap|path|device)\Z"
)
_FIELD = re.compile(r"\{(env:)?(\w+)\}")


@dataclass(frozen=True, slots=True)
class Identity:
    """The labels that lines of a file get without saying them; an empty one is left out."""

    run: str
    rank: str
    service: str
    engine: str


def decimal(rank: str) -> str:
    """`007` and `7` are one rank; what is no number stays as it is."""
    return rank.lstrip("0") or "0" if rank.isascii() and rank.isdigit() else rank


def printable(value: str) -> str:
    """A label's value with what cannot be shown replaced; the very same text where there is nothing of that."""
    if value.isprintable() or _UNPRINTABLE.search(value) is None:
        return value
    return _UNPRINTABLE.sub("\ufffd", value)


def gpu_names(said: Mapping[str, str], known: tuple[str, str] | None) -> tuple[str, str]:
    """Index and uuid of the GPU that a line names by its PCI address.

    Args:
        said: labels that the line gave; `pci_bus_id` is among them.
        known: index and uuid, where NVML has told which GPU is there; else the uuid that the kernel told, else the address stands for it.
    """
    return known or ("", said.get("uuid") or f"pci:{said['pci_bus_id'].partition('.')[0]}")


def fill(template: str, words: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """The template's text for one file; a field that nothing gives is empty."""

    def value(match: re.Match[str]) -> str:
        return environment.get(match[2], "") if match[1] else words.get(match[2], "")

    return _FIELD.sub(value, template).strip()


def _stem(source: SourceSettings, file: PurePath) -> str:
    sent = any(getattr(source, kind) is not None for kind in _SENT)
    return _ENDING.sub("", file.name) if sent else file.stem


def identify(source: SourceSettings, path: str, host: str, environment: Mapping[str, str] = os.environ) -> Identity:
    """Labels of a file.

    Args:
        source: its settings.
        path: of the file, or the name of the stream; for standard input and the kernel log, the source's name.
        host: of this machine.
        environment: for `{env:NAME}`.
    """
    groups: dict[str, str] = {}
    if source.path and (match := re.search(source.path, path)):
        groups = {name: value or "" for name, value in match.groupdict().items()}
    file = PurePath(path)
    stem = _stem(source, file)
    words = {"stem": stem, "name": file.name, "parent": file.parent.name, "host": host, **groups}
    run = fill(source.run, words, environment) if source.run else _owner(path)
    rank = fill(source.rank, words, environment) if source.rank else groups.get("rank", "")
    service = fill(source.service, words, environment) if source.service else ""
    return Identity(
        run=run or f"{host}-{stem or source.name}",
        rank=decimal(rank),
        service=service or str(source.name),
        engine=str(source.labels.get("engine", "")),
    )


_OWNERS = tuple(
    map(
        re.compile,
        (
            r"/pods/[^/_]+_([^/_]+)_[^/]+/[^/]+/[0-9]+\.log",  # /var/log/pods/<namespace>_<pod>_<uid>/<container>/0.log
            r"/containers/([^/_]+)_[^/_]+_.+-[0-9a-f]{64}\.log$",  # the links to them, <pod>_<namespace>_<container>-<id>.log
            r"/containers/([0-9a-f]{12})[0-9a-f]{52}/",  # Docker's <id>/<id>-json.log
            r"/slurm-([0-9]+(?:_[0-9]+)?)\.(?:out|err|log)$",  # a job, or one of an array
        ),
    )
)


def _owner(path: str) -> str:
    """The pod, the container or the Slurm job that the file's path names; empty where it names none."""
    return next((match[1] for owner in _OWNERS if (match := owner.search(path)) is not None), "")


@dataclass(frozen=True, slots=True)
class Job:
    """What the environment of a process says of the job that it belongs to; an empty one is left out."""

    run: str = ""
    rank: str = ""


def job_of(environment: Mapping[str, str]) -> Job:
    """The id of the Slurm job, else the name of the pod, else torchrun's id, and the process's rank in it."""
    rank = environment.get("RANK", "")
    tasks = environment.get("SLURM_STEP_NUM_TASKS") or environment.get("SLURM_NTASKS") or "1"
    if job := environment.get("SLURM_JOB_ID"):
        # the script of a job is no rank of it, and a step of one task is all of it
        alone = tasks == "1" or "SLURM_STEP_ID" not in environment
        return Job(job, rank or ("" if alone else environment.get("SLURM_PROCID", "")))
    if "KUBERNETES_SERVICE_HOST" in environment:
        pod = environment.get("POD_NAME") or environment.get("HOSTNAME", "")
        if pod:
            return Job(pod, rank)
    elastic = environment.get("TORCHELASTIC_RUN_ID", "")
    return Job("" if elastic == "none" else elastic, rank)
