"""A machine written down: what NVML answered and what the collectors' files said, in rounds.

On disk it is a folder, or the same folder as .tar.gz: `recording.json` about the whole, and `round-0000.json`, … each with

    {"at": 0.0, "answers": [as they crossed the pipe from nvml_child, or {"lost": [index, call, why]}],
     "files": {"proc/stat": "cpu ..."}, "unread": {"sys/.../temp1_input": "EIO"}, "links": {"sys/.../driver": "nvidia"},
     "mounts": {"/data": [size, avail, files, files_free]}, "said": {"clock": {"value": [true, 0.0, 0.001, 0.01]}}}

where all but the answers only say what differs from the round before, null for what is gone. Whatever is damaged in it is a
SourceError of one line that names the file.
"""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import re
import tarfile
import zlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn, Self

from stoker.errors import SourceError
from stoker.sources.calls import check_said
from stoker.sources.recording_answers import check_answers

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 2
"""Of what is written."""
_FIRST = 1
"""The oldest that is read. It had no calls, no failures of files and no owners, and did not say what it covers."""
OWNERS, ACCOUNTS, PORTS = "gpu_owners", "gpu_accounts", "host_infiniband_link"
"""Beside the names of the host's collectors what a recording may cover: whose the processes on GPUs are, what workloads have used, and
rate and physical state of InfiniBand ports."""
_FIRST_COVERS = (
    *("host_info", "host_cpu", "host_load", "host_memory", "host_swap", "host_disk", "host_network", "host_pressure"),
    *("host_oom", "host_processes", "host_temperature", "host_infiniband", "host_filesystem"),
)
WHOLE = re.compile(r"pid:\[\d{1,20}\]|/dev/nvidia\d{1,4}")
"""Links that are kept with all of what they point to: to nothing that could be read. Of others the last part is kept."""
ABOUT = "recording.json"
_ROUND = re.compile(r"round-(\d{4})\.json\Z")
_MOST_BYTES = 512 * 2**20
_MOST_ROUNDS = 10_000
_ARCHIVES = (".tar.gz", ".tgz")
_PATH = re.compile(r"(proc|sys|root)(/[^/\0]+)+\Z")
_SLASH = re.compile("/")
_LONGEST, _DEEPEST = 255, 64
_SIZES = 4
_CHANGING = ("files", "unread", "links", "mounts", "said")
_LATEST = 1e11
_DAMAGED = (OSError, EOFError, zlib.error, tarfile.TarError)


@dataclass(frozen=True, slots=True)
class Round:
    """One look at everything.

    Attributes:
        at: seconds since the first one.
        answers: of the NVML child, in their order.
        files: text by path below `proc/`, `sys/` or `root/`.
        links: last part of what a link points to, or all of it (WHOLE).
        mounts: bytes and inodes of each file system, or what was wrong with it.
        unread: files that were there and could not be read, with the name of the error.
        said: what was asked by calls, see calls.Noted.
    """

    at: float
    answers: list[dict[str, Any]]
    files: dict[str, str]
    links: dict[str, str]
    mounts: dict[str, list[int] | str]
    unread: dict[str, str] = field(default_factory=dict)
    said: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recording:
    """A machine.

    Attributes:
        host: its name, or what stands for it.
        architecture: of its processor.
        begun: when the first round was, seconds since the epoch.
        gpus: whether NVML was asked.
        known: GPUs that Stoker remembered of it.
        accounts: what Stoker remembered of the use of its GPUs.
        covers: what the Stoker that made it knew to write down: names of the host's collectors, OWNERS, ACCOUNTS, PORTS.
    """

    host: str
    architecture: str
    begun: float
    gpus: bool
    rounds: list[Round]
    known: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, Any] = field(default_factory=dict)
    covers: tuple[str, ...] = ()


def round_name(number: int) -> str:
    """The file of a round."""
    return f"round-{number:04}.json"


def is_archive(path: Path) -> bool:
    """Whether a recording of this name is one file."""
    return path.name.endswith(_ARCHIVES)


