"""The gate to mounted file systems: which there are, and how full each is, with a deadline on each.

Asking for the size of a mount whose server is gone blocks in the kernel, beyond any signal. So mounts are asked in a thread, one for all of
them, that is left behind with one that does not answer in time. A mount whose call has not returned is skipped until it does: at most one thread is lost to each mount. Mounts of
block devices are asked first, so that a dead server costs them nothing.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from stoker.errors import DeadlineError, SourceError
from stoker.sources.deadline import Call, Done, Row
from stoker.sources.pseudofile import parsing, read_always, read_raw

if TYPE_CHECKING:
    from collections.abc import Callable

# fmt: off
_PSEUDO = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs",
    "efivarfs", "erofs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "proc", "procfs", "pstore",
    "ramfs", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs",
})
# fmt: on
"""Types that hold no data that can fill up: what node_exporter 1.5 leaves out by default, and efivarfs, erofs and ramfs."""

_HIDDEN = re.compile(
    r"/(dev|proc|sys|run/credentials/.+|run/containerd/.+|run/docker/.+|run/user/.+|var/lib/docker/.+"
    r"|var/lib/containerd/.+|var/lib/containers/storage/.+|var/lib/kubelet/(pods|plugins)/.+)(/|$)"
)
"""Places where container runtimes and the session mount the same storage over and over: thousands of series, nothing new."""

_UNWRITABLE = frozenset({"ro", "emergency_ro", "shutdown"})
"""Options of a file system that nothing can be written to. Since Linux 6.15 ext4 says `emergency_ro` and not `ro` when it has found an
error in itself, and `shutdown` when it was forced down."""

_ESCAPED = re.compile(r"\\([0-7]{3})")  # /mnt/my\040disk


class Mount(NamedTuple):
    """A mounted file system.

    Attributes:
        device: as mounted: a device, `server:/path`, or a word.
        mountpoint: where; unique, since what is mounted over another hides it.
        fstype: its type.
        readonly: of the file system itself. A mount that is read-only over a writable file system is none: the sandbox that
            systemd puts around a service makes every mount look read-only from inside.
        part: whether only a part of it is mounted here (a bind mount, a btrfs subvolume).
    """

    device: str
    mountpoint: str
    fstype: str
    readonly: bool
    part: bool


class Usage(NamedTuple):
    """How full a file system is. Bytes; `files` and `files_free` are inodes, 0 and 0 where it does not count them."""

    size: int
    avail: int
    files: int
    files_free: int


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for mounts, in seconds: for one, and for all of one round together."""

    each: float = 2.0
    together: float = 6.0


