"""NVIDIA's GPUs as the PCI bus shows them in sysfs, and one spelling for PCI addresses."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from stoker.sources.pseudofile import read_raw

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NVIDIA = b"0x10de"
_CLASSES = (b"0x0300", b"0x0302")  # VGA and 3D controllers; NVSwitches are 0x0680, audio functions 0x0403

# 00000000:91:00.0 (NVML), 0000:91:00.0 (sysfs), PCI:0000:91:00 (kernel log), 91:00.0 (lspci)
_ADDRESS = re.compile(
    r"(?:PCI:)?(?:(?P<domain>[0-9a-f]{1,8}):)?(?P<bus>[0-9a-f]{1,2}):(?P<device>[0-9a-f]{1,2})(?:\.[0-7])?\Z",
    re.IGNORECASE,
)


def normal_address(text: str) -> str:
    """`0000:91:00.0`, as sysfs spells it; an empty string when it is no address. A GPU is function 0 of its device."""
    match = _ADDRESS.match(text.strip())
    if match is None:
        return ""
    domain, bus, device = (int(match[name] or "0", 16) for name in ("domain", "bus", "device"))
    return f"{domain:04x}:{bus:02x}:{device:02x}.0"


def count_gpus(sysfs: Path) -> int | None:
    """NVIDIA display and 3D controllers that are bound to NVIDIA's driver or to none; None where there is no PCI bus to look at.

    One that is handed to a virtual machine (vfio-pci) or to another driver is not this machine's to use.
    """
    folder = sysfs / "bus/pci/devices"
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    return sum(_is_ours(f"{folder}/{name}") for name in names)


def _is_ours(path: str) -> bool:
    try:
        if read_raw(f"{path}/vendor").strip().lower() != _NVIDIA:
            return False
        if not read_raw(f"{path}/class").startswith(_CLASSES):
            return False
    except OSError:
        return False  # taken off the bus since the listing
    try:
        return os.path.basename(os.readlink(f"{path}/driver")) == "nvidia"
    except OSError:
        return True


class Bus:
    """The PCI bus as far as it can be compared with what the driver sees.

    Args:
        sysfs: usually /sys.
        root: where /dev, and the files by which a container is known, are.
        env: where NVIDIA_VISIBLE_DEVICES is looked up.
    """

    def __init__(self, sysfs: Path, root: Path, env: Mapping[str, str]) -> None:
        self._sysfs = sysfs
        self._root = root
        self._env = env

    def gpus(self) -> int | None:
        """As count_gpus; None also where only a part of the GPUs is visible on purpose.

        That is so when NVIDIA_VISIBLE_DEVICES names some, and in a container that has fewer device nodes than the bus has GPUs: sysfs
        shows the whole machine there. CUDA_VISIBLE_DEVICES does not matter: NVML does not look at it.
        """
        if self._env.get("NVIDIA_VISIBLE_DEVICES", "all") != "all":
            return None
        found = count_gpus(self._sysfs)
        if found and self._in_container() and self._nodes() < found:
            return None
        return found

    def _in_container(self) -> bool:
        if "KUBERNETES_SERVICE_HOST" in self._env or "container" in self._env:
            return True
        return any((self._root / name).exists() for name in (".dockerenv", "run/.containerenv"))

    def _nodes(self) -> int:
        """/dev/nvidia0, /dev/nvidia1, …."""
        try:
            names = os.listdir(self._root / "dev")
        except OSError:
            return 0
        return sum(name.removeprefix("nvidia").isdigit() for name in names if name.startswith("nvidia"))
