"""The gate to the machine itself: /proc and /sys on Linux, psutil elsewhere.

On Linux everything is read from /proc itself: psutil numbers processors by position, which shifts when one goes offline, adds reclaimable
slabs to the page cache, gives 0 for what the kernel does not say, takes a page for 4 KiB, and costs several times as much. Elsewhere
psutil gives what it can.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, Any, TypeVar

from stoker.errors import SourceError, UnavailableError
from stoker.sources.cgroup import Cgroups
from stoker.sources.mounts import Mounts
from stoker.sources.process_states import ProcessStates
from stoker.sources.procfs import MODES, CpuTimes, DiskCounts, NetworkCounts, Procfs
from stoker.sources.pseudofile import read, read_raw
from stoker.sources.sysfs import Sysfs

if TYPE_CHECKING:
    from collections.abc import Callable

    from stoker.sources.machine import Machine

T = TypeVar("T")
LINUX = sys.platform.startswith("linux")


class Host:
    """The machine and its parts.

    Attributes:
        procfs, processes, sysfs, cgroups, mounts: Linux only: `need_linux` says so elsewhere.

    Args:
        machine: where its files are.
        rootfs: in place of the machine's root.
        mounts: the gate to file systems.
        read_file: gives a whole file of /proc or /sys in place of the file system, or raises OSError.
        linux: whether this is Linux.
    """

    def __init__(
        self,
        machine: Machine,
        *,
        rootfs: str | None = None,
        mounts: Mounts | None = None,
        read_file: Callable[[str], bytes] | None = None,
        linux: bool = LINUX,
    ) -> None:
        self.machine = machine
        self.rootfs = machine.root if rootfs is None else rootfs
        self.linux = linux
        self.procfs = Procfs(machine.proc, read_file)
        self.processes = ProcessStates(machine.proc)
        self.sysfs = Sysfs(machine.sys, read_file or read_raw)
        self.cgroups = Cgroups(machine.proc, machine.sys, read_file or read_raw)
        self.mounts = mounts or Mounts(machine.proc, self.rootfs)

    def need_linux(self, what: str) -> None:
        """Refuse what only Linux has.

        Raises:
            UnavailableError: on any other system.
        """
        if not self.linux:
            raise UnavailableError(f"{what} can only be read on Linux, this is {sys.platform}")

    def kernel(self) -> str:
        """The kernel's release."""
        return self.procfs.text("sys/kernel/osrelease") if self.linux else platform.release()

    def architecture(self) -> str:
        """Of the processor."""
        return self.machine.architecture or platform.machine()

    def system(self) -> str:
        """The operating system as it calls itself: `Debian GNU/Linux 12 (bookworm)`."""
        if not self.linux:
            return platform.system()
        for path in ("etc/os-release", "usr/lib/os-release"):
            try:
                text = read(f"{self.rootfs}/{path}").decode(errors="replace")
            except SourceError:
                continue
            for line in text.splitlines():
                name, _, value = line.partition("=")
                if name == "PRETTY_NAME":
                    return value.strip("\"' ")
        return "Linux"

    def boot_time(self) -> float:
        """When the machine was booted, seconds since the epoch."""
        return self.procfs.boot_time() if self.linux else self._ask("boot time", lambda psutil: psutil.boot_time())

    def cpu_times(self) -> CpuTimes:
        """Seconds in each mode of procfs.MODES, as many of them as the system has from the first on."""
        if self.linux:
            return self.procfs.cpu_times()
        each = self._ask("processor times", lambda psutil: psutil.cpu_times(percpu=True))
        rows = [tuple(getattr(times, mode, 0.0) for mode in MODES[:4]) for times in each]
        return CpuTimes(tuple(map(sum, zip(*rows, strict=True))), {str(number): row for number, row in enumerate(rows)})

    def load(self) -> tuple[float, float, float]:
        """Load averages of 1, 5 and 15 minutes."""
        return self.procfs.load() if self.linux else self._ask("load", lambda psutil: psutil.getloadavg())

    def memory(self) -> dict[str, int]:
        """Bytes by the names of /proc/meminfo."""
        if self.linux:
            return self.procfs.memory()
        virtual = self._ask("memory", lambda psutil: psutil.virtual_memory())
        swap = self._ask("swap", lambda psutil: psutil.swap_memory())
        named = {"Cached": getattr(virtual, "cached", None), "Buffers": getattr(virtual, "buffers", None)}
        given = {name: value for name, value in named.items() if value is not None}
        base = {
            "MemTotal": virtual.total,
            "MemAvailable": virtual.available,
            "SwapTotal": swap.total,
            "SwapFree": swap.free,
        }
        return base | given

    def swapped(self) -> tuple[int, int]:
        """Bytes swapped in and out since boot."""
        if self.linux:
            return self.procfs.swapped()
        swap = self._ask("swap", lambda psutil: psutil.swap_memory())
        return swap.sin, swap.sout

    def disks(self) -> dict[str, DiskCounts]:
        """Every block device, partitions included."""
        if self.linux:
            return self.procfs.disks()
        # `nowrap` would keep every device ever seen; a counter that starts again is what Prometheus expects
        found = self._ask("disks", lambda psutil: psutil.disk_io_counters(perdisk=True, nowrap=False)) or {}
        return {
            name: DiskCounts(
                one.read_bytes,
                one.write_bytes,
                one.read_count,
                one.write_count,
                one.busy_time / 1000 if hasattr(one, "busy_time") else None,
            )
            for name, one in found.items()
        }

    def networks(self) -> dict[str, NetworkCounts]:
        """Every interface, the loopback included."""
        if self.linux:
            return self.procfs.networks()
        found = self._ask("networks", lambda psutil: psutil.net_io_counters(pernic=True, nowrap=False))
        return {
            name: NetworkCounts(
                one.bytes_recv,
                one.bytes_sent,
                one.packets_recv,
                one.packets_sent,
                one.errin,
                one.errout,
                one.dropin,
                one.dropout,
            )
            for name, one in found.items()
        }

    def _ask(self, what: str, function: Callable[[Any], T]) -> T:
        """Ask psutil, of this machine's /proc."""
        import psutil  # noqa: PLC0415 - on Linux nothing needs it, and it takes two megabytes

        psutil.PROCFS_PATH = self.machine.proc
        try:
            return function(psutil)
        except OSError as error:
            raise SourceError(f"{error.filename or what}: {error.strerror or error}") from error
        except NotImplementedError as error:
            raise UnavailableError(f"{what}: not on this system") from error
        except (psutil.Error, RuntimeError, ValueError, IndexError, KeyError, AssertionError) as error:
            raise SourceError(f"{what}: psutil could not read it: {error}") from error
