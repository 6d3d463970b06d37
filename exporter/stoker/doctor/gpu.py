"""Looks at the GPUs: the bus, the driver, its library, and each device."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stoker.doctor.finding import Finding, State
from stoker.errors import SourceError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stoker.config import Settings
    from stoker.sources.nvml import NvmlGate
    from stoker.sources.nvml_values import Gpu, Snapshot

_LIBRARY = "install the driver's library (libnvidia-ml1 in Debian and Ubuntu), or give the container NVIDIA's runtime"
_HANGS = "the driver hangs: see `dmesg | grep -i -e xid -e nvrm`; a reboot mostly helps"
_REMEDIES = {
    "nvidia-ml-py is not installed": "install it: `pip install nvidia-ml-py`",
    "cannot start the NVML process": "see the limits of the exporter's user (`ulimit -a`): processes, open files, memory",
    "LIB_RM_VERSION_MISMATCH": "the driver was updated while it was loaded: reboot, or end every user of the GPUs and reload its modules",
    "NO_PERMISSION": "let the exporter's user open /dev/nvidiactl and /dev/nvidia*, or run it as root",
    "INSUFFICIENT_POWER": "connect the GPU's power cables",
    "IRQ_ISSUE": "see `dmesg` for the interrupt that the driver does not get; a reboot or another slot helps",
    "GPU_IS_LOST": "the GPU has fallen off the bus: drain the node, reset the GPU or reboot",
    "RESET_REQUIRED": "drain the node and reset the GPU: `nvidia-smi --gpu-reset -i INDEX`",
    "TIMEOUT": _HANGS,
    "UNKNOWN": "in a container this comes after `systemctl daemon-reload` took its devices away: start the container anew",
    "DRIVER_NOT_LOADED": "load the driver: `modprobe nvidia`; `dmesg | grep -i nvrm` says why it was not",
    "LIBRARY_NOT_FOUND": _LIBRARY,
    "the NVML process": "the library crashes: is it of the driver's version (`cat /proc/driver/nvidia/version`)? See dmesg for why it ended",
    "did not return": _HANGS,
    "was known and is gone": "see dmesg for XID 79; if it was taken out on purpose: `curl -X POST http://ADDRESS/-/forget?uuid=UUID`",
}
_LOOK = "`dmesg | grep -i -e xid -e nvrm`"
# `GPU 1: …`, `… of GPU 1 did not return`, `GPU 1 (uuid) was known and is gone`
_OF_A_GPU = re.compile(r"\bGPU (\d+)\b( \()?")
_TOLD = 3


def gpus(settings: Settings, gate: NvmlGate | None, pci_devices: int | None) -> Iterator[Finding]:
    """What NVML says.

    Args:
        settings: whether GPUs are collected at all.
        gate: None when they are not.
        pci_devices: NVIDIA GPUs on the PCI bus, where there is one to look at.
    """
    if gate is None:
        yield Finding("gpu", State.ABSENT, "switched off in the settings")
        return
    required = settings.gpu.enabled is True
    try:
        found = gate.snapshot()
    except UnavailableError as error:
        if pci_devices:
            on_the_bus = f"{pci_devices} NVIDIA GPU{'s are' if pci_devices > 1 else ' is'} on the PCI bus"
            yield Finding("gpu", State.BROKEN, f"{error}, but {on_the_bus}", _driver_remedy(str(error)))
        elif required:
            right = "install NVIDIA's driver, or set `gpu: {enabled: auto}`"
            yield Finding("gpu", State.BROKEN, f"{error}, and the settings ask for GPUs", right)
        else:
            yield Finding("gpu", State.ABSENT, f"{error}: GPU metrics are left out")
        return
    except SourceError as error:
        yield Finding("gpu", State.BROKEN, str(error), _remedy(str(error)))
        return
    yield from _devices(found)


def _devices(found: Snapshot) -> Iterator[Finding]:
    rest = list(found.failures)
    up = [gpu for gpu in found.gpus if gpu.up]
    if up:
        info = up[0].info
        names = ", ".join(sorted({gpu.info.get("name", "") for gpu in up}))
        yield Finding("gpu", State.OK, f"{len(up)} answering: {names}; driver {info.get('driver', '?')}")
    general = [each for each in rest if not _OF_A_GPU.search(each)]
    if general or not found.gpus:
        says = "; ".join(general) or "the driver sees no GPU"
        yield Finding("gpu", State.BROKEN, says, _remedy(says))
    for gpu in found.gpus:
        if not gpu.up:
            own = _about(gpu, rest)
            rest = [each for each in rest if each not in own]
            says = "; ".join(own) or "does not answer"
            yield Finding(f"gpu {gpu.gpu}", State.BROKEN, says, _remedy(says, general))
    if found.pci_devices and found.devices is not None and found.devices < found.pci_devices:
        says = f"the driver sees {found.devices} of {found.pci_devices} GPUs on the PCI bus"
        yield Finding("gpu", State.BROKEN, says, "`dmesg | grep -i nvrm` says why; GpuMissing fires for it")
    partly = [each for each in rest if each not in general]
    if partly:
        more = f" and {len(partly) - _TOLD} more" if len(partly) > _TOLD else ""
        yield Finding("gpu", State.DEGRADED, "; ".join(partly[:_TOLD]) + more, _remedy(" ".join(partly)))


def _about(gpu: Gpu, failures: list[str]) -> list[str]:
    """What went wrong with a GPU. One that is gone is named with its uuid, since its index may be another's by now."""
    gone = [each for each in failures if gpu.uuid and f"({gpu.uuid})" in each]
    return gone or [each for each in failures if (of := _OF_A_GPU.search(each)) and of[1] == gpu.gpu and not of[2]]


def _driver_remedy(says: str) -> str:
    if "libnvidia-ml" in says:
        return _LIBRARY
    return _REMEDIES["DRIVER_NOT_LOADED"]


def _remedy(says: str, general: list[str] | None = None) -> str:
    texts = [says, *(general or [])]
    return next((right for error, right in _REMEDIES.items() if any(error in text for text in texts)), _LOOK)