def save(path: Path, recording: Recording) -> None:
    """Write a recording where nothing is yet.

    Raises:
        SourceError: it cannot be written.
    """
    texts = dict(_texts(recording))
    try:
        if is_archive(path):
            with path.open("xb") as file:
                file.write(_packed(texts, path.name))
            return
        path.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (path / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{error.filename or path}: {error.strerror}") from error


def load(path: Path) -> Recording:
    """Read a recording.

    Raises:
        SourceError: there is none, or it is damaged.
    """
    try:
        texts = _unpacked(path) if path.is_file() else _read(path)
    except _DAMAGED as error:
        says = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
        raise SourceError(f"{path}: cannot be read: {says}") from error
    if ABOUT not in texts:
        raise SourceError(f"{path}: no recording: it has no {ABOUT}")
    return _recording(path, texts)


def _texts(recording: Recording) -> list[tuple[str, str]]:
    about = {
        "format": FORMAT,
        "host": recording.host,
        "architecture": recording.architecture,
        "begun": recording.begun,
        "gpus": recording.gpus,
        "known": recording.known,
        "accounts": recording.accounts,
        "covers": list(recording.covers),
    }
    found = [(ABOUT, json.dumps(about, indent=1) + "\n")]
    before = Round(0.0, [], {}, {}, {})
    for number, each in enumerate(recording.rounds):
        lines = [f'{{"at": {json.dumps(each.at)}', f'"answers": [\n{_rows(each.answers)}]']
        for name in _CHANGING:
            changed = _changed(getattr(before, name), getattr(each, name))
            rows = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in changed.items())
            lines.append(f'"{name}": {{\n{rows}}}')
        found.append((round_name(number), ",\n".join(lines) + "}\n"))
        before = each
    return found


def _rows(answers: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(answer, separators=(",", ":")) for answer in answers)


