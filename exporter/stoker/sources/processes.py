"""What /proc tells of one process: enough to know whether it is still the same one, and whose it is."""

from __future__ import annotations

import os
from typing import NamedTuple

from stoker.sources.pseudofile import read_raw

_SEVERAL = 2


class Process(NamedTuple):
    """A process that was there a moment ago.

    Attributes:
        parent, group, session: numbers of its parent, its process group and its session.
        start: when it started, in clock ticks after boot; with its number it is unique in a boot.
    """

    parent: int
    group: int
    session: int
    start: int


def process(pid: int, procfs: str = "/proc") -> Process | None:
    """The process of that number; None when there is none, or it has ended and only waits for its parent."""
    try:
        data = read_raw(f"{procfs}/{pid}/stat")
        # 812 (python (x)) S 1 812 812 ...: the command may hold brackets and spaces, so the last bracket ends it
        fields = data[data.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X"):
            return None
        return Process(int(fields[1]), int(fields[2]), int(fields[3]), int(fields[19]))
    except (OSError, ValueError, IndexError):
        return None


def start_of(pid: int, procfs: str = "/proc") -> int | None:
    """When a process started, in clock ticks after boot; None when there is none, or only what it leaves to its parent.

    A program whose first thread has ended while others run looks dead by its state; its other threads tell.
    """
    try:
        data = read_raw(f"{procfs}/{pid}/stat")
        fields = data[data.rindex(b")") + 2 :].split()
        if fields[0] in (b"Z", b"X") and len(os.listdir(f"{procfs}/{pid}/task")) < _SEVERAL:
            return None
        return int(fields[19])
    except (OSError, ValueError, IndexError):
        return None


def boot_id(procfs: str = "/proc") -> str:
    """An identifier of this boot, the same in all containers of a machine; empty where the kernel tells none."""
    try:
        return read_raw(f"{procfs}/sys/kernel/random/boot_id").decode().strip()
    except (OSError, ValueError):
        return ""


def namespace(procfs: str = "/proc") -> str:
    """Which numbers of processes this one sees: a container has its own."""
    try:
        return os.readlink(f"{procfs}/self/ns/pid")
    except OSError:
        return ""