class Mounts:
    """Mounts of this machine.

    Args:
        procfs: root of /proc; the mounts are those of process 1 where it may be read, since a sandboxed service sees others.
        rootfs: where the machine's root is from here; in a container that watches its host, not `/`.
        statvfs: the call that may hang.
        wait: how to wait for the end of a call for some seconds.
    """

    def __init__(
        self,
        procfs: str = "/proc",
        rootfs: str = "/",
        *,
        patience: Patience = Patience(),
        statvfs: Callable[[str], os.statvfs_result] = os.statvfs,
        wait: Callable[[Done, float], bool] = Done.wait,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._procfs = procfs
        self._rootfs = rootfs.rstrip("/")
        self._patience = patience
        self._statvfs = statvfs
        self._monotonic = monotonic
        self._row = Row("mounts", wait=wait, monotonic=monotonic)
        self._running: dict[str, Call[Usage | None]] = {}
        self._parsed: tuple[bytes, list[Mount]] = (b"", [])

    def listed(self) -> list[Mount]:
        """Mounts worth watching, those of block devices first, then by mount point.

        Raises:
            SourceError: the list could not be read.
        """
        try:
            data = read_raw(f"{self._procfs}/1/mountinfo")
        except OSError:
            data = read_always(f"{self._procfs}/self/mountinfo")  # other users may not look at process 1
        if data != self._parsed[0]:
            with parsing(f"{self._procfs}/…/mountinfo"):
                self._parsed = (data, parse(data.decode(errors="surrogateescape")))
        return self._parsed[1]

    def usages(self, mounts: list[Mount]) -> dict[str, Usage | SourceError]:
        """Usage of each mount that has one, by mount point, or what was wrong; waits for all of them no longer than `patience`."""
        self._running = {point: call for point, call in self._running.items() if not call.done.is_set()}
        todo = deque(mount for mount in mounts if mount.mountpoint not in self._running)
        end = self._monotonic() + self._patience.together
        calls: dict[str, Call[Usage | None]] = {}

        def begin() -> Call[Usage | None] | None:
            if not todo or self._monotonic() >= end:
                return None
            mount = todo.popleft()
            call = calls[mount.mountpoint] = Call(partial(self._usage, mount), None, self._monotonic)
            return call

        self._row.run(begin, self._patience.each, end)
        found: dict[str, Usage | SourceError] = {}
        for mount in mounts:
            try:
                usage = self._result(mount, calls.get(mount.mountpoint))
            except OSError as error:
                found[mount.mountpoint] = SourceError(error.strerror or str(error))
            except SourceError as error:
                found[mount.mountpoint] = error
            else:
                if usage is not None:
                    found[mount.mountpoint] = usage
        return found

    def stuck(self) -> list[str]:
        """Mount points whose call has not returned."""
        return sorted(point for point, call in self._running.items() if not call.done.is_set())

    def stuck_seconds(self) -> float:
        """For how long the oldest of these calls has not returned; 0 when each has."""
        begun = [call.started for call in self._running.values() if not call.done.is_set()]
        return self._monotonic() - min(begun) if begun else 0.0

    def _result(self, mount: Mount, call: Call[Usage | None] | None) -> Usage | None:
        if call is None:
            if mount.mountpoint in self._running:
                raise DeadlineError("an earlier statvfs has not returned")
            raise DeadlineError(f"not asked: other mounts took {self._patience.together:g} s together")
        if not call.done.is_set():
            self._running[mount.mountpoint] = call
            raise DeadlineError(f"statvfs did not return within {self._patience.each:g} s")
        return call.result()

    def _usage(self, mount: Mount) -> Usage | None:
        """Runs in the worker's thread."""
        path = self._rootfs + mount.mountpoint
        try:
            if mount.part and not stat.S_ISDIR(os.stat(path).st_mode):
                return None  # container runtimes mount single files: /etc/hosts, /etc/resolv.conf
            answer = self._statvfs(path)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return (
                None  # unmounted since the list was read, or another namespace's, or another user's: not ours to watch
            )
        if not answer.f_blocks:
            return None  # a pseudo file system that the list above does not know
        size = answer.f_frsize
        return Usage(answer.f_blocks * size, answer.f_bavail * size, answer.f_files, answer.f_ffree)


def parse(text: str) -> list[Mount]:
    """Mounts worth watching in a mountinfo file, see proc(5).

    Raises:
        ValueError, IndexError: a line of another form.
    """
    found: dict[str, Mount] = {}
    for line in text.splitlines():
        # 27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
        here, _, of_filesystem = line.partition(" - ")
        fields = here.split(" ")
        fstype, device, *options = of_filesystem.split(" ")
        mountpoint = _unescaped(fields[4])
        found.pop(mountpoint, None)  # the later one hides the earlier
        if fstype in _PSEUDO or _HIDDEN.match(mountpoint) or (fstype == "overlay" and mountpoint != "/"):
            continue  # an overlay is a container's view of storage that is listed by itself; `/` is all that a container has
        readonly = bool(options) and not _UNWRITABLE.isdisjoint(options[-1].split(","))
        found[mountpoint] = Mount(_unescaped(device), mountpoint, fstype, readonly, fields[3] != "/")
    return sorted(found.values(), key=lambda mount: (not mount.device.startswith("/dev/"), mount.mountpoint))


def _unescaped(word: str) -> str:
    if "\\" not in word:
        return word
    # surrogates keep bytes that are no UTF-8 apart until the exposition replaces them
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)), word)
