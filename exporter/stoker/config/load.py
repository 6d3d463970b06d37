"""Finds stoker.yaml, reads it and says everything that is wrong with it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from stoker.config.settings import Limits, Settings, SourceSettings
from stoker.documents import At, Position, Problems, Text, decode, read_yaml, settable
from stoker.documents.position import position_of
from stoker.errors import MistakeError

_SYSTEM = Path("/etc/stoker/stoker.yaml")
ORIGINS = ("files", "stdin", "kernel", "journal", "ingest", "syslog", "kafka", "runs", "discover")
"""Keys of a source of which exactly one says where its lines come from."""
_LABELS = ("engine",)
_STATE = Path("/var/lib/stoker")
_MOST = 4 * 2**20
"""Bytes of a stoker.yaml: somebody may name a log, or /dev/zero."""
_LONGEST = 300.0
"""Seconds: readings that are older are not served, so a longer interval would leave gaps."""
_TEMPLATE_WORDS = {"stem", "name", "parent", "host"}
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_SOURCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z")


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and where they came from.

    Attributes:
        settings: checked settings.
        file: the file, or None when there is none and the defaults hold.
        texts: content by file name, for excerpts of problems found later.
    """

    settings: Settings
    file: Path | None
    texts: Mapping[str, str]


def find_config(flag: str | None, env: Mapping[str, str]) -> Path | None:
    """The file to use: the flag, $STOKER_CONFIG, ./stoker.yaml, /etc/stoker/stoker.yaml, or None."""
    named = flag or env.get("STOKER_CONFIG")
    if named:
        return Path(named)
    return next((path for path in (Path("stoker.yaml"), _SYSTEM) if path.is_file()), None)


def load_settings(file: Path | None) -> Loaded:
    """Read and check `file`.

    Raises:
        MistakeError: with every problem found, not only the first.
    """
    if file is None:
        return Loaded(Settings(), None, {})
    problems = Problems()
    text = _read(file, problems)
    node = read_yaml(text, str(file), problems)
    settings = None
    if not problems.found:
        settings = decode(node, Settings, problems, file=str(file))
    if settings is not None:
        check_settings(settings, problems)
    try:
        problems.raise_if_any()
    except MistakeError as error:
        error.texts = {str(file): text}
        raise
    assert settings is not None
    return Loaded(settings, file, {str(file): text})


def _read(file: Path, problems: Problems) -> str:
    try:
        with file.open("rb") as stream:
            data = stream.read(_MOST + 1)
    except OSError as error:
        problems.add(
            Position(str(file), 1, 1), "config-file", f"cannot be read: {error.strerror}", "name a readable file"
        )
        return ""
    if len(data) > _MOST:
        problems.add(Position(str(file), 1, 1), "config-file", f"larger than {_MOST >> 20} MiB", "name a stoker.yaml")
        return ""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        problems.add(Position(str(file), line, column), "config-file", "not UTF-8", "save the file as UTF-8")
        return ""


def check_settings(settings: Settings, problems: Problems) -> None:
    """What the types cannot say: names used once, one origin a source, patterns and zones that exist."""
    at = settings.at
    _check_address(settings.listen, at, problems, "127.0.0.1:9838")
    for name, seconds, where in (
        ("interval", settings.interval, at.value("interval")),
        ("deadline", settings.deadline, at.value("deadline")),
        ("deadline", settings.gpu.deadline, settings.gpu.at.value("deadline")),
    ):
        if not 0 < seconds <= _LONGEST:
            wrong = f"{name} is not above zero" if seconds <= 0 else f"{name} is above 5m"
            problems.add(where, "range", wrong, "write a duration such as 15s")
    for name in settable(Limits):
        value = getattr(settings.limits, name)
        least = int(name != "values_per_run")
        if value < least:
            problems.add(settings.limits.at.value(name), "range", f"{name} is below {least}", "write a larger number")
    for name in ("proc", "sys", "root"):
        if not getattr(settings.host, name).startswith("/"):
            problems.add(settings.host.at.value(name), "host-path", f"{name} is no absolute path", "as in /host/proc")
    if settings.state_dir == "":
        problems.add(at.value("state_dir"), "state-dir", "state_dir is empty", "name a folder, or leave it out")
    seen: dict[str, SourceSettings] = {}
    for source in settings.sources:
        if source.name in seen:
            first = seen[source.name].at.position.line
            problems.add(
                source.at.value("name"), "duplicate-source", f"{source.name} is used twice", f"line {first} has it"
            )
        seen.setdefault(str(source.name), source)
        _check_source(source, problems)


