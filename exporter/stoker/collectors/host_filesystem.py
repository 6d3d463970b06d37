"""How full the mounted file systems are.

A mount on a dead server blocks whoever asks for its size, in the kernel and beyond any signal. So each mount is asked in a
thread that may be left behind; a mount whose thread has not returned is named and not asked again until it does.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field

from stoker.collectors.collector import Reading
from stoker.metrics import Desc, Kind, Sample
from stoker.sources.machine import Machine

_LABELS = ("device", "mountpoint", "fstype")
SIZE = Desc("stoker_host_filesystem_size_bytes", Kind.GAUGE, "Size of the file system", _LABELS)
AVAIL = Desc("stoker_host_filesystem_avail_bytes", Kind.GAUGE, "Space that users without privileges can fill", _LABELS)
FILES = Desc("stoker_host_filesystem_files", Kind.GAUGE, "Inodes of the file system", _LABELS)
FILES_FREE = Desc("stoker_host_filesystem_files_free", Kind.GAUGE, "Free inodes", _LABELS)
READONLY = Desc("stoker_host_filesystem_readonly", Kind.GAUGE, "Whether the file system is mounted read-only", _LABELS)

_PSEUDO = frozenset(
    ["autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "fusectl", "hugetlbfs", "iso9660", "mqueue", "nsfs", "overlay", "proc", "procfs", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "squashfs", "sysfs", "tracefs", "efivarfs", "ramfs"]
)
"""File systems that hold nothing of anybody's; the same that node_exporter leaves out."""
_HIDDEN = ("/dev", "/proc", "/sys", "/run/credentials", "/var/lib/docker/", "/var/lib/containers/", "/run/containerd/")


@dataclass(slots=True)
class _Ask:
    """One question to one mount."""

    done: threading.Event = field(default_factory=threading.Event)
    answer: os.statvfs_result | OSError | None = None


@dataclass(slots=True)
class HostFilesystem:
    """statvfs of every mount worth watching, each with its own deadline."""

    machine: Machine = field(default_factory=Machine)
    deadline: float = 2.0
    name: str = "host_filesystem"
    descs: tuple[Desc, ...] = (SIZE, AVAIL, FILES, FILES_FREE, READONLY)
    _stuck: dict[str, _Ask] = field(default_factory=dict, init=False)

    def collect(self) -> Reading:
        """Read once; a mount that does not answer is a failure and nothing more."""
        reading = Reading()
        for device, mountpoint, fstype, options in self.mounts():
            answer = self._ask(mountpoint)
            if isinstance(answer, os.statvfs_result):
                labels = (device, mountpoint, fstype)
                reading.samples += _samples(labels, answer, "ro" in options.split(","))
            elif isinstance(answer, PermissionError | FileNotFoundError):
                continue  # not ours to see, or unmounted meanwhile
            else:
                says = answer.strerror if answer else f"no answer within {self.deadline:g} s"
                reading.failures.append(f"mount {mountpoint}: {says}")
        return reading

    def mounts(self) -> list[tuple[str, str, str, str]]:
        """(device, mount point, type, options) of each mount, the last one of each mount point."""
        found = {}
        for line in self.machine.in_proc("self/mounts").splitlines():
            words = line.split()
            if len(words) < 4 or words[2] in _PSEUDO:  # noqa: PLR2004 - device, mount point, type, options
                continue
            mountpoint = _unescape(words[1])
            if mountpoint.startswith(_HIDDEN):
                continue
            found[mountpoint] = (_unescape(words[0]), mountpoint, words[2], words[3])
        return list(found.values())

    def _ask(self, mountpoint: str) -> os.statvfs_result | OSError | None:
        ask = self._stuck.get(mountpoint)
        if ask is None:
            ask = _Ask()
            if _local(mountpoint, self.machine):
                _statvfs(mountpoint, ask)
            else:
                threading.Thread(target=_statvfs, args=(mountpoint, ask), daemon=True, name="statvfs").start()
                ask.done.wait(self.deadline)
        if ask.done.is_set():
            self._stuck.pop(mountpoint, None)
            return ask.answer
        self._stuck[mountpoint] = ask
        return None


_NETWORK = ("nfs", "cifs", "smb", "ceph", "fuse", "lustre", "gpfs", "beegfs", "glusterfs", "9p", "afs", "wekafs")


def _local(mountpoint: str, machine: Machine) -> bool:
    """Whether asking cannot block for long: a thread for each mount and run would cost more than the answer."""
    for line in machine.in_proc("self/mounts").splitlines():
        words = line.split()
        if len(words) > 2 and _unescape(words[1]) == mountpoint and words[2].startswith(_NETWORK):  # noqa: PLR2004
            return False
    return True


def _statvfs(mountpoint: str, ask: _Ask) -> None:
    try:
        ask.answer = os.statvfs(mountpoint)
    except OSError as error:
        ask.answer = error
    ask.done.set()


def _samples(labels: tuple[str, str, str], answer: os.statvfs_result, readonly: bool) -> list[Sample]:  # noqa: FBT001 - a value
    if not answer.f_blocks:
        return []
    samples = [
        Sample(SIZE, labels, answer.f_blocks * answer.f_frsize),
        Sample(AVAIL, labels, answer.f_bavail * answer.f_frsize),
        Sample(READONLY, labels, float(readonly)),
    ]
    if answer.f_files:  # some file systems have no inode counts
        samples += [Sample(FILES, labels, answer.f_files), Sample(FILES_FREE, labels, answer.f_ffree)]
    return samples


def _unescape(word: str) -> str:
    r"""/proc writes blanks in names as octal `\\040`."""
    if "\\" not in word:
        return word
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word
