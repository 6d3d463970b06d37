"""Where processes write their standard output and error to, and who has a GPU's device open, as /proc tells."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, NamedTuple

from stoker.sources.processes import process
from stoker.sources.pseudofile import read_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["file", "pipe", "terminal", "deleted", "unreachable", "other"]
KINDS: tuple[Kind, ...] = ("file", "pipe", "terminal", "deleted", "unreachable", "other")
_DEVICE = "/dev/nvidia"  # 0, 1, ...; monitors and display servers have /dev/nvidiactl and others open, too
_TERMINALS = ("/dev/pts/", "/dev/tty", "/dev/console")


class Output(NamedTuple):
    """Where one output of a process leads.

    Attributes:
        kind: what is there; only a `file` can be followed.
        path: of the file, as it can be opened here; else what /proc calls it.
        file: device and inode.
    """

    kind: Kind
    path: str
    file: tuple[int, int]


def outputs(pid: int, procfs: str = "/proc") -> Iterator[Output]:
    """Standard output and error of a process; once when they are the same, none when it has closed them or has ended."""
    seen = set()
    for number in (1, 2):
        try:
            found = _output(pid, number, procfs)
        except FileNotFoundError:
            continue
        except OSError:
            found = Output("unreachable", "", (pid, number))
        if found.file not in seen:
            seen.add(found.file)
            yield found


def _output(pid: int, number: int, procfs: str) -> Output:
    link = f"{procfs}/{pid}/fd/{number}"
    name, status = os.readlink(link), os.stat(link)
    file = (status.st_dev, status.st_ino)
    if stat.S_ISREG(status.st_mode):
        if status.st_nlink == 0:
            return Output("deleted", name, file)
        # what a process calls its file is another one here when it has a root of its own, as in a container
        for path in (name, f"{procfs}/{pid}/root{name}"):
            with suppress(OSError):
                there = os.stat(path)
                if (there.st_dev, there.st_ino) == file:
                    return Output("file", path, file)
        return Output("unreachable", name, file)
    if stat.S_ISFIFO(status.st_mode):
        return Output("pipe", name, file)
    if stat.S_ISCHR(status.st_mode) and name.startswith(_TERMINALS):
        return Output("terminal", name, file)
    return Output("other", name, file)


def device_users(procfs: str = "/proc") -> set[int]:
    """Processes that have a GPU's device open, as far as this user may see; every descriptor of every process is looked at."""
    return {int(name) for name in _listed(procfs) if name.isdigit() and has_device(int(name), procfs)}


def has_device(pid: int, procfs: str = "/proc") -> bool:
    """Whether a process is seen to have a GPU's device open."""
    folder = f"{procfs}/{pid}/fd"
    return any(_is_gpu(f"{folder}/{each}") for each in _listed(folder))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _is_gpu(link: str) -> bool:
    try:
        target = os.readlink(link)
    except OSError:
        return False
    return target.startswith(_DEVICE) and target.removeprefix(_DEVICE).isdigit()


def environment(pid: int, procfs: str = "/proc") -> dict[str, str]:
    """The environment with which a process was started; empty when it may not be read."""
    try:
        data = read_raw(f"{procfs}/{pid}/environ")
    except OSError:
        return {}
    pairs = (each.partition(b"=") for each in data.split(b"\0"))
    return {name.decode(errors="replace"): value.decode(errors="replace") for name, _, value in pairs if name}


def shares_output(pid: int, file: tuple[int, int], procfs: str = "/proc") -> bool:
    """Whether the process's parent writes to the same file: then it is not this process's own."""
    here = process(pid, procfs)
    return here is not None and any(each.file == file for each in outputs(here.parent, procfs))