def _check_address(listen: str, at: At, problems: Problems, example: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:  # noqa: PLR2004 - the last port
        problems.add(at.value("listen"), "listen", f"{listen} is no address", f"write host:port, as {example}")


def _check_list(given: Sequence[str], at: At, key: str, problems: Problems, example: str) -> None:
    if not given or not all(given):
        problems.add(at.value(key), "source-origin", f"{key} has nothing in it, or an empty text", f"as in [{example}]")


def _check_source(source: SourceSettings, problems: Problems) -> None:
    if not _SOURCE_NAME.match(source.name):
        problems.add(
            source.at.value("name"), "source-name", f"{source.name!r} is no name", "use letters, digits, _ . -"
        )
    given = [name for name in ORIGINS if getattr(source, name) is not None and (name != "stdin" or source.stdin)]
    if len(given) != 1:
        right = f"set one of {', '.join(ORIGINS)}"
        problems.add(source.at.position, "source-origin", "a source has exactly one origin", right)
    if source.files is not None:
        _check_list(source.files, source.at, "files", problems, "/var/log/train/*.log")
    if source.kafka is not None:
        _check_list(source.kafka.brokers, source.kafka.at, "brokers", problems, "kafka1:9092")
        _check_list(source.kafka.topics, source.kafka.at, "topics", problems, "train-logs")
    if source.syslog is not None:
        _check_address(source.syslog.listen, source.syslog.at, problems, "127.0.0.1:5514")
    _check_values(source, problems)
    groups: set[str] = set()
    if source.path is not None:
        try:
            groups = set(re.compile(source.path).groupindex)
        except re.error as error:
            problems.add(position_of(source.path), "regex", f"path is no regular expression: {error}", "")
    for name in ("run", "rank", "service"):
        template = getattr(source, name)
        if isinstance(template, str):
            _check_template(template, groups, source, name, problems)
    if source.timezone is not None:
        try:
            ZoneInfo(source.timezone)
        except (ValueError, OSError, KeyError):
            problems.add(
                position_of(source.timezone), "timezone", f"{source.timezone} is no zone", "as in Europe/Berlin"
            )


def _check_values(source: SourceSettings, problems: Problems) -> None:
    for label in source.labels:
        if label not in _LABELS:
            problems.add(
                source.at.value("labels"), "source-label", f"{label} is no label here", f"known: {', '.join(_LABELS)}"
            )
    for name in ("spike_factor", "divergence_ratio"):
        if getattr(source, name) <= 0:
            problems.add(source.at.value(name), "range", f"{name} is not above zero", "write a number such as 6")


def _check_template(template: str, groups: set[str], source: SourceSettings, key: str, problems: Problems) -> None:
    for match in _PLACEHOLDER.finditer(template):
        word = match[1]
        if word not in _TEMPLATE_WORDS | groups and not word.startswith("env:"):
            where = template.at(match.start()) if isinstance(template, Text) else source.at.value(key)
            known = ", ".join(sorted(_TEMPLATE_WORDS | groups))
            problems.add(where, "template", f"{{{word}}} stands for nothing", f"known: {known}, env:NAME")


def state_dir(settings: Settings, env: Mapping[str, str]) -> Path:
    """Where state is kept: the setting, /var/lib/stoker for root, else $XDG_STATE_HOME/stoker.

    A user without a home, as in many containers, has /var/lib/stoker too: where it cannot be written, that is said.
    """
    if settings.state_dir is not None:
        return Path(settings.state_dir)
    if os.geteuid() == 0:
        return _STATE
    try:
        base = env.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    except RuntimeError:
        return _STATE
    return Path(base) / "stoker"
