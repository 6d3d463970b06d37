"""Looks at the sources of log lines that are no files: what a program prints, what others send."""

from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING

from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError
from stoker.sources.secret import SecretFile

if TYPE_CHECKING:
    from stoker.config import IngestSettings, SourceSettings


def without_files(topic: str, source: SourceSettings) -> Finding:
    """Whether such a source can be read."""
    if source.ingest is not None:
        return _ingest(topic, str(source.name), source.ingest)
    if source.journal is not None:
        return _journal(topic)
    if source.kafka is not None:
        return _kafka(topic, ", ".join(map(str, source.kafka.topics)))
    if source.syslog is not None:
        return Finding(topic, State.OK, f"receives syslog on {source.syslog.listen} ({source.syslog.protocol})")
    return Finding(topic, State.OK, "reads what is piped into `stoker serve`")


def _journal(topic: str) -> Finding:
    program = shutil.which("journalctl")
    if program is None:
        return Finding(topic, State.BROKEN, "journalctl is not on PATH", "install it, or read files instead")
    return Finding(topic, State.OK, f"reads the journal through {program}")


def _kafka(topic: str, names: str) -> Finding:
    if importlib.util.find_spec("confluent_kafka") is None:
        return Finding(topic, State.BROKEN, "confluent-kafka is not installed", "pip install 'stoker[kafka]'")
    return Finding(topic, State.OK, f"reads the topics {names}")


def _ingest(topic: str, name: str, settings: IngestSettings) -> Finding:
    if settings.token_file is None:
        return Finding(topic, State.OK, f"takes what is pushed to /ingest/{name}, from everybody who reaches the port")
    try:
        SecretFile(str(settings.token_file)).check()
    except SourceError as error:
        right = "write the token into it, readable for the exporter's user alone"
        return Finding(topic, State.BROKEN, f"{error}: every push is refused", right)
    return Finding(topic, State.OK, f"takes what is pushed to /ingest/{name} with the token")