def _changed(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    changed = {name: value for name, value in sorted(now.items()) if before.get(name) != value}
    return changed | {name: None for name in sorted(before) if name not in now}


def _packed(texts: dict[str, str], name: str) -> bytes:
    """The same bytes for the same texts."""
    folder = re.sub(r"\.(tar\.gz|tgz)\Z", "", name)
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for file, text in texts.items():
            member = tarfile.TarInfo(f"{folder}/{file}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    return gzip.compress(data.getvalue(), mtime=0)


def _unpacked(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = _MOST_BYTES
    with tarfile.open(path, mode="r:gz") as archive:
        for member in archive:
            name = os.path.basename(member.name)
            if not member.isfile() or not _is_ours(name):
                continue
            left -= member.size
            if left < 0:
                raise EOFError(f"it is larger than {_MOST_BYTES >> 20} MiB")
            file = archive.extractfile(member)
            found[name] = file.read() if file is not None else b""
    return found


def _read(path: Path) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    left = _MOST_BYTES
    for name in sorted(os.listdir(path)):
        if _is_ours(name):
            left -= (path / name).stat().st_size
            if left < 0:
                raise EOFError(f"it is larger than {_MOST_BYTES >> 20} MiB")
            found[name] = (path / name).read_bytes()
    return found


def _is_ours(name: str) -> bool:
    return name == ABOUT or _ROUND.match(name) is not None


def _recording(path: Path, texts: dict[str, bytes]) -> Recording:
    about = _document(path, ABOUT, texts)
    form = about.get("format")
    if form not in (_FIRST, FORMAT):
        raise SourceError(f"{path}/{ABOUT}: format {form!r}; this Stoker reads formats {_FIRST} to {FORMAT}")
    with _In(path, ABOUT) as place:
        host, architecture = (place.kind(about, name, str) for name in ("host", "architecture"))
        begun = place.number(about, "begun")
        gpus = place.kind(about, "gpus", bool)
        known = place.kind(about, "known", dict)
        if form == _FIRST:
            about |= {"accounts": {}, "covers": list(_FIRST_COVERS)}
        accounts = place.kind(about, "accounts", dict)
        covers = tuple(place.kind(about, "covers", list))
    names = sorted(name for name in texts if name != ABOUT)
    if not names or len(names) > _MOST_ROUNDS:
        raise SourceError(f"{path}: {len(names)} rounds; a recording has 1 to {_MOST_ROUNDS}")
    rounds: list[Round] = []
    for number, name in enumerate(names):
        if name != round_name(number):
            raise SourceError(f"{path}/{round_name(number)}: is missing")
        before = rounds[-1] if rounds else Round(-1.0, [], {}, {}, {})
        document = _document(path, name, texts)
        if form == _FIRST:
            document |= {"unread": {}, "said": {}}
        rounds.append(_round(path, name, document, before))
    return Recording(host, architecture, begun, gpus, rounds, known, accounts, covers)


def _document(path: Path, name: str, texts: dict[str, bytes]) -> dict[str, Any]:
    try:
        found = json.loads(texts[name], parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}/{name}: damaged: {error}") from error
    if not isinstance(found, dict):
        raise SourceError(f"{path}/{name}: damaged: not an object")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _round(path: Path, name: str, document: dict[str, Any], before: Round) -> Round:
    with _In(path, name) as place:
        at = place.number(document, "at")
        if at <= before.at:
            raise ValueError("`at` does not rise")
        answers = place.kind(document, "answers", list)
        check_answers(answers)
        found = {name: _merged(getattr(before, name), place.kind(document, name, dict)) for name in _CHANGING}
        files, unread, links, mounts, said = found.values()
        _check_paths([*{**files, **unread}, *links])
        if any(not isinstance(text, str) or not _encodes(text) for text in files.values()):
            raise ValueError("a file is no text")
        if not all(isinstance(text, str) and _is_error(text) for text in unread.values()):
            raise ValueError("a file that was not read has no name of an error")
        if not all(isinstance(text, str) and _is_target(text) for text in links.values()):
            raise ValueError("a link is no name")
        if not all(isinstance(usage, str) or _is_usage(usage) for usage in mounts.values()):
            raise ValueError("a mount has no four sizes")
        check_said(said)
        return Round(at, answers, files, links, mounts, unread, said)


def _check_paths(paths: list[str]) -> None:
    for each in paths:
        names = each.split("/")
        if not _PATH.match(each) or "." in names or ".." in names or not _is_short(names):
            raise ValueError(f"{each[:80]!r} is no path of a recording")
    folders = {each[: found.start()] for each in paths for found in _SLASH.finditer(each)}
    for each, times in Counter(paths).items():
        if times > 1 or each in folders:
            raise ValueError(f"{each!r} is in it in two ways")


def _merged(before: dict[str, Any], changed: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**before, **changed}.items() if value is not None}


def _is_short(names: list[str]) -> bool:
    """Whether file systems take it."""
    return len(names) < _DEEPEST and all(_encodes(name) and len(os.fsencode(name)) <= _LONGEST for name in names)


def _encodes(text: str) -> bool:
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _is_error(name: str) -> bool:
    return isinstance(getattr(errno, name, None), int)


def _is_target(text: str) -> bool:
    return WHOLE.fullmatch(text) is not None or (text not in ("", ".", "..") and "/" not in text and "\0" not in text)


def _is_usage(usage: object) -> bool:
    return (
        isinstance(usage, list)
        and len(usage) == _SIZES
        and all(type(size) is int and 0 <= size < 1 << 62 for size in usage)
    )


class _In:
    """Where in a recording something is wrong: turns ValueError into the one line that says it."""

    def __init__(self, path: Path, name: str) -> None:
        self._where = f"{path}/{name}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, ValueError):
            raise SourceError(f"{self._where}: damaged: {error}") from error

    def kind(self, document: dict[str, Any], name: str, kind: type) -> Any:  # noqa: ANN401 - of that kind
        """What is under a name."""
        value = document.get(name)
        if type(value) is not kind:
            raise ValueError(f"`{name}` is not {kind.__name__}")
        return value

    def number(self, document: dict[str, Any], name: str) -> float:
        """A number that is one."""
        value = document.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
            raise ValueError(f"`{name}` is no time")
        return float(value)
