"""Who uses a GPU: what /proc tells of a process that NVML names."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING, Literal

from stoker.sources.pseudofile import read_raw

if TYPE_CHECKING:
    from pathlib import Path

UserLabel = Literal["off", "uid", "name"]


def command(procfs: Path, pid: int) -> str:
    """Base name of the executable, never its arguments; empty when the process cannot be looked at (other PID namespace, ended)."""
    try:
        path = os.readlink(f"{procfs}/{pid}/exe")
    except OSError:
        pass  # another user's process: only its short name may be read
    else:
        name = os.path.basename(path.removesuffix(" (deleted)"))
        return name.encode(errors="surrogateescape").decode(errors="replace")
    try:
        # a program may write anything into its short name; what follows a blank is not a name
        words = read_raw(f"{procfs}/{pid}/comm").decode(errors="replace").split()
    except OSError:
        return ""
    return os.path.basename(words[0]) if words else ""


def user(procfs: Path, pid: int, wanted: str) -> str:
    """The user's number or name, when it is wanted (`uid`, `name`); else empty."""
    if wanted == "off":
        return ""
    try:
        uid = os.stat(f"{procfs}/{pid}").st_uid
    except OSError:
        return ""
    if wanted == "uid":
        return str(uid)
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
