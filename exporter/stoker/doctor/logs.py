"""Looks at the sources of log lines: whether they are there, may be read, and are understood."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from stoker.doctor.finding import Finding, State
from stoker.doctor.logs_sent import without_files
from stoker.errors import SourceError
from stoker.logs.implied import DEVICE, kernel_named
from stoker.logs.interpreter import Interpreter
from stoker.logs.origins import kernel_path
from stoker.sources.files_found import Globs
from stoker.sources.kernel import KernelLog, can_read, is_device

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stoker.config import Settings
    from stoker.logs.formats import CompiledFormats

_TAIL = 256 << 10
_FEW = 20
_KERNEL = "`- {name: kernel, kernel: {path: /var/log/kern.log}}` under `sources:`"
_OPEN = "run as root or with CAP_SYSLOG; in a container, give it /dev/kmsg"


def sources(settings: Settings, formats: Mapping[str, CompiledFormats]) -> Iterator[Finding]:
    """Every source of the settings; `formats` by the name of the source."""
    if not settings.sources:
        yield Finding("logs", State.ABSENT, "no sources in the settings")
    for source in settings.sources:
        topic = f"source {source.name}"
        if source.kernel is False:
            yield Finding(topic, State.ABSENT, "switched off: the kernel log is not read")
            continue
        if source.kernel is not None:
            path = kernel_path(source.kernel)
            if is_device(path):
                yield kernel(path, topic)
                continue
            patterns: tuple[str, ...] = (path,)
        elif source.runs is not None:
            yield Finding(topic, State.OK, "follows what runs under `stoker run`")
            continue
        elif source.discover is not None:
            yield Finding(topic, State.OK, "follows the files that processes on a GPU write to")
            continue
        elif source.files is not None:
            patterns = tuple(map(str, source.files))
        else:
            yield without_files(topic, source)
            continue
        made = formats.get(str(source.name))
        yield _files(topic, patterns, settings, made, silent=source.kernel is not None)


def kernel(path: str, topic: str) -> Finding:
    """Whether the kernel's log device may be read."""
    log = KernelLog(path)
    try:
        records = sum(1 for _ in log.turn())
    except SourceError as error:
        return Finding(topic, State.BROKEN, f"{error}: XIDs and other kernel lines are not seen", _OPEN)
    finally:
        log.close()
    return Finding(topic, State.OK, f"{path} can be read, {records} records of this boot")


def kernel_wanted(settings: Settings, *, gpus: bool, device: str = DEVICE) -> Finding | None:
    """On a machine with GPUs whose settings say nothing of the kernel log: whether it is read all the same."""
    if not gpus or kernel_named(settings):
        return None
    topic = "kernel log"
    if can_read(device):
        return Finding(topic, State.OK, f"{device} is read, as on every machine with GPUs")
    says = (
        f"{device} may not be read: of XIDs only NVML's events are seen, without those before the start, without how bad an"
        " NVLink error is, and without NVSwitches"
    )
    return Finding(topic, State.DEGRADED, says, f"{_OPEN}; or have another source with the kernel's lines: {_KERNEL}")


def _files(
    topic: str, patterns: tuple[str, ...], settings: Settings, formats: CompiledFormats | None, *, silent: bool
) -> Finding:
    """What is said of files; `silent` of lines that need not say anything, as the kernel's do while all is well."""
    paths = Globs(patterns).paths(time.monotonic())
    if not paths:
        return Finding(topic, State.DEGRADED, f"nothing matches {', '.join(patterns)} now", _reach(patterns))
    closed, read, understood, lines = [], 0, 0, 0
    by_format: dict[str, int] = {}
    # the newest tell best what is written now
    for path in sorted(paths, key=_age, reverse=True)[:_FEW]:
        try:
            data = _tail(path)
        except OSError as error:
            closed.append(f"{path}: {error.strerror}")
            continue
        read += 1
        if formats is None:
            continue
        one = Interpreter(formats, line_length=settings.limits.line_length, timezone=None, clock=time.time)
        one.feed(data)
        one.flush()
        lines += one.stats.lines
        for name, count in one.stats.matched.items():
            if name != "none":
                understood += count
                by_format[name] = by_format.get(name, 0) + count
    if closed:
        right = "let the exporter's user read it: a group such as adm, or `setfacl -m u:USER:r`"
        return Finding(topic, State.BROKEN, f"{len(closed)} of {read + len(closed)} files: {closed[0]}", right)
    says = f"{len(paths)} file{'s' if len(paths) > 1 else ''}"
    if not lines:
        return Finding(topic, State.OK, f"{says}, empty so far")
    if not understood and silent:
        return Finding(topic, State.OK, f"{says}; none of the last {lines} lines tells of a fault")
    if not understood:
        right = f"`stoker parse {paths[0]}` shows what its lines look like; formats of your own go under `pack: {{formats: …}}`"
        return Finding(topic, State.DEGRADED, f"{says}, and none of the last {lines} lines is understood", right)
    names = ", ".join(sorted(by_format, key=lambda name: -by_format[name]))
    return Finding(topic, State.OK, f"{says}; {understood} of the last {lines} lines understood ({names})")


def _reach(patterns: tuple[str, ...]) -> str:
    """Why nothing may match: the first folder on the way that is not there or not open."""
    for pattern in patterns:
        folder = os.path.dirname(os.path.abspath(os.path.expanduser(pattern)))
        while "*" in folder or "?" in folder or "[" in folder:
            folder = os.path.dirname(folder)
        if not os.path.isdir(folder):
            return f"there is no folder {folder}; a file that appears later is followed from its first line"
        if not os.access(folder, os.R_OK | os.X_OK):
            return f"the exporter's user may not look into {folder}"
    return "a file that appears later is followed from its first line"


def _age(path: str) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _tail(path: str) -> bytes:
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        data = file.read(_TAIL)
    return data if size <= _TAIL else data.partition(b"\n")[2]  # the first line of a tail is a half one
