"""The gate to /proc and /sys: small files read whole, from roots that tests can move."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from stoker.config.settings import HostSettings

_BLOCK = 65536


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the machine's own files are.

    Attributes:
        proc: usually /proc.
        sys: usually /sys.
        root: usually /, below which are the machine's file systems.
        architecture: of the processor; empty for that of this machine.
    """

    proc: str = "/proc"
    sys: str = "/sys"
    root: str = "/"
    architecture: str = ""

    @classmethod
    def of(cls, settings: HostSettings) -> Machine:
        """The machine that the settings name: this one, or the host of the container that this runs in."""
        return cls(settings.proc, settings.sys, settings.root)

    def read(self, path: str) -> str:
        """The text of a file.

        Raises:
            UnavailableError: when there is no such file.
            SourceError: when it is there and cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise UnavailableError(f"{path}: not on this machine") from error
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        try:
            data = os.read(descriptor, _BLOCK)
            while more := os.read(descriptor, _BLOCK):
                data += more
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror}") from error
        finally:
            os.close(descriptor)
        return data.decode("utf-8", "replace")

    def in_proc(self, name: str) -> str:
        """The text of a file under /proc."""
        return self.read(f"{self.proc}/{name}")

    def in_sys(self, name: str) -> str:
        """The text of a file under /sys, without the newline at its end."""
        return self.read(f"{self.sys}/{name}").strip()

    def folders(self, name: str) -> list[str]:
        """Names in a folder under /sys, sorted; none when it is not there."""
        try:
            return sorted(os.listdir(f"{self.sys}/{name}"))
        except OSError:
            return []

    def pids(self) -> list[str]:
        """The processes of this machine, as names under /proc."""
        try:
            return [name for name in os.listdir(self.proc) if name.isdigit()]
        except OSError as error:
            raise SourceError(f"{self.proc}: {error.strerror}") from error

    def boot_id(self) -> str:
        """An identifier of this boot; empty where the kernel tells none."""
        try:
            return self.in_proc("sys/kernel/random/boot_id").strip()
        except SourceError:
            return ""

    def sys_path(self, name: str) -> Path:
        """A path under /sys."""
        return Path(self.sys) / name
